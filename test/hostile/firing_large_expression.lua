-- expect: judge: drop policy.filter [the expression of x is no regular expression (RE2)
-- An expression whose machine would be larger than memory.
return {
    api = 1, match = 'alertname!=""',

    filter = function(_, ctx)
        local _, why = pcall(ctx.firing, 'x=~"((((a{100}){100}){100}){100}){10}"')
        return false, (why:gsub("^.-ctx%.firing: ", ""))
    end,
}
