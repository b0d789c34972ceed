-- expect: judge: drop policy.filter [table function function table alert a1b2c3d4e5f60718 function]
return {
    api = 1, match = 'alertname!=""',
    filter = function(alert)
        return false, string.format("%s %s %s %s %s %s", {}, print, function() end, setmetatable({}, { __name = "x" }), alert,
            tostring(print))
    end,
}
