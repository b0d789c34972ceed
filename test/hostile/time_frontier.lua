-- expect: judge: error policy.error
-- expect: patterns work on at most 8192 bytes
return { api = 1, match = 'alertname!=""', filter = function() return ("a"):rep(1000000):match("%f[b]") == nil end }
