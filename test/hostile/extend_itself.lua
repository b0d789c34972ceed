-- expect: judge: keep
local p = { filter = function(_, _, super) return super() end }
local q = policy.extend(p, p)
q.api, q.match = 1, 'alertname!=""'
return q
