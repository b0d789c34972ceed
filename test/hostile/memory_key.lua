-- expect: judge: error policy.bad_return
-- expect: returned a string of 1000000 bytes
return { api = 1, match = 'alertname!=""', key = function() return ("x"):rep(1000000) end }
