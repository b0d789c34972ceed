-- expect: judge: error policy.error
-- expect: string.rep: at most 1000000 repetitions
return { api = 1, match = 'alertname!=""', filter = function() local s = ("x"):rep(1 << 31) return true end }
