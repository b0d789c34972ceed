-- The functions a template may call.
--
-- funcs[name] = {call, min, max, params}: call(limits, args) returns the result, or nil and the error; max
-- nil is any number of arguments. params says what the arguments become: "value" as they are, "any" their
-- concrete values, "format" a string first and then any. args[1..args.n]. `and` and `or` evaluate as they go
-- and stand in eval.
local M = ...
local funcs = {}

local value, printf, compare, escape = M.gotemplate_value, M.gotemplate_printf, M.gotemplate_compare,
    M.gotemplate_escape
local kind_of, type_name, concrete = value.kind, value.type_name, value.concrete
local null, INVALID, NIL_INTERFACE = value.null, value.INVALID, value.NIL_INTERFACE

-- v as an index up to and including cap; nil and the error.
local function index_argument(v, cap)
    local kind = kind_of(v)
    local n
    if kind == "int" then
        n = v
    elseif kind == "uint8" then
        n = v.v
    elseif kind == "invalid" then
        return nil, "cannot index slice/array with nil"
    else
        return nil, "cannot index slice/array with type " .. type_name(v)
    end
    if n < 0 or n > cap then
        return nil, "index out of range: " .. n
    end
    return n
end

local function index_once(item, at)
    local kind = kind_of(item)
    if kind == "list" or kind == "string" then
        local length = kind == "list" and item.n or #item
        local n, err = index_argument(at, length)
        if err then
            return nil, err
        elseif n == length then
            return nil, "reflect: " .. (kind == "list" and "slice" or "string") .. " index out of range"
        elseif kind == "list" then
            return value.element(item, n)
        end
        return value.uint8(string.byte(item, n + 1))
    elseif kind == "map" then
        if at == INVALID then
            return nil, "value is nil; should be of type string"
        elseif type(at) ~= "string" then
            return nil, "value has type " .. type_name(at) .. "; should be string"
        end
        return value.field(item, at) or NIL_INTERFACE
    end
    return nil, "can't index item of type " .. type_name(item)
end

local function index(_, args)
    local item = concrete(args[1])
    if item == INVALID then
        return nil, "index of untyped nil"
    end
    for i = 2, args.n do
        local err
        if item == NIL_INTERFACE then
            return nil, "index of nil pointer"
        end
        item, err = index_once(concrete(item), concrete(args[i]))
        if err then
            return nil, err
        end
    end
    return item
end

local function slice(_, args)
    local item = concrete(args[1])
    if item == INVALID then
        return nil, "slice of untyped nil"
    elseif args.n > 4 then
        return nil, "too many slice indexes: " .. args.n - 1
    end
    local kind = kind_of(item)
    if kind == "string" and args.n == 4 then
        return nil, "cannot 3-index slice a string"
    elseif kind ~= "string" and kind ~= "list" then
        return nil, "can't slice item of type " .. type_name(item)
    end
    local length = kind == "string" and #item or item.n
    local cap = kind == "string" and length or item.cap
    local bounds = {0, length, cap}
    for i = 2, args.n do
        local n, err = index_argument(args[i], cap) -- not its concrete value: Go refuses an element here
        if err then
            return nil, err
        end
        bounds[i - 1] = n
    end
    if bounds[1] > bounds[2] then
        return nil, "invalid slice index: " .. bounds[1] .. " > " .. bounds[2]
    elseif args.n == 4 and bounds[2] > bounds[3] then
        return nil, "invalid slice index: " .. bounds[2] .. " > " .. bounds[3]
    elseif kind == "string" then
        return string.sub(item, bounds[1] + 1, bounds[2])
    end
    return value.sublist(item, bounds[1], bounds[2], bounds[3])
end

local function len(_, args)
    local item = args[1]
    if item == NIL_INTERFACE then
        return nil, "len of nil pointer"
    elseif item == INVALID then
        return nil, "reflect: call of reflect.Value.Type on zero Value"
    end
    item = concrete(item)
    local n = value.length(item)
    if not n then
        return nil, "len of type " .. type_name(item)
    end
    return n
end

-- Data holds no functions, so this can but explain itself. args.name: how the callee is written.
local function call(_, args)
    local callee = concrete(args[1])
    if callee == INVALID then
        return nil, "call of nil"
    end
    return nil, "non-function " .. args.name .. " of type " .. type_name(callee)
end

-- The arguments of an escaping function as one string.
local function joined(limits, args)
    for i = 1, args.n do
        if args[i] == null then
            args[i] = "<no value>"
        end
    end
    return printf.sprint(limits, args)
end

local function escaper(f)
    return function(limits, args)
        return f(joined(limits, args))
    end
end

local function define(name, call_it, min, max, params)
    funcs[name] = {call = call_it, min = min, max = max, params = params}
end

define("and", nil, 1, nil, "value")
define("or", nil, 1, nil, "value")
define("not", function(_, args) return not value.truth(args[1]) end, 1, 1, "value")
define("call", call, 1, nil, "value")
define("index", index, 1, nil, "value")
define("slice", slice, 1, nil, "value")
define("len", len, 1, 1, "value")
define("print", printf.sprint, 0, nil, "any")
define("println", printf.sprintln, 0, nil, "any")
define("printf", function(limits, args)
    return printf.sprintf(limits, args[1], table.move(args, 2, args.n, 1, {n = args.n - 1}))
end, 1, nil, "format")
define("html", escaper(escape.html), 0, nil, "any")
define("js", escaper(escape.js), 0, nil, "any")
define("urlquery", escaper(escape.urlquery), 0, nil, "any")
define("eq", compare.eq, 1, nil, "value")
define("ne", compare.ne, 2, 2, "value")
define("lt", compare.lt, 2, 2, "value")
define("le", compare.le, 2, 2, "value")
define("gt", compare.gt, 2, 2, "value")
define("ge", compare.ge, 2, 2, "value")

return funcs
