-- expect: judge: error policy.error
-- expect: table.unpack: at most 100000 elements
return {
    api = 1, match = 'alertname!=""',
    filter = function() return select("#", table.unpack({}, math.mininteger, math.maxinteger)) == 0 end,
}
