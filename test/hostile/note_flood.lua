-- expect: judge: drop policy.filter [16] by=note_flood at=note_flood.lua:7
-- expect: notes={n1=xxx
-- A hundred thousand notes of a megabyte.
return {
    api = 1, match = 'alertname!=""',

    filter = function(_, ctx)
        local n, value = 0, ("x"):rep(1000000)
        for i = 1, 1000 do
            if pcall(ctx.note, "n" .. i, value) then n = n + 1 end
        end
        return false, tostring(n)
    end,
}
