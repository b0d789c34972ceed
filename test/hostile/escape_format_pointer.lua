-- expect: judge: error policy.error
-- expect: string.format: %p is not allowed in a policy
return { api = 1, match = 'alertname!=""', filter = function() return false, string.format("%d %10p", 1, {}) end }
