-- Severity ladder: the worst alerts first, and nothing for those that are too mild.
--
-- Use it with maxConcurrency or limits: it decides who gets the free place. An alert without a severity, or
-- with one that is not on the ladder, stands where `unknown` says, so that a typo in a rule loses no alert.
--
--      metadata:
--        annotations:
--          alerts.kelos.dev/policy: severity_ladder
--          alerts.kelos.dev/policy-config: '{"from": "error"}'
--
-- policy-config   ladder    severities, the worst first
--                           (default ["critical", "page", "error", "warning", "info", "none"])
--                 from      the mildest that still gets a Task (default "warning")
--                 unknown   what counts for an alert that is not on the ladder (default "warning")
-- A ladder of your own that lacks "warning" wants `from` and `unknown`, too.

local LADDER = {"critical", "page", "error", "warning", "info", "none"}

local function place(ladder, name)
    for i, rung in ipairs(ladder) do
        if rung == name then
            return i
        end
    end
    error("policy-config: '" .. name .. "' is not on the ladder", 0)
end

local function rank(alert, ctx)
    local ladder = ctx.config.ladder or LADDER
    local rung = severity.rank(alert, ladder)
    return rung <= #ladder and rung or place(ladder, ctx.config.unknown or "warning")
end

return policy.extend(policy.base, {
    api = 1,
    name = "severity_ladder",
    describe = "the worst first; the mildest not at all",
    reasons = {too_mild = "its severity is not worth a Task"},

    filter = function(alert, ctx, super)
        local from = ctx.config.from or "warning"
        if rank(alert, ctx) > place(ctx.config.ladder or LADDER, from) then
            return false, "too_mild", "it is milder than " .. from
        end
        return super()
    end,

    priority = function(alert, ctx)
        return math.min(rank(alert, ctx) * 100, 1000)
    end,
})
