-- expect: judge: error policy.error
-- expect: setmetatable: __gc is not allowed in a policy
return {
    api = 1, match = 'alertname!=""',
    filter = function() error(setmetatable({}, { __gc = function() while true do end end })) end,
}
