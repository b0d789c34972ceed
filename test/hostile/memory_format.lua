-- expect: judge: error policy.error
-- expect: invalid conversion
return { api = 1, match = 'alertname!=""', filter = function() return false, string.format("%999999999d", 1) end }
