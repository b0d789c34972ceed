-- expect: judge: drop policy.filter [0 of 9 were kept] by=state_values_not_kept at=state_values_not_kept.lua:10
-- NaN, the infinite, functions, tables (one holds itself), objects, texts of megabytes, bytes that are no text.
local circle = {}
circle.circle = circle
local lying = setmetatable({}, { __tostring = function() return "x" end, __index = error, __len = error })

return {
    api = 1, match = 'alertname!=""',

    filter = function(alert, ctx)
        local values = {
            0 / 0, math.huge, -math.huge, print, circle, lying, alert, ("x"):rep(1000000), "\xff",
        }
        local kept = 0
        for i = 1, 9 do
            if pcall(function() ctx.state.x = values[i] end) then kept = kept + 1 end
        end
        return false, kept .. " of " .. #values .. " were kept"
    end,
}
