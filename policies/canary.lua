-- Canary: agents get a fixed share of the alerts, the rest gets none.
--
-- Use it to begin with agents, or with a new prompt. The same alert is always on the same side, also after a
-- restart; with `canary_by` everything that has the same value of a label is on the same side.
--
--      metadata:
--        annotations:
--          alerts.kelos.dev/policy: canary
--          alerts.kelos.dev/policy-config: '{"share": 25, "canary_by": "namespace"}'
--
-- policy-config   share       percent of the alerts, 0 to 100 (default 10)
--                 canary_by   the label that decides (default: all labels, by the fingerprint)

return policy.extend(policy.base, {
    api = 1,
    name = "canary",
    describe = "a fixed share of the alerts",
    reasons = {not_in_canary = "it is not in the share that agents get"},

    filter = function(alert, ctx, super)
        local by = ctx.config.canary_by
        local bucket = hash.bucket(by and alert:label(by, "") or alert.fingerprint, 100)
        local share = ctx.config.share or 10
        if bucket >= share then
            return false, "not_in_canary", "its number is " .. bucket .. ", the share ends before " .. share
        end
        return super()
    end,
})
