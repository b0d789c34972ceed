-- expect: judge: error policy.error
-- expect: table expected, got alert
return { api = 1, match = 'alertname!=""', filter = function(alert) return next(alert) ~= nil end }
