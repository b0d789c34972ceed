-- expect: judge: error policy.error [firing_by_another_name.lua:8: filter: ctx.
-- expect-not: survey: wanted
-- The name is put together, so that nobody knows beforehand that all alerts are wanted.
return {
    api = 1, match = 'alertname!=""',

    filter = function(_, ctx)
        return ctx["fir" .. "ing"]('x="y"') > 0
    end,
}
