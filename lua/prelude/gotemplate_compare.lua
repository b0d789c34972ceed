-- eq, ne, lt, le, gt, ge. Each returns its truth, or nil and the error.
local M = ...
local compare = {}

local value, printf = M.gotemplate_value, M.gotemplate_printf
local kind_of, type_name, concrete, INVALID = value.kind, value.type_name, value.concrete, value.INVALID

local BAD_TYPE = "invalid type for comparison"

-- int and uint8 compare with each other, all else only with its own kind.
local basic = {
    bool = "bool", int = "int", uint8 = "int", float64 = "float64", complex = "complex", string = "string",
}

local function plain(v)
    if type(v) == "table" and v.kind == "uint8" then
        return v.v
    end
    return v
end

local function incompatible(a, b)
    return nil, "incompatible types for comparison: " .. type_name(a) .. " and " .. type_name(b)
end

-- Are two values without a basic kind (maps, lists, nil) equal?
local function equal_others(limits, a, b)
    if a == INVALID or b == INVALID then
        return a == b
    elseif kind_of(a) ~= kind_of(b) then
        return nil, "non-comparable types " .. printf.verb(limits, "s", a) .. ": " .. type_name(a) .. ", " ..
            type_name(b) .. ": " .. printf.verb(limits, "v", b)
    end
    return nil, "non-comparable type " .. printf.verb(limits, "s", b) .. ": " .. type_name(b)
end

local function equal(limits, a, b)
    local basic_a, basic_b = basic[kind_of(a)], basic[kind_of(b)]
    if basic_a ~= basic_b then
        if a ~= INVALID and b ~= INVALID then
            return incompatible(a, b)
        end
        return false
    elseif basic_a == "complex" then
        return a.re == b.re and a.im == b.im
    elseif basic_a then
        return plain(a) == plain(b)
    end
    return equal_others(limits, a, b)
end

function compare.eq(limits, args)
    if args.n == 1 then
        return nil, "missing argument for comparison"
    end
    local a = concrete(args[1])
    for i = 2, args.n do
        local truth, err = equal(limits, a, concrete(args[i]))
        if err then
            return nil, err
        elseif truth then
            return true
        end
    end
    return false
end

local function less(a, b)
    a, b = concrete(a), concrete(b)
    local basic_a, basic_b = basic[kind_of(a)], basic[kind_of(b)]
    if not basic_a or not basic_b then
        return nil, BAD_TYPE
    elseif basic_a ~= basic_b then
        return incompatible(a, b)
    elseif basic_a == "bool" or basic_a == "complex" then
        return nil, BAD_TYPE
    end
    return plain(a) < plain(b)
end

function compare.ne(limits, args)
    local truth, err = compare.eq(limits, args)
    return not truth, err
end

function compare.lt(_, args)
    return less(args[1], args[2])
end

function compare.le(limits, args)
    local truth, err = less(args[1], args[2])
    if truth or err then
        return truth, err
    end
    return compare.eq(limits, args)
end

function compare.gt(limits, args)
    local truth, err = compare.le(limits, args)
    return not truth, err
end

function compare.ge(_, args)
    local truth, err = less(args[1], args[2])
    return not truth, err
end

return compare
