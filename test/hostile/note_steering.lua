-- expect: notes={n=a b [2J c}
-- A note that would steer a terminal or forge a line.
return {
    api = 1, match = 'alertname!=""',

    filter = function(_, ctx)
        ctx.note("n", "a\nb\27[2J\rc")
        pcall(ctx.note, "a\nb", 1)
        return true
    end,
}
