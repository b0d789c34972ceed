-- expect: judge: error policy.error
-- expect: bad argument #1 to 'setmetatable' (table expected, got alert)
return { api = 1, match = 'alertname!=""', filter = function(alert) setmetatable(alert, {}) return true end }
