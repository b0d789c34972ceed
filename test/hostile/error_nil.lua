-- expect: judge: error policy.error [error_nil.lua:2: filter: error object is no string but a nil value]
return { api = 1, match = 'alertname!=""', filter = function() error() end }
