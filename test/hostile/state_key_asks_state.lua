-- expect: judge: error policy.error [state_key_asks_state.lua:7: filter: ctx.state belongs to the key
-- The key asks for the state that the key is asked for.
return {
    api = 1, match = 'alertname!=""',

    key = function(_, ctx)
        return ctx.state.key or "k"
    end,

    filter = function(_, ctx)
        return ctx.state.x == nil
    end,
}
