-- Budget: so many Tasks an hour and a day, some of them kept for critical alerts.
--
-- Use it to bound what agents cost, and to survive an alert storm. The limits are the policy's own and hold
-- for each spawner that uses it; what is over them waits (limit.rate, limit.ramp, limit.concurrency) and is
-- judged again. They are part of the file, not of the policy-config: copy it and change the numbers.
--
--      metadata:
--        annotations:
--          alerts.kelos.dev/policy: budget
--          alerts.kelos.dev/policy-config: '{"spare": 8}'
--
-- policy-config   spare   so many Tasks of the day, at least, only critical alerts may have (default 5)

local PER_HOUR, PER_DAY = 10, 30

local function is_critical(alert)
    return severity.at_least(alert, "critical")
end

return policy.extend(policy.base, {
    api = 1,
    name = "budget",
    describe = "Tasks an hour and a day, with a reserve for critical alerts",
    reasons = {spared = "what is left of the day's Tasks is for critical alerts"},

    limits = {
        per_hour = PER_HOUR,
        per_day = PER_DAY,
        ramp = 3,                            -- Tasks in the first cycle after a start, then twice as many
        reserve = {slots = 1, priority = 0}, -- one place of maxConcurrency is for priority 0 only
    },

    filter = function(alert, ctx, super)
        local left = PER_DAY - ctx.rate("policy", "1d")
        -- One cycle may take all that the hour has left: alerts are judged before it is known who gets a Task.
        local at_once = math.min(left, PER_HOUR - ctx.rate("policy", "1h"))
        if left - math.max(at_once, 0) < (ctx.config.spare or 5) and not is_critical(alert) then
            return false, "spared", math.max(left, 0) .. " of " .. PER_DAY .. " Tasks are left"
        end
        return super()
    end,

    priority = function(alert, _, super)
        return is_critical(alert) and 0 or math.max(1, (super()))
    end,
})
