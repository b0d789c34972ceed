-- expect: judge: drop policy.filter [a: b]
return { api = 1, match = 'alertname!=""', filter = function() return false, "a", "b", {}, print end }
