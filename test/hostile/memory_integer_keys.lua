-- expect: judge: error policy.memory
return {
    api = 1, match = 'alertname!=""',
    filter = function()
        local t = {}
        for i = 1, 1e7 do t[i] = i end
        return true
    end,
}
