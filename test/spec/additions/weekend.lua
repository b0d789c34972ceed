-- A policy for the runner's own tests: warnings wait at weekends, three attempts, and what has resolved is cancelled.
return policy.extend(policy.base, {
    api = 1,
    name = "weekend",
    match = 'team="shop"',
    zones = {"Europe/Rome"},
    reasons = {noise = "below the paging threshold at weekends", enough = "three attempts"},
    filter = function(alert, ctx, super)
        if alert.labels.severity == "broken" then
            error "the filter broke"
        elseif alert.labels.severity == "warning" and time.within(ctx.now, "Sat-Sun", "Europe/Rome") then
            return false, "noise", "it is the weekend"
        end
        ctx.note("seen", tostring(ctx.seen.polls))
        return super()
    end,
    priority = function(alert) return severity.at_least(alert, "critical") and 0 or 7 end,
    retrigger = function(_, ctx, super)
        if ctx.last.attempts >= 3 then
            return false, "enough"
        end
        return super()
    end,
    on_resolve = function() return "cancel_pending" end,
})
