-- expect: judge: error policy.
return { api = 1, match = 'alertname!=""', filter = function() return false, string.pack("c2000000000", "") end }
