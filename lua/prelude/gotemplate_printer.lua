-- A printer: the pieces printed so far, the flags of the directive at hand, and how they lay out strings and
-- numbers (package fmt, format.go). wid and prec are nil when absent.
local M = ...
local printer = {}

local quote, float = M.gotemplate_quote, M.gotemplate_float
local throw = M.gotemplate_fail.throw
local format, rep, sub, find, upper = string.format, string.rep, string.sub, string.find, string.upper
local rune_count = quote.rune_count

-- A printer whose text stays within limits.output bytes.
function printer.new(limits)
    local p = {n = 0, size = 0, limit = limits.output, limits = limits}
    printer.clear_flags(p)
    return p
end

function printer.clear_flags(p)
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
printer.write = write

-- All that was printed. Leaves the printer as it is.
function printer.finish(p)
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
printer.pad = pad

-- Padding with blanks whatever the flag 0 says: numbers have their zeros already.
local function pad_blank(p, s)
    local zero = p.zero
    p.zero = false
    pad(p, s)
    p.zero = zero
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

-- n in base 2, 8, 10 or 16; verb X makes upper case, O the prefix 0o.
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

-- n as U+0078, with # also the character.
local function format_unicode(p, n)
    local precision = p.prec and p.prec > 4 and p.prec or 4
    local text = upper(digits_of(n, 16))
    text = "U+" .. rep("0", precision - #text) .. text
    if p.sharp and n >= 0 and n <= 0x10FFFF and M.gotemplate_unicode.is_print(n) then
        text = text .. " '" .. quote.encode(n) .. "'"
    end
    pad_blank(p, text)
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

-- v as float.text writes it, with the flags.
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

printer.write_padding = write_padding
printer.integer, printer.unicode, printer.float = format_integer, format_unicode, format_float

return printer
