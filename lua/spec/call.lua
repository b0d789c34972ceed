-- call: what a spy remembers of calls, and whether values fit what is looked for.

local need = ...
local compare, values = need "compare", need "values"

local call = {}

-- Spies and matchers stay what they are when values are copied.
local function keeps(value)
    return need "match".is_matcher(value) or need "spy".is_spy(value)
end

-- A list of values as it is now, and the objects themselves: {vals, refs}.
function call.remember(list)
    local copy = values.list()
    for k, v in next, list do copy[k] = values.deep(v, false, keeps) end
    return {vals = copy, refs = values.shallow(list)}
end

local function fits(list, refs, wanted)
    local match = need "match"
    local n = wanted.n or #wanted
    if n ~= list.n then
        return false
    end
    for i = 1, n do
        local want = wanted[i]
        if match.is_matcher(want) then
            if not want(match.is_ref_matcher(want) and refs[i] or list[i]) then
                return false
            end
        elseif not compare.same(list[i], want) then
            return false
        end
    end
    return true
end

-- The last of the remembered lists that fits, or nil.
function call.find_last(remembered, wanted)
    for i = #remembered, 1, -1 do
        if fits(remembered[i].vals, remembered[i].refs, wanted) then
            return remembered[i]
        end
    end
end

-- The first of the remembered lists of wanted values that `list` fits, or nil.
function call.find_first(remembered, list)
    for _, each in ipairs(remembered) do
        local wanted = values.shallow(each.vals)
        for i = 1, wanted.n do -- a matcher of an object wants the object
            if need "match".is_ref_matcher(each.refs[i]) then
                wanted[i] = each.refs[i]
            end
        end
        if fits(list, list, wanted) then
            return each
        end
    end
end

return call
