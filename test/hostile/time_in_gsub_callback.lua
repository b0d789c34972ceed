-- expect: judge: error policy.timeout
return {
    api = 1, match = 'alertname!=""',
    filter = function()
        pcall(string.gsub, "abc", "%w", function() while true do end end)
        return true
    end,
}
