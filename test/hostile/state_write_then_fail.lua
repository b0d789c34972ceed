-- expect: judge: error policy.error [state_write_then_fail.lua:9: filter: on purpose] by=state_write_then_fail at=state_write_then_fail.lua:9
-- expect-not: state[
-- What a hook wrote that failed afterwards is not kept.
return {
    api = 1, match = 'alertname!=""',

    filter = function(_, ctx)
        ctx.state.x = 1
        error("on purpose")
    end,
}
