-- expect: judge: error policy.timeout [firing_many_expressions.lua:
-- A new expression each time: none is remembered for the next.
return {
    api = 1, match = 'alertname!=""',

    filter = function(_, ctx)
        local n = 0
        while true do
            n = n + 1
            ctx.firing('x=~"(a|b|c)*' .. n .. '[a-z]{50}"')
        end
    end,
}
