-- expect: judge: error policy.error
-- expect: invalid order function for sorting
return {
    api = 1, match = 'alertname!=""',
    filter = function()
        local t = {}
        for i = 1, 100 do t[i] = i % 7 end
        table.sort(t, function() return true end)
        return true
    end,
}
