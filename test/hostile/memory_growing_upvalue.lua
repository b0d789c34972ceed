-- expect: judge: keep
-- expect: retrigger: now
-- expect: title=[HighErrorRate]
local hoard = {}
local function grow()
    for i = 1, 20000 do hoard[#hoard + 1] = function() return i end end
end
return {
    api = 1, match = 'alertname!=""',
    filter = function() grow() return true end,
    title = function() grow() end,
    retrigger = function() grow() end,
}
