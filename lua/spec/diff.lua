-- diff: two texts, line by line.

local diff = {}

local CONTEXT = 3       -- lines around a change
local CELLS_MAX = 4000000 -- of the table below; texts that differ more than that are shown whole

local function lines_of(text)
    local lines = {}
    for line in string.gmatch(text .. (string.find(text, "\n$") and "" or "\n"), "(.-)\n") do lines[#lines + 1] = line end
    return lines
end

-- Steps " ", "-" and "+" from a to b over the parts that differ: the longest common subsequence, backwards.
local function steps(a, b, first, a_last, b_last)
    local n, m = a_last - first + 1, b_last - first + 1
    local list = {}
    if n * m > CELLS_MAX then
        for i = first, a_last do list[#list + 1] = {"-", a[i]} end
        for j = first, b_last do list[#list + 1] = {"+", b[j]} end
        return list
    end
    local longest = {}
    for i = n + 1, 1, -1 do
        longest[i] = {}
        for j = m + 1, 1, -1 do
            if i > n or j > m then
                longest[i][j] = 0
            elseif a[first + i - 1] == b[first + j - 1] then
                longest[i][j] = longest[i + 1][j + 1] + 1
            else
                longest[i][j] = math.max(longest[i + 1][j], longest[i][j + 1])
            end
        end
    end
    local i, j = 1, 1
    while i <= n or j <= m do
        if i <= n and j <= m and a[first + i - 1] == b[first + j - 1] then
            list[#list + 1] = {" ", a[first + i - 1]}
            i, j = i + 1, j + 1
        elseif i <= n and (j > m or longest[i + 1][j] >= longest[i][j + 1]) then
            list[#list + 1] = {"-", a[first + i - 1]}
            i = i + 1
        else
            list[#list + 1] = {"+", b[first + j - 1]}
            j = j + 1
        end
    end
    return list
end

-- A unified diff from `old` to `new`, without file names; "" when they are equal.
function diff.unified(old, new)
    if old == new then
        return ""
    end
    local a, b = lines_of(old), lines_of(new)
    local first = 1
    while a[first] ~= nil and a[first] == b[first] do first = first + 1 end
    local a_last, b_last = #a, #b
    while a_last >= first and b_last >= first and a[a_last] == b[b_last] do a_last, b_last = a_last - 1, b_last - 1 end
    local list = {}
    for i = math.max(1, first - CONTEXT), first - 1 do list[#list + 1] = {" ", a[i]} end
    for _, step in ipairs(steps(a, b, first, a_last, b_last)) do list[#list + 1] = step end
    for i = a_last + 1, math.min(#a, a_last + CONTEXT) do list[#list + 1] = {" ", a[i]} end
    local out = {"@@ line " .. math.max(1, first - CONTEXT) .. " @@"}
    for _, step in ipairs(list) do out[#out + 1] = step[1] .. step[2] end
    if #out == 1 then
        out[2] = "(only the end of the last line differs)"
    end
    return table.concat(out, "\n")
end

return diff
