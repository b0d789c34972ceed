-- Flap damping: no Task for an alert that has only just begun, or that comes and goes.
--
-- Use it where alerts often heal by themselves within minutes. An alert waits until it has been seen for
-- `hold` (policy.held), and while it has come back too often within the last hour (policy.flapping). Severe
-- alerts pass at once. An alert that never stops flapping never gets a Task: `plan` shows it, and the alert's
-- rule wants mending.
--
--      metadata:
--        annotations:
--          alerts.kelos.dev/policy: flap_damping
--          alerts.kelos.dev/policy-config: '{"hold": "10m", "max_flaps": 2}'
--
-- policy-config   hold        how long an alert must have been there (default "5m")
--                 max_flaps   an alert that came back that often within an hour is flapping (default 3)
--                 bypass      alerts of this severity and worse pass at once; "" for none ("critical")

local function passes_at_once(alert, ctx)
    local bypass = ctx.config.bypass or "critical"
    return bypass ~= "" and severity.at_least(alert, bypass)
end

return policy.extend(policy.base, {
    api = 1,
    name = "flap_damping",
    describe = "holds new alerts for a while, and flapping ones until they are calm",
    reasons = {
        held = "it has not been there for long enough",
        flapping = "it comes and goes",
    },

    filter = function(alert, ctx, super)
        if passes_at_once(alert, ctx) then
            return super()
        end
        local seen = ctx.seen
        if seen.flaps_1h >= (ctx.config.max_flaps or 3) then
            return false, "flapping", "it came back " .. seen.flaps_1h .. " times within the last hour"
        end
        local ripe = math.ceil(seen.first) + duration.parse(ctx.config.hold or "5m")
        if ctx.now < ripe then
            return false, "held", "until " .. time.format(ripe, "iso")
        end
        return super()
    end,
})
