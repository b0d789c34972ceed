-- "; did you mean 'filter'?" for a word that is almost one of a list.

local function distance(a, b)
    local row = {}
    for j = 0, #b do row[j] = j end
    for i = 1, #a do
        local corner = row[0]
        row[0] = i
        for j = 1, #b do
            local cost = a:byte(i) == b:byte(j) and 0 or 1
            local best = math.min(row[j] + 1, row[j - 1] + 1, corner + cost)
            corner, row[j] = row[j], best
        end
    end
    return row[#b]
end

-- At most `max` letters may differ; a third of the word and one when it is not given.
return function(word, known, max)
    if #word > 40 then
        return ""
    end
    local best, least = nil, max or #word // 3 + 1
    for _, candidate in ipairs(known) do
        local d = distance(word:lower(), candidate)
        if d <= least and (not best or d < least) then
            best, least = candidate, d
        end
    end
    return best and "; did you mean '" .. best .. "'?" or ""
end
