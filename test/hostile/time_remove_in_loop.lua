-- expect: judge: error policy.timeout
-- Each shift is 100,000 moves in C for a handful of instructions: they are counted.
return {
    api = 1, match = 'alertname!=""',
    filter = function()
        local t = {}
        for i = 1, 90000 do t[i] = i end
        while #t > 0 do table.remove(t, 1) end
        return true
    end,
}
