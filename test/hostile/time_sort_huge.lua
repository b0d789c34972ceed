-- expect: judge: error policy.error
-- expect: table.sort: at most 100000 elements
return {
    api = 1, match = 'alertname!=""',
    filter = function()
        local t = {}
        for i = 1, 100001 do t[i] = -i end
        table.sort(t)
        return true
    end,
}
