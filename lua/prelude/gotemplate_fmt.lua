-- Printing one value under one verb: flags, width, precision, %!verb(type=value) (package fmt, print.go/format.go).
--
-- A printer collects pieces and keeps the flags of the directive at hand. They stay in force inside lists and maps,
-- so "%6.2v" pads every element. wid and prec are nil when absent. Arguments are what value.any returns.
local M = ...
local fmt = {}

local value, quote, float = M.gotemplate_value, M.gotemplate_quote, M.gotemplate_float
local throw = M.gotemplate_fail.throw
local format, rep, sub, find, upper = string.format, string.rep, string.sub, string.find, string.upper
local kind_of, type_name, null = value.kind, value.type_name, value.null
local rune_count = quote.rune_count

-- Go prints addresses for %p and never the same ones; this one stands for all.
local ADDRESS = 0xc000012000

-- A printer whose text stays within limits.output bytes.
function fmt.printer(limits)
    local p = {n = 0, size = 0, limit = limits.output, limits = limits}
    fmt.clear_flags(p)
    return p
end

function fmt.clear_flags(p)
    p.wid, p.prec = nil, nil
    p.minus, p.plus, p.sharp, p.space, p.zero = false, false, false, false, false
    p.plus_v, p.sharp_v = false, false
end

local function write(p, s)
    local size = p.size + #s
    if size > p.limit then
        throw(p.limits.prefix .. "a value is larger than " .. p.limit .. " bytes")
    end
    p.size = size
    p.n = p.n + 1
    p[p.n] = s
end
fmt.write = write

-- All that was printed. Leaves the printer as it is.
function fmt.finish(p)
    return table.concat(p, "", 1, p.n)
end

local function write_padding(p, n)
    if n > 0 then
        write(p, rep(p.zero and not p.minus and "0" or " ", n))
    end
end

local function pad(p, s)
    local wid = p.wid
    if not wid or wid == 0 then
        write(p, s)
        return
    end
    local n = wid - rune_count(s)
    if p.minus then
        write(p, s)
        write_padding(p, n)
    else
        write_padding(p, n)
        write(p, s)
    end
end
fmt.pad = pad

-- Padding with blanks whatever the flag 0 says: numbers have their zeros already.
local function pad_blank(p, s)
    local zero = p.zero
    p.zero = false
    pad(p, s)
    p.zero = zero
end

local print_value

local function bad_verb(p, v, verb)
    write(p, "%!" .. verb .. "(")
    if v == null then
        write(p, "<nil>")
    else
        write(p, type_name(v) .. "=")
        print_value(p, v, "v", 0)
    end
    write(p, ")")
end

local function binary(n)
    local digits, i = {}, 0
    repeat
        i = i + 1
        digits[i] = n & 1
        n = n >> 1
    until n == 0
    return string.reverse(table.concat(digits))
end

-- n without its sign in base 2, 8, 10 or 16.
local function digits_of(n, base)
    if base == 10 then
        return n == math.mininteger and "9223372036854775808" or format("%d", n)
    elseif base == 16 then
        return format("%x", n)
    elseif base == 8 then
        return format("%o", n)
    end
    return binary(n)
end

local function format_integer(p, n, base, signed, verb)
    local negative = signed and n < 0
    if negative then
        n = -n
    end
    local precision = 0
    if p.prec then
        precision = p.prec
        if precision == 0 and n == 0 then
            if p.wid then
                write(p, rep(" ", p.wid))
            end
            return
        end
    elseif p.zero and not p.minus and p.wid then
        precision = p.wid
        if negative or p.plus or p.space then
            precision = precision - 1
        end
    end
    local text = digits_of(n, base)
    if verb == "X" then
        text = upper(text)
    end
    if #text < precision then
        text = rep("0", precision - #text) .. text
    end
    if p.sharp then
        if base == 2 then
            text = "0b" .. text
        elseif base == 8 and sub(text, 1, 1) ~= "0" then
            text = "0" .. text
        elseif base == 16 then
            text = (verb == "X" and "0X" or "0x") .. text
        end
    end
    if verb == "O" then
        text = "0o" .. text
    end
    text = (negative and "-" or p.plus and "+" or p.space and " " or "") .. text
    pad_blank(p, text)
end

local function format_unicode(p, n)
    local precision = p.prec and p.prec > 4 and p.prec or 4
    local text = upper(digits_of(n, 16))
    text = "U+" .. rep("0", precision - #text) .. text
    if p.sharp and n >= 0 and n <= 0x10FFFF and M.gotemplate_unicode.is_print(n) then
        text = text .. " '" .. quote.encode(n) .. "'"
    end
    pad_blank(p, text)
end

local bases = {v = 10, d = 10, b = 2, o = 8, O = 8, x = 16, X = 16}

-- v: what %!verb(...) shows; n: its number.
local function print_integer(p, v, n, signed, verb)
    if verb == "v" and p.sharp_v and not signed then
        local sharp = p.sharp
        p.sharp = true
        format_integer(p, n, 16, false, "v")
        p.sharp = sharp
    elseif bases[verb] then
        format_integer(p, n, bases[verb], signed, verb)
    elseif verb == "c" then
        pad(p, quote.encode(n))
    elseif verb == "q" then
        pad(p, quote.quote_rune(n, p.plus))
    elseif verb == "U" then
        format_unicode(p, n)
    else
        bad_verb(p, v, verb)
    end
end

-- The flag # on a float: a decimal point always, and the trailing zeros that %g leaves off.
local function sharpen(text, letter, precision)
    local digits = 0
    if letter == "g" or letter == "G" or letter == "x" then
        digits = precision == -1 and 6 or precision
    end
    local number, tail = text, ""
    local at = find(text, (letter == "x" or letter == "X") and "[pP]" or "[eE]")
    if at then
        number, tail = sub(text, 1, at - 1), sub(text, at)
    end
    local seen, has_point = false, false
    for c in string.gmatch(number, ".") do
        if c == "." then
            has_point = true
        else
            seen = seen or c ~= "0"
            if seen then
                digits = digits - 1
            end
        end
    end
    if not has_point then
        if number == "0" then
            digits = digits - 1
        end
        number = number .. "."
    end
    return number .. rep("0", digits) .. tail
end

local function format_float(p, v, letter, precision)
    precision = p.prec or precision
    local sign, text = float.text(v, letter, precision)
    if p.space and sign == "+" and not p.plus then
        sign = " "
    end
    if text == "Inf" or text == "NaN" then
        if text == "NaN" and not p.space and not p.plus then
            sign = ""
        end
        pad_blank(p, sign .. text)
        return
    end
    if p.sharp and letter ~= "b" then
        text = sharpen(text, letter, precision)
    end
    if p.plus or sign ~= "+" then
        if p.zero and not p.minus and p.wid and p.wid > #text + 1 then
            write(p, sign)
            write_padding(p, p.wid - #text - 1)
            write(p, text)
            return
        end
        pad(p, sign .. text)
        return
    end
    pad(p, text)
end

local float_letters = {
    v = "g", b = "b", g = "g", G = "G", x = "x", X = "X", f = "f", F = "f", e = "e", E = "E",
}
local default_precisions = {f = 6, F = 6, e = 6, E = 6}

local function print_float(p, v, verb)
    format_float(p, v, float_letters[verb], default_precisions[verb] or -1)
end

local function format_hex(p, s, verb)
    local length = #s
    if p.prec and p.prec < length then
        length = p.prec
    end
    if length == 0 then
        if p.wid then
            write_padding(p, p.wid)
        end
        return
    end
    local pattern = verb == "X" and "%02X" or "%02x"
    local prefix = p.sharp and (verb == "X" and "0X" or "0x") or ""
    local text = string.gsub(sub(s, 1, length), ".", function(c)
        return format(pattern, string.byte(c)) .. (p.space and " " .. prefix or "")
    end)
    if p.space then
        text = sub(text, 1, -2 - #prefix)
    end
    text = prefix .. text
    if p.wid and not p.minus then
        write_padding(p, p.wid - #text)
    end
    write(p, text)
    if p.wid and p.minus then
        write_padding(p, p.wid - #text)
    end
end

local function print_string(p, v, verb)
    if verb == "x" or verb == "X" then
        format_hex(p, v, verb)
        return
    elseif verb ~= "s" and verb ~= "v" and verb ~= "q" then
        bad_verb(p, v, verb)
        return
    end
    local s = p.prec and quote.truncate(v, p.prec) or v
    if verb == "q" or verb == "v" and p.sharp_v then
        if p.sharp and quote.can_backquote(s) then
            pad(p, "`" .. s .. "`")
        else
            pad(p, quote.quote(s, p.plus))
        end
    else
        pad(p, s)
    end
end

local function print_element(p, v, verb, depth)
    if v == nil or v == null then
        write(p, p.sharp_v and "interface {}(nil)" or "<nil>")
    else
        print_value(p, v, verb, depth + 1)
    end
end

local function print_map(p, map, verb, depth)
    write(p, p.sharp_v and "map[string]interface {}{" or "map[")
    for i, key in ipairs(value.keys(map)) do
        if i > 1 then
            write(p, p.sharp_v and ", " or " ")
        end
        print_string(p, key, verb)
        write(p, ":")
        print_element(p, map.at[key], verb, depth)
    end
    write(p, p.sharp_v and "}" or "]")
end

local function print_list(p, list, verb, depth)
    write(p, p.sharp_v and "[]interface {}{" or "[")
    for i = list.first + 1, list.first + list.n do
        if i > list.first + 1 then
            write(p, p.sharp_v and ", " or " ")
        end
        print_element(p, list.at[i], verb, depth)
    end
    write(p, p.sharp_v and "}" or "]")
end

-- v (not nil) under a verb other than T and p.
print_value = function(p, v, verb, depth)
    local kind = kind_of(v)
    if kind == "string" then
        print_string(p, v, verb)
    elseif kind == "int" then
        print_integer(p, v, v, true, verb)
    elseif kind == "uint8" then
        print_integer(p, v, v.v, false, verb)
    elseif kind == "bool" then
        if verb == "t" or verb == "v" then
            pad(p, tostring(v))
        else
            bad_verb(p, v, verb)
        end
    elseif kind == "float64" then
        if float_letters[verb] then
            print_float(p, v, verb)
        else
            bad_verb(p, v, verb)
        end
    elseif kind == "complex" then
        if not float_letters[verb] then
            bad_verb(p, v, verb)
            return
        end
        local plus = p.plus
        write(p, "(")
        print_float(p, v.re, verb)
        p.plus = true
        print_float(p, v.im, verb)
        write(p, "i)")
        p.plus = plus
    elseif kind == "map" then
        print_map(p, v, verb, depth)
    elseif kind == "list" then
        print_list(p, v, verb, depth)
    elseif kind == "interface" then
        print_element(p, v.v, verb, depth)
    else
        error("gotemplate: cannot print a value of kind " .. kind, 0)
    end
end
fmt.print_value = print_value

-- An argument of printf, print and the like under any verb.
function fmt.print_argument(p, v, verb)
    if v == null then
        if verb == "T" or verb == "v" then
            pad(p, "<nil>")
        else
            bad_verb(p, v, verb)
        end
        return
    end
    local kind = kind_of(v)
    if verb == "T" then
        local name = type_name(v)
        pad(p, p.prec and quote.truncate(name, p.prec) or name)
    elseif verb == "p" then
        if kind == "map" or kind == "list" then
            local sharp = p.sharp
            p.sharp = not sharp
            format_integer(p, ADDRESS, 16, false, "v")
            p.sharp = sharp
        else
            bad_verb(p, v, verb)
        end
    elseif verb == "w" and (kind == "map" or kind == "list") then
        bad_verb(p, v, verb) -- not element by element: %w asks the whole for an error
    else
        print_value(p, v, verb, 0)
    end
end

return fmt
