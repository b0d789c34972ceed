-- expect: judge: error policy.error [time_rep_of_nothing.lua:2: filter: string.rep: at most 1000000 repetitions]
return { api = 1, match = 'alertname!=""', filter = function() local s = string.rep("", 1 << 60) return true end }
