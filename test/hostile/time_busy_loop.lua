-- expect: judge: error policy.timeout [time_busy_loop.lua:6: filter: used more than 2000000 instructions]
return {
    api = 1, match = 'alertname!=""',
    filter = function()
        local n = 0
        while true do n = n + 1 end
    end,
}
