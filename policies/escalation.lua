-- Escalation: after so many Tasks for one alert it stops, and says that a human is needed.
--
-- Use it wherever an agent may fail: without it an alert that keeps coming back keeps getting Tasks. Between
-- two attempts it waits. Each Task is told which attempt it is, the last one to leave word for a human. After
-- that the verdict is skip policy.human_needed until the alert has been left alone for `forget`; then it
-- counts from one again.
--
--      metadata:
--        annotations:
--          alerts.kelos.dev/policy: escalation
--          alerts.kelos.dev/policy-config: '{"attempts": 2, "pause": "30m"}'
--
-- policy-config   attempts   Tasks for one alert (default 3)
--                 pause      between the end of one and the next (default "15m")
--                 forget     so long after the end of the last one, attempts are counted anew (default "24h")

local function most(ctx)
    return ctx.config.attempts or 3
end

-- Tasks of the present streak, and the number of attempts to forget when it is a new one.
local function tried(ctx)
    local last = ctx.last
    local ended = last.completed_at > 0 and last.completed_at or last.created_at
    if last.attempts > 0 and ctx.now - ended > duration.parse(ctx.config.forget or "24h") then
        return 0, last.attempts
    end
    return math.max(0, last.attempts - (ctx.state.forgotten or 0)), nil
end

return policy.extend(policy.base, {
    api = 1,
    name = "escalation",
    describe = "stops after a number of attempts and asks for a human",
    reasons = {human_needed = "all attempts are used up; a human is needed"},

    retrigger = function(_, ctx, super)
        local again, reason, detail = super()
        if again == false then
            return again, reason, detail
        end
        local n, forget = tried(ctx)
        if forget then
            ctx.state.forgotten = forget
        elseif n >= most(ctx) then
            return false, "human_needed", n .. " Tasks and it fires again; a human is needed"
        elseif again == true then
            return cooldown(ctx, ctx.config.pause or "15m")
        end
        return again, reason, detail
    end,

    title = function(_, ctx, super)
        local n = tried(ctx)
        return n > 0 and super() .. " (attempt " .. n + 1 .. " of " .. most(ctx) .. ")" or super()
    end,

    body = function(_, ctx, super)
        local attempt = tried(ctx) + 1
        local said = "This is attempt " .. attempt .. " of " .. most(ctx) .. " to deal with this alert."
        if attempt >= most(ctx) then
            said = said .. " It is the last: if you cannot solve it, write down what a human has to do."
        end
        return said .. "\n\n" .. super()
    end,
})
