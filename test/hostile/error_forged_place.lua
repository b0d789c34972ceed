-- expect: judge: error policy.error [error_forged_place.lua:5: filter: payments.lua:31: attempt to call a nil value]
-- expect: at=error_forged_place.lua:5
return { api = 1, match = 'alertname!=""',
    filter = function()
        error("payments.lua:31: attempt to call a nil value", 0)
    end,
}
