-- expect: judge: keep
-- expect: fallback=memory_body.lua:
-- expect: used more than 16384 KiB of memory
return {
    api = 1, match = 'alertname!=""',
    body = function()
        local s = ("x"):rep(1000000)
        return s .. s .. s .. s .. s .. s .. s .. s .. s .. s .. s .. s .. s .. s .. s .. s .. s .. s
    end,
}
