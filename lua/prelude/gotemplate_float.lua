-- float64 as text: the formats of Go's strconv (e, f, g, b, x), exact at any precision.
--
-- float.text returns the sign apart. Digits come from the C library through string.format, which rounds
-- exactly, to even on ties, as Go does; it takes two digits of precision, so beyond that the decimal
-- expansion is made here.
local float = {}

local format, rep, sub, find, match = string.format, string.rep, string.sub, string.find, string.match
local max = math.max

local SMALLEST_NORMAL = 0x1p-1022
local NO_PRECISION_LIMIT = 99 -- of string.format

-- Mantissa and exponent of the positive finite v: v = mantissa * 2^exponent, and whether v is normal.
local function split(v)
    local bits = string.unpack("<i8", string.pack("<d", v))
    local exponent = bits >> 52 & 0x7FF
    local mantissa = bits & 0xFFFFFFFFFFFFF
    if exponent == 0 then
        return mantissa, -1074, false
    end
    return mantissa | 0x10000000000000, exponent - 1075, true
end

-- "d.ddde+XX" of C as digits and the place of the decimal point: 0.DIGITS * 10^point.
local function parse_e(text)
    local lead, rest, exponent = match(text, "^(%d)%.?(%d*)e([-+]%d+)$")
    return lead .. rest, tonumber(exponent) + 1
end

-- The fewest digits that read back as v > 0, the closest such, and the point.
local function shortest(v)
    local mantissa, _, normal = split(v)
    if normal and tonumber(format("%.14e", v)) == v then
        local digits, point = parse_e(format("%.14e", v))
        return match(digits, "^(.-)0*$"), point
    end
    for precision = normal and 15 or 0, 16 do
        local text = format("%." .. precision .. "e", v)
        if tonumber(text) == v then
            local digits, point = parse_e(text)
            return match(digits, "^(.-)0*$"), point
        end
        if normal and mantissa == 0x10000000000000 then
            -- Below a power of two the floats lie closer: the nearest decimal may be a neighbour's while the
            -- one just above is still ours.
            local digits, point = parse_e(text)
            local above = tostring(tonumber(digits) + 1)
            if #above == #digits and tonumber("0." .. above .. "e" .. point) == v then
                return match(above, "^(.-)0*$"), point
            end
        end
    end
end

local LIMB = 10000000

-- All digits of v > 0 and the point, by multiplying out mantissa * 2^exponent (or * 5^-exponent /
-- 10^-exponent).
local function expand(v)
    local mantissa, exponent = split(v)
    local limbs = {} -- little-endian, base 10^7
    while mantissa > 0 do
        limbs[#limbs + 1] = mantissa % LIMB
        mantissa = mantissa // LIMB
    end
    local base, step, count = 2, 24, exponent
    if exponent < 0 then
        base, step, count = 5, 10, -exponent
    end
    while count > 0 do
        local n = count < step and count or step
        local factor, carry = 1, 0
        for _ = 1, n do
            factor = factor * base
        end
        for i = 1, #limbs do
            local product = limbs[i] * factor + carry
            limbs[i] = product % LIMB
            carry = product // LIMB
        end
        while carry > 0 do
            limbs[#limbs + 1] = carry % LIMB
            carry = carry // LIMB
        end
        count = count - n
    end
    local pieces = {tostring(limbs[#limbs])}
    for i = #limbs - 1, 1, -1 do
        pieces[#pieces + 1] = format("%07d", limbs[i])
    end
    local digits = table.concat(pieces)
    local point = #digits + (exponent < 0 and exponent or 0)
    return match(digits, "^(.-)0*$"), point
end

-- The first `count` (any number) of `digits`, rounded to even, and the point, which a carry moves.
local function round(digits, point, count)
    if count >= #digits then
        return digits, point
    elseif count < 0 then
        return "", 0
    end
    local kept, next_digit = sub(digits, 1, count), sub(digits, count + 1, count + 1)
    local up = next_digit > "5" or next_digit == "5" and
        (#digits > count + 1 or (count > 0 and tonumber(sub(kept, -1)) % 2 == 1))
    if not up then
        return match(kept, "^(.-)0*$"), point
    end
    local head = match(kept, "^(.-)9*$")
    if head == "" then
        return "1", point + 1
    end
    return sub(head, 1, -2) .. tostring(tonumber(sub(head, -1)) + 1), point
end

-- v > 0 to `count` significant digits, without trailing zeros.
local function significant(v, count)
    if count - 1 <= NO_PRECISION_LIMIT then
        local digits, point = parse_e(format("%." .. (count - 1) .. "e", v))
        return match(digits, "^(.-)0*$"), point
    end
    local digits, point = expand(v)
    digits, point = round(digits, point, count)
    return digits, point
end

-- +02, -10, +300
local function exponent_text(exponent)
    return format(exponent < 0 and "-%02d" or "+%02d", math.abs(exponent))
end

-- digits and point as d.ddde+XX with `precision` digits after the point.
local function as_e(digits, point, precision, letter)
    local lead = sub(digits, 1, 1)
    local exponent = point - 1
    if lead == "" then
        lead, exponent = "0", 0
    end
    local text = lead
    if precision > 0 then
        local rest = sub(digits, 2, 1 + precision)
        text = text .. "." .. rest .. rep("0", precision - #rest)
    end
    return text .. letter .. exponent_text(exponent)
end

-- digits and point as dd.ddd with `precision` digits after the point.
local function as_f(digits, point, precision)
    local text
    if point > 0 then
        text = sub(digits, 1, point) .. rep("0", point - #digits)
    else
        text = "0"
    end
    if precision > 0 then
        local fraction = rep("0", -point) .. sub(digits, max(point, 0) + 1)
        fraction = sub(fraction, 1, precision)
        text = text .. "." .. fraction .. rep("0", precision - #fraction)
    end
    return text
end

local function as_b(v)
    if v == 0 then
        return "0p-1074"
    end
    local mantissa, exponent = split(v)
    return format("%d", mantissa) .. "p" .. format("%+d", exponent)
end

local function as_x(v, precision, letter)
    local mantissa, exponent, normal = 0, 0, true
    if v ~= 0 then
        mantissa, exponent, normal = split(v)
        exponent = exponent + 52
    end
    mantissa = mantissa << 8 -- the leading 1 at bit 60
    if not normal then
        while mantissa & 1 << 60 == 0 do
            mantissa = mantissa << 1
            exponent = exponent - 1
        end
    end
    if precision >= 0 and precision < 15 then
        local shift = precision * 4
        local extra = mantissa << shift & (1 << 60) - 1
        mantissa = mantissa >> 60 - shift
        if extra | mantissa & 1 > 1 << 59 then
            mantissa = mantissa + 1
        end
        mantissa = mantissa << 60 - shift
        if mantissa & 1 << 61 ~= 0 then
            mantissa = mantissa >> 1
            exponent = exponent + 1
        end
    end
    local fraction = format("%015x", mantissa & (1 << 60) - 1)
    if precision < 0 then
        fraction = match(fraction, "^(.-)0*$")
    else
        fraction = sub(fraction, 1, precision) .. rep("0", precision - 15)
    end
    local text = "0x" .. (mantissa >> 60 & 1) .. (fraction == "" and "" or "." .. fraction) .. "p" ..
        exponent_text(exponent)
    return letter == "X" and string.upper(text) or text
end

local function as_g(v, precision, letter)
    local digits, point = "", 0
    local threshold = 6
    if precision < 0 then
        if v ~= 0 then
            digits, point = shortest(v)
        end
        precision = #digits
    else
        precision = max(precision, 1)
        if v ~= 0 then
            digits, point = significant(v, precision)
        end
        threshold = precision
        if threshold > #digits and #digits >= point then
            threshold = #digits
        end
    end
    local exponent = point - 1
    if exponent < -4 or exponent >= threshold then
        if precision > #digits then
            precision = #digits
        end
        return as_e(digits, point, precision - 1, letter == "g" and "e" or "E")
    end
    if precision > point then
        precision = #digits
    end
    return as_f(digits, point, max(precision - point, 0))
end

-- Sign ("+" or "-") and text of v. letter is one of e E f g G b x X; precision -1 is "as many digits as
-- needed".
function float.text(v, letter, precision)
    if v ~= v then
        return "+", "NaN"
    end
    local sign = "+"
    if v < 0 or v == 0 and 1 / v < 0 then
        sign, v = "-", -v
    end
    if v == math.huge then
        return sign, "Inf"
    elseif letter == "b" then
        return sign, as_b(v)
    elseif letter == "x" or letter == "X" then
        return sign, as_x(v, precision, letter)
    elseif letter == "g" or letter == "G" then
        return sign, as_g(v, precision, letter)
    elseif precision <= NO_PRECISION_LIMIT then
        return sign, format("%." .. precision .. letter, v)
    end
    local digits, point = "", 0
    if v ~= 0 then
        digits, point = expand(v)
    end
    if letter == "f" then
        digits, point = round(digits, point, point + precision)
        return sign, as_f(digits, point, precision)
    end
    digits, point = round(digits, point, precision + 1)
    return sign, as_e(digits, point, precision, letter)
end

return float
