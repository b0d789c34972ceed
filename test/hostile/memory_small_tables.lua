-- expect: judge: error policy.memory
return {
    api = 1, match = 'alertname!=""',
    filter = function()
        local t = {}
        while true do t = { t, {}, {}, {} } end
    end,
}
