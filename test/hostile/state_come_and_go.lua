-- expect: judge: error policy.timeout [state_come_and_go.lua:
-- Writing and removing for ever: it is counted, and nothing piles up.
return {
    api = 1, match = 'alertname!=""',

    filter = function(_, ctx)
        local n = 0
        while true do
            n = n + 1
            ctx.state["n" .. n] = ("x"):rep(1000)
            ctx.state["n" .. n] = nil
        end
    end,
}
