-- expect: judge: keep priority=1000
-- expect: title=[HighErrorRate] body=[summary: errors are up
string.find, string.rep, table.concat, table.move, math.min = nil, nil, nil, nil, nil
text.trim_end, text.split, text.truncate = error, error, error
policy.base.body, policy.base.filter = error, error
pairs, ipairs, type, select, next, rawget = nil, nil, nil, nil, nil, nil
return policy.extend(policy.base, {
    api = 1, match = 'alertname!=""',
    filter = function(_, _, super) return super() end,
    body = function(_, _, super) return super() end,
})
