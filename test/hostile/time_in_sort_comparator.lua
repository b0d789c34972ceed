-- expect: judge: error policy.timeout
return {
    api = 1, match = 'alertname!=""',
    filter = function()
        pcall(table.sort, { 3, 1, 2 }, function() while true do end end)
        return true
    end,
}
