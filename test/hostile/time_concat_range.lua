-- expect: judge: error policy.error
-- expect: table.concat: at most 100000 elements
return {
    api = 1, match = 'alertname!=""',
    filter = function() return table.concat({}, "", math.mininteger, math.maxinteger) == "" end,
}
