-- expect: judge: error policy.timeout
return {
    api = 1, match = 'alertname!=""',
    filter = function()
        for _ in function() return 1 end do end
    end,
}
