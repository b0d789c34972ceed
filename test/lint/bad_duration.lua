-- Durations.
--- case in every place
--- needs duration
local hour = duration.parse("1hour") --> error: duration.parse: 
local day = duration.parse("1d")
return {
    api = 1,
    filter = function(alert, ctx)
        return ctx.rate("policy", "1x") < hour and ctx.rate("spawner", "1h") < day --> error: ctx.rate: 
    end,
    retrigger = function(alert, ctx)
        if ctx.last.phase == "Failed" then
            return cooldown(ctx, "4 h") --> error: cooldown: 
        elseif ctx.last.attempts > 3 then
            return backoff(ctx, "15m", "1day") --> error: backoff: 
        end
        return backoff(ctx, "15m", "24h")
    end,
}
--- case good ones
--- needs duration
local hour = duration.parse("1h30m") + duration.parse("0")
return { api = 1, retrigger = function(alert, ctx) return cooldown(ctx, "4h") end, priority = function() return hour // 60 end }
--- case a local function of that name
local function cooldown(ctx, text) return false, text end
return { api = 1, retrigger = function(alert, ctx) return cooldown(ctx, "a while") end }
