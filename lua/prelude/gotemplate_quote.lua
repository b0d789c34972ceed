-- UTF-8 as Go decodes it, and Go's quoted strings: both ways (package strconv).
local M = ...
local quote = {}

local is_print = M.gotemplate_unicode.is_print
local byte, char, sub, find, format = string.byte, string.char, string.sub, string.find, string.format

local RUNE_ERROR = 0xFFFD

-- The code point at byte i of s and its width; a byte that begins no valid sequence is U+FFFD of width 1.
-- Past the end: -1 and 0.
local function decode(s, i)
    local a, b, c, d = byte(s, i, i + 3)
    if not a then
        return -1, 0
    elseif a < 0x80 then
        return a, 1
    elseif a < 0xC2 or a > 0xF4 or not b or b & 0xC0 ~= 0x80 then
        return RUNE_ERROR, 1
    elseif a < 0xE0 then
        return (a & 0x1F) << 6 | b & 0x3F, 2
    elseif not c or c & 0xC0 ~= 0x80 then
        return RUNE_ERROR, 1
    elseif a < 0xF0 then
        local r = (a & 0x0F) << 12 | (b & 0x3F) << 6 | c & 0x3F
        if r < 0x800 or r >= 0xD800 and r <= 0xDFFF then
            return RUNE_ERROR, 1
        end
        return r, 3
    elseif not d or d & 0xC0 ~= 0x80 then
        return RUNE_ERROR, 1
    end
    local r = (a & 0x07) << 18 | (b & 0x3F) << 12 | (c & 0x3F) << 6 | d & 0x3F
    if r < 0x10000 or r > 0x10FFFF then
        return RUNE_ERROR, 1
    end
    return r, 4
end
quote.decode = decode

-- Is r a code point that UTF-8 may encode?
local function valid_rune(r)
    return r >= 0 and r < 0xD800 or r > 0xDFFF and r <= 0x10FFFF
end

-- r in UTF-8; U+FFFD when it is no code point.
local function encode(r)
    return utf8.char(valid_rune(r) and r or RUNE_ERROR)
end
quote.encode = encode

-- How many code points s has, an invalid byte counting as one.
function quote.rune_count(s)
    local n = utf8.len(s)
    if n then
        return n
    end
    n = 0
    local i = 1
    while i <= #s do
        local _, width = decode(s, i)
        i = i + width
        n = n + 1
    end
    return n
end

-- The first n code points of s.
function quote.truncate(s, n)
    if n >= #s then
        return s
    end
    local i = 1
    while n > 0 and i <= #s do
        local _, width = decode(s, i)
        i = i + width
        n = n - 1
    end
    return sub(s, 1, i - 1)
end

local short_escapes = {
    [7] = "\\a", [8] = "\\b", [12] = "\\f", [10] = "\\n", [13] = "\\r", [9] = "\\t", [11] = "\\v",
}

-- One code point inside quotes; mark is the byte of the quote, which needs a backslash as the backslash does.
local function escape_rune(r, mark, ascii)
    if r == mark or r == 92 then
        return "\\" .. char(r)
    elseif is_print(r) and (r < 0x80 or not ascii) then
        return utf8.char(r)
    elseif short_escapes[r] then
        return short_escapes[r]
    elseif r < 0x20 or r == 0x7F then
        return format("\\x%02x", r)
    elseif r < 0x10000 then
        return format("\\u%04x", r)
    end
    return format("\\U%08x", r)
end

-- s as a double-quoted Go string; with ascii, everything else is escaped.
function quote.quote(s, ascii)
    if not find(s, "[^ !#-%[%]-~]") then
        return '"' .. s .. '"'
    end
    local pieces, n, i = {'"'}, 1, 1
    while i <= #s do
        n = n + 1
        local _, stop = find(s, "^[ !#-%[%]-~]+", i)
        if stop then
            pieces[n] = sub(s, i, stop)
            i = stop + 1
        else
            local r, width = decode(s, i)
            if r == RUNE_ERROR and width == 1 then
                pieces[n] = format("\\x%02x", byte(s, i))
            else
                pieces[n] = escape_rune(r, 34, ascii)
            end
            i = i + width
        end
    end
    pieces[n + 1] = '"'
    return table.concat(pieces)
end

-- r as a single-quoted Go character.
function quote.quote_rune(r, ascii)
    if not valid_rune(r) then
        r = RUNE_ERROR
    end
    return "'" .. escape_rune(r, 39, ascii) .. "'"
end

-- Can s stand unchanged between backquotes, on one line?
function quote.can_backquote(s)
    if find(s, "[\0-\8\10-\31`\127]") or find(s, "\u{FEFF}", 1, true) then
        return false
    end
    return utf8.len(s) ~= nil
end

local simple = {
    a = 7, b = 8, f = 12, n = 10, r = 13, t = 9, v = 11, ["\\"] = 92,
}
local hex_width = {x = 2, u = 4, U = 8}

-- The character that begins at byte i of s, inside quotes of the byte mark: its code, where the next begins,
-- and whether the code is a code point (else it is a byte). nil when the syntax is wrong.
local function unquote_char(s, i, mark)
    local c = byte(s, i)
    if not c or c == mark then
        return nil
    elseif c >= 0x80 then
        local r, width = decode(s, i)
        return r, i + width, true
    elseif c ~= 92 then
        return c, i + 1, false
    end
    local e = sub(s, i + 1, i + 1)
    if simple[e] then
        return simple[e], i + 2, false
    elseif hex_width[e] then
        local digits = sub(s, i + 2, i + 1 + hex_width[e])
        if #digits < hex_width[e] or find(digits, "%X") then
            return nil
        end
        local code = tonumber(digits, 16)
        if e == "x" then
            return code, i + 4, false
        elseif not valid_rune(code) then
            return nil
        end
        return code, i + 2 + hex_width[e], true
    elseif find(e, "^[0-7]") then
        local digits = sub(s, i + 1, i + 3)
        local code = find(digits, "^[0-7][0-7][0-7]$") and tonumber(digits, 8)
        if not code or code > 255 then
            return nil
        end
        return code, i + 4, false
    elseif e ~= "" and byte(e) == mark then
        return mark, i + 2, false
    end
    return nil
end
quote.unquote_char = unquote_char

-- The string that a Go literal, with its quotes, stands for; nil when its syntax is wrong.
function quote.unquote(s)
    local mark = byte(s, 1)
    if mark == 96 then
        return (string.gsub(sub(s, 2, -2), "\r", ""))
    end
    if not find(s, "[\\\n\x80-\xff]") then
        return sub(s, 2, -2)
    end
    local pieces, n, i = {}, 0, 2
    while byte(s, i) ~= mark do
        if byte(s, i) == 10 then
            return nil
        end
        local code, after, point = unquote_char(s, i, mark)
        if not code then
            return nil
        end
        n = n + 1
        pieces[n] = point and encode(code) or char(code)
        i = after
    end
    if i ~= #s then
        return nil
    end
    return table.concat(pieces)
end

return quote
