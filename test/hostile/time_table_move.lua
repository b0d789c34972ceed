-- expect: judge: error policy.error
-- expect: table.move: at most 100000 elements
return { api = 1, match = 'alertname!=""', filter = function() table.move({}, 1, 1 << 62, 1) return true end }
