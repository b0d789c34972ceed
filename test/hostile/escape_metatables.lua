-- expect: judge: drop policy.filter [nil nil nil false nil]
return {
    api = 1, match = 'alertname!=""',
    filter = function(alert, ctx)
        return false, table.concat({ tostring(getmetatable("")), tostring(getmetatable(alert)),
            tostring(getmetatable(alert.labels)), tostring(getmetatable(ctx)), tostring(getmetatable(print)) }, " ")
    end,
}
