-- Sprintf, Sprint and Sprintln of Go: directives, argument indexes, and what is said about wrong ones.
local M = ...
local printf = {}

local value, quote = M.gotemplate_value, M.gotemplate_quote
local fmt, printer = M.gotemplate_fmt, M.gotemplate_printer
local byte, find, match, sub = string.byte, string.find, string.match, string.sub
local write, print_argument, clear_flags = printer.write, fmt.print_argument, printer.clear_flags
local null, type_name = value.null, value.type_name

local LARGEST = 1000000 -- of a width, precision or argument index

-- Digits at i: the number or nil, and where they end; a number too large uses up all up to `stop`.
local function parse_number(s, i, stop)
    local n
    while i < stop do
        local c = byte(s, i)
        if c < 48 or c > 57 then
            break
        end
        if n and n > LARGEST then
            return nil, stop
        end
        n = (n or 0) * 10 + c - 48
        i = i + 1
    end
    return n, i
end

-- "[3]" at i, when there is one: the argument to use (from 0), where the bracket ends, and whether it was a
-- number. d collects what this does to the directive and the whole call.
local function argument_index(d, argument, s, i, count)
    if byte(s, i) ~= 91 then
        return argument, i, false
    end
    d.reordered = true
    local close = i + 2 <= #s and find(s, "]", i + 1, true)
    if not close then
        d.good = false
        return argument, i + 1, false
    end
    local n, after = parse_number(s, i + 1, close)
    if not n or after ~= close then
        d.good = false
        return argument, close + 1, false
    end
    if n >= 1 and n <= count then
        return n - 1, close + 1, true
    end
    d.good = false
    return argument, close + 1, true
end

-- A width or precision given as "*": the number or nil, and the next argument.
local function number_argument(args, argument)
    if argument >= args.n then
        return nil, argument
    end
    local v = args[argument + 1]
    if type(v) == "table" and v.kind == "uint8" then
        v = v.v
    end
    if math.type(v) ~= "integer" or v > LARGEST or v < -LARGEST then
        v = nil
    end
    return v, argument + 1
end

local function set_v_flags(p)
    p.sharp_v, p.sharp = p.sharp, false
    p.plus_v, p.plus = p.plus, false
end

local flags = {["#"] = "sharp", ["0"] = "zero", ["+"] = "plus", ["-"] = "minus", [" "] = "space"}

-- Width and precision of the directive at i; returns the next argument, where the verb is, and whether an
-- index stood right before it.
local function parse_sizes(p, d, s, i, argument, args)
    local stop = #s + 1
    local indexed
    argument, i, indexed = argument_index(d, argument, s, i, args.n)
    if byte(s, i) == 42 then
        i = i + 1
        p.wid, argument = number_argument(args, argument)
        if not p.wid then
            write(p, "%!(BADWIDTH)")
        elseif p.wid < 0 then
            p.wid = -p.wid
            p.minus = true
            p.zero = false
        end
        indexed = false
    else
        p.wid, i = parse_number(s, i, stop)
        if indexed and p.wid then
            d.good = false
        end
    end
    if i + 1 < stop and byte(s, i) == 46 then
        i = i + 1
        if indexed then
            d.good = false
        end
        argument, i, indexed = argument_index(d, argument, s, i, args.n)
        if byte(s, i) == 42 then
            i = i + 1
            p.prec, argument = number_argument(args, argument)
            if p.prec and p.prec < 0 then
                p.prec = nil
            end
            if not p.prec then
                write(p, "%!(BADPREC)")
            end
            indexed = false
        else
            p.prec, i = parse_number(s, i, stop)
            p.prec = p.prec or 0
        end
    end
    if not indexed then
        argument, i = argument_index(d, argument, s, i, args.n)
    end
    return argument, i
end

local function write_extra(p, args, argument)
    clear_flags(p)
    write(p, "%!(EXTRA ")
    for i = argument + 1, args.n do
        if i > argument + 1 then
            write(p, ", ")
        end
        if args[i] == null then
            write(p, "<nil>")
        else
            write(p, type_name(args[i]) .. "=")
            print_argument(p, args[i], "v")
        end
    end
    write(p, ")")
end

-- fmt.Sprintf(s, args...): args[1..args.n] are what value.any returns.
function printf.sprintf(limits, s, args)
    local p = printer.new(limits)
    local d = {reordered = false, good = true}
    local argument, i = 0, 1
    while i <= #s do
        d.good = true
        local percent = find(s, "%", i, true) or #s + 1
        if percent > i then
            write(p, sub(s, i, percent - 1))
        end
        if percent > #s then
            break
        end
        i = percent + 1
        clear_flags(p)
        local flag = flags[sub(s, i, i)]
        while flag do
            p[flag] = true
            i = i + 1
            flag = flags[sub(s, i, i)]
        end
        if not (find(s, "^%l", i) and argument < args.n) then
            argument, i = parse_sizes(p, d, s, i, argument, args)
        end
        if i > #s then
            write(p, "%!(NOVERB)")
            break
        end
        local rune, width = quote.decode(s, i)
        local verb = quote.encode(rune)
        i = i + width
        if verb == "%" then
            write(p, "%")
        elseif not d.good then
            write(p, "%!" .. verb .. "(BADINDEX)")
        elseif argument >= args.n then
            write(p, "%!" .. verb .. "(MISSING)")
        else
            if verb == "v" or verb == "w" then
                set_v_flags(p)
            end
            print_argument(p, args[argument + 1], verb)
            argument = argument + 1
        end
    end
    if not d.reordered and argument < args.n then
        write_extra(p, args, argument)
    end
    return printer.finish(p)
end

-- fmt.Sprint(args...): a space between two arguments when neither is a string.
function printf.sprint(limits, args)
    if args.n == 1 and type(args[1]) == "string" then
        return args[1]
    end
    local p = printer.new(limits)
    local after_string = false
    for i = 1, args.n do
        local is_string = type(args[i]) == "string"
        if i > 1 and not is_string and not after_string then
            write(p, " ")
        end
        print_argument(p, args[i], "v")
        after_string = is_string
    end
    return printer.finish(p)
end

-- fmt.Sprintln(args...): a space between all arguments and a newline at the end.
function printf.sprintln(limits, args)
    local p = printer.new(limits)
    for i = 1, args.n do
        if i > 1 then
            write(p, " ")
        end
        print_argument(p, args[i], "v")
    end
    write(p, "\n")
    return printer.finish(p)
end

-- v, as a reflect.Value or a plain value, under one verb without flags: for error texts.
function printf.verb(limits, verb, v)
    local p = printer.new(limits)
    fmt.print_value(p, v, verb, 0)
    return printer.finish(p)
end

return printf
