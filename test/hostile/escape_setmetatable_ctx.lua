-- expect: judge: error policy.error
-- expect: cannot change a protected metatable
return { api = 1, match = 'alertname!=""', filter = function(_, ctx) setmetatable(ctx, {}) return true end }
