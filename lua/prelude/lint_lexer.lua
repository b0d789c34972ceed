-- A Lua 5.4 source cut into tokens, as the real lexer cuts it (lua.org, manual 3.1).
--
-- Tokens lie in three parallel lists, which is a third of the memory of a table each: kinds[i] is "name",
-- "number", "string", "eof", or the word or sign itself; values[i] the name, the number or the string's value;
-- lines[i] where it starts.
local lexer = {}

local byte, char, find, sub = string.byte, string.char, string.find, string.sub

local KEYWORDS = {}
for word in string.gmatch("and break do else elseif end false for function goto if in local nil not or repeat \z
        return then true until while", "%a+") do
    KEYWORDS[word] = true
end

-- Signs of three bytes, then of two; what is in neither is one byte.
local LONG_SIGNS = {["..."] = true}
local SIGNS = {}
for sign in string.gmatch("// == ~= <= >= << >> :: ..", "%S+") do
    SIGNS[sign] = true
end

local ESCAPES = {a = "\a", b = "\b", f = "\f", n = "\n", r = "\r", t = "\t", v = "\v", ["\\"] = "\\", ['"'] = '"',
    ["'"] = "'"}

-- What a source that is no Lua is refused with; caught by lexer.scan.
local Refusal = {}
lexer.Refusal = Refusal

function lexer.refuse(line, sentence)
    error(setmetatable({line = line, sentence = sentence}, Refusal), 0)
end
local refuse = lexer.refuse

-- Past one line end (\n, \r, \r\n, \n\r) that starts at `at`.
local function skip_newline(source, at)
    local first, second = byte(source, at, at + 1)
    if (second == 10 or second == 13) and second ~= first then
        return at + 2
    end
    return at + 1
end

-- How many line ends lie in source[from..to].
local function count_lines(source, from, to)
    local n = 0
    local at = find(source, "[\r\n]", from)
    while at and at <= to do
        n = n + 1
        at = find(source, "[\r\n]", skip_newline(source, at))
    end
    return n
end

-- "[[", "[==[" at `at`: the position after it and the closing bracket; nil when it is none. A "[=" without a
-- second "[" is returned as false.
local function long_bracket(source, at)
    local _, last, equals = find(source, "^%[(=*)%[", at)
    if last then
        return last + 1, "]" .. equals .. "]"
    end
    if byte(source, at + 1) == 61 then
        return false
    end
    return nil
end

-- The text of a long string from `at` up to its closing bracket; its value, the position after it, lines passed.
local function long_text(source, at, closing, line, what)
    local first, last = find(source, closing, at, true)
    if not first then
        refuse(line, "unfinished long " .. what .. " (starts here)")
    end
    return first, last + 1, count_lines(source, at, first - 1)
end

local function long_value(source, from, to)
    local start = byte(source, from)
    if from <= to and (start == 10 or start == 13) then
        from = skip_newline(source, from)
    end
    local value = sub(source, from, to)
    if find(value, "\r", 1, true) then
        value = string.gsub(string.gsub(string.gsub(value, "\r\n", "\n"), "\n\r", "\n"), "\r", "\n")
    end
    return value
end

-- \u{XXX}: up to 2^31, as Lua has it.
local function utf8_escape(source, at, line)
    local _, last, digits = find(source, "^{0*(%x*)}", at + 1)
    if not last or (digits == "" and sub(source, last - 1, last - 1) ~= "0") or #digits > 8 then
        refuse(line, "a \\u escape is \\u{XXX}, with hexadecimal digits")
    end
    local code = tonumber("0" .. digits, 16)
    if code > 0x7FFFFFFF then
        refuse(line, "the value of a \\u escape is too large")
    end
    return utf8.char(code), last + 1
end

local function decimal_escape(source, at, line)
    local _, last, digits = find(source, "^(%d%d?%d?)", at)
    if not last then
        refuse(line, "invalid escape sequence in a string")
    end
    if tonumber(digits) > 255 then
        refuse(line, "a decimal escape in a string is at most \\255")
    end
    return char(tonumber(digits)), last + 1
end

-- The escape whose letter is at `at`: its value, the position after it, the line after it.
local function escape(source, at, line)
    local letter = sub(source, at, at)
    if ESCAPES[letter] then
        return ESCAPES[letter], at + 1, line
    elseif letter == "\n" or letter == "\r" then
        return "\n", skip_newline(source, at), line + 1
    elseif letter == "x" then
        local digits = string.match(source, "^%x%x", at + 1)
        if not digits then
            refuse(line, "\\x in a string wants two hexadecimal digits")
        end
        return char(tonumber(digits, 16)), at + 3, line
    elseif letter == "z" then
        local _, last = find(source, "^[ \f\t\v\r\n]*", at + 1)
        return "", last + 1, line + count_lines(source, at + 1, last)
    end
    local value, after
    if letter == "u" then
        value, after = utf8_escape(source, at, line)
    else
        value, after = decimal_escape(source, at, line)
    end
    return value, after, line
end

-- The string whose quote is at `at`: its value, the position after it, the line after it.
local function short_string(source, at, line)
    local quote = sub(source, at, at)
    local special = quote == '"' and '["\\\r\n]' or "['\\\r\n]"
    local parts, n = {}, 0
    at = at + 1
    while true do
        local stop = find(source, special, at)
        local sign = stop and sub(source, stop, stop)
        if not stop or sign == "\n" or sign == "\r" then
            refuse(line, "unfinished string")
        end
        n = n + 1
        parts[n] = sub(source, at, stop - 1)
        if sign == quote then
            return table.concat(parts), stop + 1, line
        end
        n = n + 1
        parts[n], at, line = escape(source, stop + 1, line)
    end
end

-- The numeral at `at`: its value and the position after it. Reads as the real lexer does (anything that could
-- belong to a number) and then asks whether it is one.
local function numeral(source, at, line)
    local start = at
    local exponent = "^[eE][+-]?"
    if find(source, "^0[xX]", at) then
        exponent = "^[pP][+-]?"
        at = at + 2
    end
    while true do
        local _, last = find(source, exponent, at)
        if not last then
            _, last = find(source, "^[%x.]", at)
        end
        if not last then
            break
        end
        at = last + 1
    end
    local _, last = find(source, "^[%a_]", at)
    at = last and last + 1 or at
    local text = sub(source, start, at - 1)
    local value = tonumber(text)
    if not value then
        refuse(line, "malformed number " .. sub(text, 1, 40))
    end
    return value, at
end

-- "-- lint: allow no_reason, lost_write": the codes of that line, so that a warning can be answered.
local function note_allowed(tokens, comment, line)
    local codes = string.match(comment, "^%-%-%s?lint: allow ([%w_, ]+)")
    if codes then
        tokens.allowed[line] = tokens.allowed[line] or {}
        for code in string.gmatch(codes, "[%w_]+") do
            tokens.allowed[line][code] = true
        end
    end
end

-- The comment at `at`: the position after it, the line after it.
local function comment(tokens, source, at, line)
    local body, closing = nil, nil
    if byte(source, at + 2) == 91 then
        body, closing = long_bracket(source, at + 2)
    end
    if body then
        local _, after, lines = long_text(source, body, closing, line, "comment")
        return after, line + lines
    end
    local stop = find(source, "[\r\n]", at) or #source + 1
    note_allowed(tokens, sub(source, at, math.min(stop - 1, at + 200)), line)
    return stop, line
end

local function sign_at(source, at)
    local three = sub(source, at, at + 2)
    if LONG_SIGNS[three] then
        return three
    end
    local two = sub(three, 1, 2)
    return SIGNS[two] and two or sub(three, 1, 1)
end

local function scan(tokens, source)
    local kinds, values, lines = tokens.kinds, tokens.values, tokens.lines
    local n, at, line = 0, 1, 1
    while true do
        local _, blank = find(source, "^[ \f\t\v]+", at)
        at = blank and blank + 1 or at
        local first, second = byte(source, at, at + 1)
        if not first then
            break
        elseif first == 10 or first == 13 then
            at = skip_newline(source, at)
            line = line + 1
        elseif first == 45 and second == 45 then
            at, line = comment(tokens, source, at, line)
        else
            n = n + 1
            lines[n], values[n] = line, false
            local body, closing
            if first == 91 then
                body, closing = long_bracket(source, at)
            end
            if find(source, "^[%a_]", at) then
                local _, last = find(source, "^[%w_]+", at)
                local word = sub(source, at, last)
                kinds[n] = KEYWORDS[word] and word or "name"
                values[n] = word
                at = last + 1
            elseif first == 34 or first == 39 then
                kinds[n] = "string"
                values[n], at, line = short_string(source, at, line)
            elseif body then
                local stop, after, passed = long_text(source, body, closing, line, "string")
                kinds[n], values[n] = "string", long_value(source, body, stop - 1)
                at, line = after, line + passed
            elseif body == false then
                refuse(line, "invalid long string delimiter")
            elseif find(source, "^%.?%d", at) then
                kinds[n] = "number"
                values[n], at = numeral(source, at, line)
            else
                kinds[n] = sign_at(source, at)
                at = at + #kinds[n]
            end
        end
    end
    kinds[n + 1], values[n + 1], lines[n + 1] = "eof", false, line
end

-- The tokens of a source, the last of them "eof". Raises a Refusal when the source is no Lua.
-- allowed: line -> set of codes from "-- lint: allow" comments.
function lexer.scan(source)
    local tokens = {kinds = {}, values = {}, lines = {}, allowed = {}}
    scan(tokens, source)
    return tokens
end

return lexer
