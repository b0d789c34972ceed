-- Business hours: a Task only when somebody is there to look at what the agent did.
--
-- Use it for work that can wait until the morning. Outside the hours an alert is skipped
-- (policy.out_of_hours) and judged again in every cycle: if it still fires when the hours begin, it gets its
-- Task then. Urgent alerts never wait.
--
--      metadata:
--        annotations:
--          alerts.kelos.dev/policy: business_hours
--          alerts.kelos.dev/policy-config: '{"zone": "Europe/Rome", "hours": "Mon-Fri 08:30-18:00"}'
--
-- policy-config   zone       time zone (default "UTC")
--                 hours      when there is somebody (default "Mon-Fri 09:00-17:00")
--                 holidays   days on which there is nobody, such as ["2026-12-25"] (default none)
--                 urgent     alerts of this severity and worse never wait; "" for none (default "critical")

-- The moment at which the hours begin, or now when they have begun; nil when that is far away.
local function next_opening(ctx)
    local config = ctx.config
    local zone, hours = config.zone or "UTC", config.hours or "Mon-Fri 09:00-17:00"
    local t = ctx.now
    for _ = 1, 30 do
        t = time.next(t, hours, zone)
        if t == nil or not time.holiday(t, config.holidays or {}, zone) then
            return t, zone
        end
        local at = time.parts(t, zone)
        t = t + 86400 - at.hour * 3600 - at.minute * 60 - at.second -- the midnight that ends the holiday
    end
    return nil, zone
end

local function is_urgent(alert, ctx)
    local urgent = ctx.config.urgent or "critical"
    return urgent ~= "" and severity.at_least(alert, urgent)
end

return policy.extend(policy.base, {
    api = 1,
    name = "business_hours",
    describe = "Tasks in business hours only, unless the alert is urgent",
    reasons = {out_of_hours = "nobody is there now"},

    filter = function(alert, ctx, super)
        if is_urgent(alert, ctx) then
            return super()
        end
        local opens, zone = next_opening(ctx)
        if opens == ctx.now then
            return super()
        elseif opens == nil then
            return false, "out_of_hours", "and nobody comes for weeks"
        end
        return false, "out_of_hours", "until " .. time.format(opens, "iso", zone)
    end,
})
