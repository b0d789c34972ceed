-- expect: judge: error policy.memory
return { api = 1, match = 'alertname!=""', filter = function() error("not enough memory", 0) end }
