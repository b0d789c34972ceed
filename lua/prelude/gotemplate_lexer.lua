-- The text of a template cut into items (package text/template/parse, lex.go).
--
-- An item is {typ, val, pos, line}: pos counts bytes from 0, line from 1. lexer.next gives one at a time,
-- because the line an error names is that of the last item asked for. typ is a name: text, left, right,
-- space, field, variable, identifier, number ... and for keywords the keyword itself (dot is ".").
local M = ...
local lexer = {}

local quote = M.gotemplate_quote
local is_alphanumeric = M.gotemplate_unicode.is_alphanumeric
local decode = quote.decode
local byte, find, sub, gsub, format = string.byte, string.find, string.sub, string.gsub, string.format

local keywords = {
    ["."] = true, block = true, ["break"] = true, continue = true, define = true, ["else"] = true, ["end"] = true,
    ["if"] = true, range = true, ["nil"] = true, template = true, with = true,
}
lexer.keywords = keywords

-- pos: the next byte to read; start: where the item begins; both from 1. line counts newlines before pos.
function lexer.new(text)
    return {input = text, pos = 1, start = 1, line = 1, start_line = 1, depth = 0, inside = false}
end

-- How an item reads in an error.
function lexer.item_text(item)
    if item.typ == "eof" then
        return "EOF"
    elseif item.typ == "error" then
        return item.val
    elseif keywords[item.typ] then
        return "<" .. item.val .. ">"
    elseif #item.val > 10 then
        return quote.quote(quote.truncate(item.val, 10)) .. "..."
    end
    return quote.quote(item.val)
end

local function emit(l, typ)
    local item = {typ = typ, pos = l.start - 1, val = sub(l.input, l.start, l.pos - 1), line = l.start_line}
    l.start = l.pos
    l.start_line = l.line
    return item
end

local function failure(l, text)
    local item = {typ = "error", pos = l.start - 1, val = text, line = l.start_line}
    l.input, l.pos, l.start = "", 1, 1
    return item
end

local function count_lines(l)
    local _, n = gsub(sub(l.input, l.start, l.pos - 1), "\n", "")
    l.line = l.line + n
end

-- Skip what stands between start and pos.
local function ignore(l)
    count_lines(l)
    l.start = l.pos
    l.start_line = l.line
end

local function peek(l)
    return (decode(l.input, l.pos))
end

local function code_text(r)
    local text = format("U+%04X", r)
    if M.gotemplate_unicode.is_print(r) then
        text = text .. " '" .. quote.encode(r) .. "'"
    end
    return text
end

-- Is the next thing "}}" or " -}}"; and in the second case, true twice.
local function at_right(l)
    if find(l.input, "^[ \t\r\n]%-}}", l.pos) then
        return true, true
    end
    return find(l.input, "^}}", l.pos) ~= nil, false
end

-- A comment, whose "/*" is next. Returns an item for an error only.
local function skip_comment(l)
    local _, stop = find(l.input, "*/", l.pos + 2, true)
    if not stop then
        return failure(l, "unclosed comment")
    end
    l.pos = stop + 1
    local delimiter, trim = at_right(l)
    if not delimiter then
        return failure(l, "comment ends before closing delimiter")
    end
    l.pos = l.pos + (trim and 4 or 2)
    if trim then
        _, stop = find(l.input, "^[ \t\r\n]*", l.pos)
        l.pos = stop + 1
    end
    ignore(l)
    return nil
end

local function lex_right(l)
    local _, trim = at_right(l)
    if trim then
        l.pos = l.pos + 2
        ignore(l)
    end
    l.pos = l.pos + 2
    local item = emit(l, "right")
    if trim then
        local _, stop = find(l.input, "^[ \t\r\n]*", l.pos)
        l.pos = stop + 1
        ignore(l)
    end
    l.inside = false
    return item
end

local function lex_text(l)
    while true do
        local at = find(l.input, "{{", l.pos, true)
        if not at then
            l.pos = #l.input + 1
            if l.pos > l.start then
                count_lines(l)
                return emit(l, "text")
            end
            return emit(l, "eof")
        end
        if at > l.pos then
            l.pos = at
            if find(l.input, "^%-[ \t\r\n]", at + 2) then
                local last = at - 1
                while last >= l.start and find(l.input, "^[ \t\r\n]", last) do
                    last = last - 1
                end
                l.pos = last + 1
            end
            count_lines(l)
            local item = emit(l, "text")
            l.pos = at
            ignore(l)
            if item.val ~= "" then
                return item
            end
        end
        local marker = find(l.input, "^%-[ \t\r\n]", at + 2) and 2 or 0
        l.pos = at + 2
        if not find(l.input, "^/%*", l.pos + marker) then
            local item = emit(l, "left")
            l.inside = true
            l.pos = l.pos + marker
            ignore(l)
            l.depth = 0
            return item
        end
        l.pos = l.pos + marker
        ignore(l)
        local item = skip_comment(l)
        if item then
            return item
        end
    end
end

-- Spaces, of which the first is next; the last may belong to a trim marker.
local function lex_space(l)
    local _, stop = find(l.input, "^[ \t\r\n]+", l.pos)
    local spaces = stop - l.pos + 1
    l.pos = stop + 1
    if find(l.input, "^%-}}", l.pos) then
        l.pos = stop
        if spaces == 1 then
            return lex_right(l)
        end
    end
    count_lines(l)
    return emit(l, "space")
end

-- May a name end here? Breaks .X.Y in two, and refuses "$x+2".
local function at_terminator(l)
    return l.pos > #l.input or find(l.input, "^[ \t\r\n.,|:)(]", l.pos) or find(l.input, "^}}", l.pos)
end

local function skip_alphanumeric(l)
    while true do
        local _, stop = find(l.input, "^[%w_]+", l.pos)
        if stop then
            l.pos = stop + 1
        end
        local r, width = decode(l.input, l.pos)
        if r < 0x80 or not is_alphanumeric(r) then
            return
        end
        l.pos = l.pos + width
    end
end

local function lex_identifier(l)
    skip_alphanumeric(l)
    if not at_terminator(l) then
        return failure(l, "bad character " .. code_text(peek(l)))
    end
    local word = sub(l.input, l.start, l.pos - 1)
    if keywords[word] then
        return emit(l, word)
    elseif word == "true" or word == "false" then
        return emit(l, "bool")
    end
    return emit(l, "identifier")
end

-- A name after "." or "$", which is read.
local function lex_name(l, typ)
    if at_terminator(l) then
        return emit(l, typ == "variable" and typ or ".")
    end
    skip_alphanumeric(l)
    if not at_terminator(l) then
        return failure(l, "bad character " .. code_text(peek(l)))
    end
    return emit(l, typ)
end

local function accept(l, pattern)
    local _, stop = find(l.input, pattern, l.pos)
    if stop then
        l.pos = stop + 1
    end
    return stop
end

-- Something like a number; the parser tells whether it is one.
local function scan_number(l)
    accept(l, "^[-+]")
    local digits, exponent = "^[%d_]+", "^[eE]"
    if accept(l, "^0") then
        if accept(l, "^[xX]") then
            digits, exponent = "^[%x_]+", "^[pP]"
        elseif accept(l, "^[oO]") then
            digits, exponent = "^[0-7_]+", nil
        elseif accept(l, "^[bB]") then
            digits, exponent = "^[01_]+", nil
        end
    end
    accept(l, digits)
    if accept(l, "^%.") then
        accept(l, digits)
    end
    if exponent and accept(l, exponent) then
        accept(l, "^[-+]")
        accept(l, "^[%d_]+")
    end
    accept(l, "^i")
    local r, width = decode(l.input, l.pos)
    if r >= 0 and is_alphanumeric(r) then
        l.pos = l.pos + width
        return false
    end
    return true
end

local function lex_number(l)
    local good, typ = scan_number(l), "number"
    if good and find(l.input, "^[-+]", l.pos) then
        good = scan_number(l) and sub(l.input, l.pos - 1, l.pos - 1) == "i"
        typ = "complex"
    end
    if not good then
        return failure(l, "bad number syntax: " .. quote.quote(sub(l.input, l.start, l.pos - 1)))
    end
    return emit(l, typ)
end

-- The rest of a quoted string or character on one line, whose opening quote is read.
local function lex_quoted(l, mark, typ, what)
    while true do
        local at = find(l.input, "[\\\n" .. mark .. "]", l.pos)
        local c = at and byte(l.input, at)
        if c == 92 then
            local after = byte(l.input, at + 1)
            if not after or after == 10 then
                c = nil
            else
                l.pos = at + 2
            end
        end
        if not c or c == 10 then
            return failure(l, "unterminated " .. what)
        elseif c ~= 92 then
            l.pos = at + 1
            return emit(l, typ)
        end
    end
end

local function lex_raw(l)
    local at = find(l.input, "`", l.pos, true)
    if not at then
        return failure(l, "unterminated raw quoted string")
    end
    l.pos = at + 1
    count_lines(l)
    return emit(l, "rawstring")
end

local single = {["="] = "assign", ["|"] = "pipe"}

local function lex_inside(l)
    if at_right(l) then
        if l.depth == 0 then
            return lex_right(l)
        end
        return failure(l, "unclosed left paren")
    end
    local r, width = decode(l.input, l.pos)
    if r < 0 then
        return failure(l, "unclosed action")
    end
    local c = sub(l.input, l.pos, l.pos + width - 1)
    if find(c, "^[ \t\r\n]") then
        return lex_space(l)
    elseif find(c, "^[-+%d]") or c == "." and (l.pos == #l.input or find(l.input, "^%d", l.pos + 1)) then
        return lex_number(l) -- a "." that ends the text counts as one, and the parser says so
    elseif is_alphanumeric(r) then
        return lex_identifier(l)
    end
    l.pos = l.pos + width
    if c == "." then
        return lex_name(l, "field")
    elseif c == "$" then
        return lex_name(l, "variable")
    elseif c == '"' then
        return lex_quoted(l, '"', "string", "quoted string")
    elseif c == "'" then
        return lex_quoted(l, "'", "charconst", "character constant")
    elseif c == "`" then
        return lex_raw(l)
    elseif c == "(" then
        l.depth = l.depth + 1
        return emit(l, "leftparen")
    elseif c == ")" then
        l.depth = l.depth - 1
        if l.depth < 0 then
            return failure(l, "unexpected right paren")
        end
        return emit(l, "rightparen")
    elseif c == ":" then
        if byte(l.input, l.pos) ~= 61 then
            return failure(l, "expected :=")
        end
        l.pos = l.pos + 1
        return emit(l, "declare")
    elseif single[c] then
        return emit(l, single[c])
    elseif r < 0x80 and M.gotemplate_unicode.is_print(r) then
        return emit(l, "char")
    end
    return failure(l, "unrecognized character in action: " .. code_text(r))
end

-- The next item; after an error or at the end, more of the same.
function lexer.next(l)
    if l.inside then
        return lex_inside(l)
    end
    return lex_text(l)
end

return lexer
