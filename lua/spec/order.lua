-- order: by name, or by chance from a seed. The same seed gives the same order, also the order that busted gives.

local order = {}

-- Shuffles a list in place: Fisher and Yates from the end.
function order.shuffle(list, seed)
    if seed then
        math.randomseed(seed)
    end
    for n = #list, 2, -1 do
        local k = math.random(n)
        list[n], list[k] = list[k], list[n]
    end
    return list
end

-- Sorts elements in place by name; those without one come first.
function order.sort(list)
    table.sort(list, function(a, b)
        if a.name and b.name then
            return a.name < b.name
        end
        return b.name ~= nil
    end)
    return list
end

return order
