-- expect: judge: error policy.memory [memory_doubling.lua:3: filter: used more than 16384 KiB of memory]
return { api = 1, match = 'alertname!=""',
    filter = function()
        local s = "x"
        while true do s = s .. s end
    end,
}
