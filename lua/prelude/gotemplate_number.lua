-- Number constants of a template: text to value, with Go's syntax, limits and errors.
--
-- The text of a constant decides its type: complex if it ends in i, float64 if it is written as one, else
-- int.
local M = ...
local number = {}

local unquote_char = M.gotemplate_quote.unquote_char
local quote = M.gotemplate_quote.quote
local value = M.gotemplate_value
local byte, find, gsub = string.byte, string.find, string.gsub
local lower, match, sub = string.lower, string.match, string.sub

-- Do the underscores of s separate digits only (a base prefix counting as one)?
local function underscores_fit(s)
    s = gsub(s, "^[-+]", "")
    local prefix = match(s, "^0([bBoOxX])")
    local digit = prefix and lower(prefix) == "x" and "%x" or "%d"
    local last = "" -- "0" after a digit, "_" after an underscore
    if prefix then
        s, last = sub(s, 3), "0"
    end
    for c in string.gmatch(s, ".") do
        if find(c, digit) then
            last = "0"
        elseif c == "_" then
            if last ~= "0" then
                return false
            end
            last = "_"
        else
            if last == "_" then
                return false
            end
            last = ""
        end
    end
    return last ~= "_"
end

local bases = {b = 2, o = 8, x = 16}

-- s as an unsigned integer of 64 bits (in a Lua integer), or nil.
local function parse_uint(s)
    local base, digits = 10, s
    if byte(s, 1) == 48 then
        local prefix = #s >= 3 and bases[lower(sub(s, 2, 2))]
        base = prefix or 8
        digits = sub(s, prefix and 3 or 2)
    end
    if s == "" or find(digits, "[^%w_]") then
        return nil
    end
    local n = 0
    for c in string.gmatch(digits, "%w") do
        local d = tonumber(c, 36)
        if d >= base then
            return nil
        end
        -- n * base + d within 64 bits, unsigned
        if base == 10 then
            if math.ult(1844674407370955161, n) or n == 1844674407370955161 and d > 5 then
                return nil
            end
        elseif math.ult(-1 >> (base == 16 and 4 or base == 8 and 3 or 1), n) then
            return nil
        end
        n = n * base + d
    end
    if find(s, "_", 1, true) and not underscores_fit(s) then
        return nil
    end
    return n
end

-- s as a signed integer, or nil.
local function parse_int(s)
    local sign = match(s, "^[-+]")
    local n = parse_uint(sign and sub(s, 2) or s)
    if not n then
        return nil
    elseif sign == "-" then
        if n < 0 and n ~= math.mininteger then
            return nil
        end
        return -n
    end
    return n >= 0 and n or nil
end

-- s as a float64, or nil: Go's decimal and hexadecimal syntax; out of range is nil too.
local function parse_float(s)
    if find(s, "_", 1, true) then
        if not underscores_fit(s) then
            return nil
        end
        s = gsub(s, "_", "")
    end
    local body = gsub(s, "^[-+]", "")
    local mantissa = match(body, "^0[xX]([%x.]*)[pP][-+]?%d+$") or match(body, "^([%d.]*)[eE][-+]?%d+$") or
        match(body, "^([%d.]*)$")
    if not mantissa or not find(mantissa, "%x") or find(mantissa, "%..*%.") then
        return nil
    end
    local f = tonumber(body)
    f = f and f + 0.0
    if not f or f == math.huge then
        return nil
    end
    return sub(s, 1, 1) == "-" and -f or f
end
number.parse_float, number.parse_int, number.parse_uint = parse_float, parse_int, parse_uint

-- The tokens of "1+2i" as Go scans them, each as a float64; nil and the error.
local function parse_complex(text)
    local i = 1
    local function token()
        local start = i
        local function accept(pattern)
            local _, stop = find(text, pattern, i)
            if stop then
                i = stop + 1
            end
            return stop
        end
        accept("^[-+]")
        local digits, exponent = "^[%d_]*", "^[eEpP]"
        if accept("^0") and accept("^[xX]") then
            digits, exponent = "^[%x_]*", "^[pP]"
        end
        accept(digits)
        if accept("^%.") then
            accept(digits)
        end
        if accept(exponent) then
            accept("^[-+]")
            accept("^[%d_]*")
        end
        return sub(text, start, i - 1)
    end
    local re = token()
    local sign = match(text, "^[-+]", i)
    if not sign then
        return nil, "syntax error scanning complex number"
    end
    i = i + 1
    local im = sign .. token()
    if sub(text, i, i) ~= "i" then
        return nil, "syntax error scanning complex number"
    end
    local parts = {}
    for k, part in ipairs({re, im}) do
        parts[k] = parse_float(part)
        if not parts[k] then
            local body = gsub(gsub(part, "_", ""), "^[-+]", "")
            local reason = tonumber(body) == math.huge and "value out of range" or "invalid syntax"
            return nil, "strconv.ParseFloat: parsing " .. quote(part) .. ": " .. reason
        end
    end
    return value.complex(parts[1], parts[2])
end

-- The value of a constant, or nil and the parser's error. kind is the token's: charconst, complex or number.
-- An integer above the largest int is a constant still, but an error when used: then the value is nil without
-- error.
function number.parse(text, kind)
    if kind == "charconst" then
        local code, after = unquote_char(text, 2, 39)
        if not code then
            return nil, "invalid syntax"
        elseif sub(text, after) ~= "'" then
            return nil, "malformed character constant: " .. text
        end
        return code
    elseif kind == "complex" then
        return parse_complex(text)
    end
    if sub(text, -1) == "i" then
        local f = parse_float(sub(text, 1, -2))
        if f then
            return value.complex(0.0, f)
        end
    end
    local float_text = find(text, "[.eEpP]")
    local n = parse_int(text)
    if n then
        -- "-0x1e" holds an e and is not taken for a hexadecimal integer, because of its sign
        if float_text and not find(text, "^0[xX]") then
            return n + 0.0
        end
        return n
    elseif parse_uint(text) then
        return nil
    end
    local f = parse_float(text)
    if not f then
        return nil, "illegal number syntax: " .. quote(text)
    elseif not float_text then
        return nil, "integer overflow: " .. quote(text)
    end
    return f
end

return number
