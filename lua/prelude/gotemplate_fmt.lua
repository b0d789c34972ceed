-- Printing one value under one verb, or %!verb(type=value) (package fmt, print.go).
--
-- The printer's flags stay in force inside lists and maps, so "%6.2v" pads every element. Arguments are what
-- value.any returns.
local M = ...
local fmt = {}

local value, quote, printer = M.gotemplate_value, M.gotemplate_quote, M.gotemplate_printer
local format, sub = string.format, string.sub
local kind_of, type_name, null = value.kind, value.type_name, value.null
local write, pad, write_padding = printer.write, printer.pad, printer.write_padding
local format_integer, format_unicode, format_float = printer.integer, printer.unicode, printer.float

-- Go prints addresses for %p and never the same ones; this one stands for all.
local ADDRESS = 0xc000012000

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
