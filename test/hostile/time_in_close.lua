-- expect: judge: error policy.timeout
return {
    api = 1, match = 'alertname!=""',
    filter = function()
        local mt = {}
        local x <close> = setmetatable({}, { __close = function() while true do end end })
        return true
    end,
}
