-- expect: judge: drop policy.filter [20 then 0]
-- pairs over what is removed and added meanwhile, and its function called long after the end.
return {
    api = 1, match = 'alertname!=""',

    filter = function(_, ctx)
        for i = 1, 20 do ctx.state["n" .. i] = i end
        local next_one, n = pairs(ctx.state), 0
        for name in next_one do
            n = n + 1
            ctx.state[name] = nil
            ctx.state["m"] = n
            ctx.state["m"] = nil
        end
        for _ = 1, 100 do next_one() end
        local left = 0
        for _ in pairs(ctx.state) do left = left + 1 end
        return false, n .. " then " .. left
    end,
}
