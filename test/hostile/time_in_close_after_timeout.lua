-- expect: judge: error policy.timeout
return {
    api = 1, match = 'alertname!=""',
    filter = function()
        local x <close> = setmetatable({}, { __close = function() while true do end end })
        while true do end
    end,
}
