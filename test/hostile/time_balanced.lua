-- expect: judge: error policy.error
-- expect: patterns work on at most 8192 bytes
return { api = 1, match = 'alertname!=""', filter = function() return ("("):rep(1000000):match("%b()") == nil end }
