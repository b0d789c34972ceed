-- Cancel resolved: a Task that has not started yet goes when its alerts have resolved.
--
-- Use it where Tasks queue (maxConcurrency, a slow cluster) and nobody needs an agent for what is over. Only
-- a Task that has not begun to run is deleted, and only after two complete polls without any alert of its
-- key; one that runs is left alone. Of an alert that is gone only its Task's own record is known: alertname,
-- fingerprint, since when it fired.
--
--      metadata:
--        annotations:
--          alerts.kelos.dev/policy: cancel_resolved
--          alerts.kelos.dev/policy-config: '{"never_cancel": ["DataLoss"]}'
--
-- policy-config   never_cancel   alertnames whose Tasks stay (default none)

return policy.extend(policy.base, {
    api = 1,
    name = "cancel_resolved",
    describe = "deletes Tasks that have not started when their alerts have resolved",

    on_resolve = function(alert, ctx, super)
        for _, name in ipairs(ctx.config.never_cancel or {}) do
            if alert.name == name then
                return super()
            end
        end
        return "cancel_pending"
    end,
})
