-- expect: judge: keep priority=1000
-- expect: retrigger: never policy.retrigger [0 of 6 still spoke]
-- Everything that ctx showed of the alert, kept for a question after it.
local kept

return {
    api = 1, match = 'alertname!=""',

    filter = function(alert, ctx)
        local labels, seen, last, group, state = alert.labels, ctx.seen, ctx.last, ctx.group, ctx.state
        kept = {
            function() return labels.alertname end, function() return seen.polls end, function() return last.task end,
            function() return #group end, function() return state.x end, function() state.x = 1 end,
        }
        return true
    end,

    retrigger = function()
        local n = 0
        for _, poke in ipairs(kept) do
            if pcall(poke) then n = n + 1 end
        end
        return false, n .. " of " .. #kept .. " still spoke"
    end,
}
