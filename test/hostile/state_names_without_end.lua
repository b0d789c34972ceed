-- expect: judge: drop policy.filter [32] by=state_names_without_end at=state_names_without_end.lua:7
-- expect: state[]={n1=i1,
-- A hundred thousand names; and names of megabytes.
return {
    api = 1, match = 'alertname!=""',

    filter = function(_, ctx)
        local n = 0
        for i = 1, 10000 do
            if pcall(function() ctx.state["n" .. i] = i end) then n = n + 1 end
        end
        pcall(function() ctx.state[("n"):rep(1000000)] = 1 end)
        return false, tostring(n)
    end,
}
