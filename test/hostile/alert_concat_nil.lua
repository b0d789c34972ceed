-- expect: judge: error policy.error [alert_concat_nil.lua:3: filter: attempt to concatenate a nil value (field 'description')]
return { api = 1, match = 'alertname!=""', filter = function(alert)
    return #("x" .. alert.annotations.description) > 0
end }
