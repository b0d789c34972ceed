-- expect: judge: error policy.error [error_huge_message.lua:5: filter: xxxxxxxxxx
return {
    api = 1, match = 'alertname!=""',
    filter = function()
        error(("x"):rep(1000000) .. "\n2026-01-01T00:00:00Z error forged line\0\27[2J\xff")
    end,
}
