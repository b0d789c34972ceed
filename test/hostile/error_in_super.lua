-- expect: retrigger: error policy.error [error_in_super.lua:
local below = policy.extend(policy.base, { retrigger = function() error("below") end })
return policy.extend(below, { api = 1, match = 'alertname!=""', retrigger = function(_, _, super) return super() end })
