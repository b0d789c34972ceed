-- expect: judge: error policy.timeout
return {
    api = 1, match = 'alertname!=""',
    filter = function()
        while true do
            pcall(function() while true do end end)
        end
    end,
}
