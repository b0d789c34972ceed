-- expect: compose: ok title=[HighErrorRate]
-- expect: body=[the leader is gone too: false]
-- The alerts of a group are gone with it.
local kept

return {
    api = 1, match = 'alertname!=""',

    key = function(_, ctx)
        assert(#ctx.group == 0 and ctx.group.count == 0 and ctx.group[1] == nil)
        return "k"
    end,

    retrigger = function(alert)
        kept = alert
        return true
    end,

    body = function(_, ctx)
        return "the leader is gone too: " .. tostring((pcall(function() return kept.name .. ctx.group[1].name end)))
    end,
}
