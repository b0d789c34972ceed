-- Refire during a run: an alert that stopped and fired anew while its Task was running gets another Task
-- after it.
--
-- Use it where a half-done remedy makes an alert stop for a moment. The default looks at what fires after a
-- Task has finished; an alert that came back while the Task was still at work counts as that Task's business.
-- With this policy it counts as a failed remedy: when it still fires `grace` after the end of the Task, it
-- gets a new one.
--
--      metadata:
--        annotations:
--          alerts.kelos.dev/policy: refire_during_run
--          alerts.kelos.dev/policy-config: '{"grace": "20m"}'
--
-- policy-config   grace   time for the remedy to show, after the end of the Task (default "10m")

return policy.extend(policy.base, {
    api = 1,
    name = "refire_during_run",
    describe = "a new Task for an alert that fired anew during the run of its Task",

    retrigger = function(_, ctx, super)
        local again, reason, detail = super()
        if again ~= false then
            return again, reason, detail
        end
        local last = ctx.last
        local finished = last.phase == "Succeeded" or last.phase == "Failed"
        -- trigger_at is since when it fires now; starts_at, since when it did as the Task was made.
        if finished and last.trigger_at > last.starts_at and last.trigger_at > last.created_at then
            return cooldown(ctx, ctx.config.grace or "10m")
        end
        return again, reason, detail
    end,
})
