-- The values a template works on, and their Go types.
--
-- Data from outside:
--     Lua string                 Go string (any bytes, valid UTF-8 or not)
--     Lua integer, Lua float     Go int, float64
--     Lua boolean                Go bool
--     value.map(fields)          Go map[string]any: fields is a Lua table with string keys
--     value.list(items, n)       Go []any of n elements: items[1..n]; an absent one is a Go nil
--     value.null, Lua nil        Go nil (use value.null to have a key with nil in a map)
-- A plain Lua table is neither map nor list and is refused where it is met.
--
-- Go's template engine computes with reflect.Value, which knows more than the value: an element of a []any is
-- not the int in it but an interface holding an int, and error texts say so. Hence these boxes, made here
-- only:
--     interface  what a map or list element, and nothing else, comes as; .v is what it holds
--     uint8      a byte of a string (index "abc" 0); .v is its number
--     complex    a constant such as 2i; .re and .im
--     invalid    the zero reflect.Value: what an untyped nil becomes
--     missing    "no argument came through the pipe"
local value = {}

local math_type, type, error, next = math.type, type, error, next

value.null = {kind = "null"}
value.INVALID = {kind = "invalid"}
value.MISSING = {kind = "missing"}
value.NIL_INTERFACE = {kind = "interface", v = value.null}

local null, INVALID, NIL_INTERFACE = value.null, value.INVALID, value.NIL_INTERFACE

function value.map(fields)
    return {kind = "map", at = fields}
end

function value.list(items, n)
    n = n or #items
    return {kind = "list", at = items, first = 0, n = n, cap = n}
end

-- items[low+1 .. high] of a list, able to be extended again up to cap, as slices in Go are.
function value.sublist(list, low, high, cap)
    return {kind = "list", at = list.at, first = list.first + low, n = high - low, cap = cap - low}
end

function value.uint8(n)
    return {kind = "uint8", v = n}
end

function value.complex(re, im)
    return {kind = "complex", re = re, im = im}
end

-- The Go kind of v: "int", "float64", "bool", "string", or the kind of its box.
function value.kind(v)
    local t = type(v)
    if t == "string" then
        return "string"
    elseif t == "number" then
        return math_type(v) == "integer" and "int" or "float64"
    elseif t == "boolean" then
        return "bool"
    elseif t == "table" then
        local kind = v.kind
        if kind then
            return kind
        end
    end
    error("gotemplate: data holds a " .. t .. " that is no value of a template (see value.map, value.list)", 0)
end

local type_names = {
    int = "int", float64 = "float64", bool = "bool", string = "string", uint8 = "uint8", complex = "complex128",
    interface = "interface {}", map = "map[string]interface {}", list = "[]interface {}",
}

-- The name of v's type as Go prints it.
function value.type_name(v)
    return type_names[value.kind(v)]
end

-- A map or list element as the interface it is in Go.
local function interface(v)
    if v == nil or v == null then
        return NIL_INTERFACE
    end
    return {kind = "interface", v = v}
end

-- Element i (from 0) of a list.
function value.element(list, i)
    return interface(list.at[list.first + i + 1])
end

-- The field of a map, or nil when the map has no such key.
function value.field(map, key)
    local v = map.at[key]
    if v == nil then
        return nil
    end
    return interface(v)
end

-- What is inside an interface; anything else as it is.
function value.concrete(v)
    if type(v) == "table" and v.kind == "interface" then
        v = v.v
        if v == null then
            return INVALID
        end
    end
    return v
end

-- v as a Go `any`, which functions such as print take: its concrete value, or value.null.
function value.any(v)
    v = value.concrete(v)
    if v == INVALID then
        return null
    end
    return v
end

-- The keys of a map in Go's order of printing and ranging: by bytes. (`<` on strings is strcoll: the process
-- stays in the "C" locale.)
function value.keys(map)
    local keys, n = {}, 0
    for key in next, map.at do
        n = n + 1
        keys[n] = key
    end
    table.sort(keys)
    return keys
end

-- len() of a string, list or map; nil for other kinds.
function value.length(v)
    local kind = value.kind(v)
    if kind == "string" then
        return #v
    elseif kind == "list" then
        return v.n
    elseif kind == "map" then
        local n = 0
        for _ in next, v.at do
            n = n + 1
        end
        return n
    end
    return nil
end

-- Is v "not the zero of its type": the truth of if, with, and, or, not.
function value.truth(v)
    v = value.concrete(v)
    local kind = value.kind(v)
    if kind == "bool" then
        return v
    elseif kind == "int" or kind == "float64" then
        return v ~= 0
    elseif kind == "string" then
        return v ~= ""
    elseif kind == "map" then
        return next(v.at) ~= nil
    elseif kind == "list" then
        return v.n > 0
    elseif kind == "uint8" then
        return v.v ~= 0
    elseif kind == "complex" then
        return v.re ~= 0 or v.im ~= 0
    end
    return false
end

return value
