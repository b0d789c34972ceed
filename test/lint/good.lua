-- Policies in which there is nothing to find.
--- case five lines
return policy.extend(policy.base, {
    api = 1,
    match = 'team="payments"',
    priority = function(alert) return alert.labels.severity == "critical" and 0 or nil end,
})
--- case a longer one
local base = policy.base
local function is_noise(alert, ctx)
    return alert.labels.severity ~= "critical" and ctx.seen.flaps_1h > 3
end
return policy.extend(base, {
    api = 1,
    name = "payments",
    match = 'team="payments",severity!="info"',
    reasons = { noise = "flaps" },
    filter = function(alert, ctx, super)
        if is_noise(alert, ctx) then
            return false, "noise", ctx.seen.flaps_1h .. " times an hour"
        end
        return super()
    end,
    key = function(alert) return alert:label("namespace", "none") .. "/" .. alert.name end,
    title = function(alert, ctx)
        return string.format("%s (%d alerts)", alert.name, ctx.group.count)
    end,
    retrigger = function(alert, ctx, super)
        if ctx.last.attempts >= 3 then
            return false, "three attempts, a human is needed"
        end
        ctx.state.tries = (ctx.state.tries or 0) + 1
        ctx.note("tries", ctx.state.tries)
        return super()
    end,
})
--- case a library
--- file lib_hours.lua
local hours = {}
local cache = {}
function hours.open(alert, ctx)
    cache[ctx.now] = cache[ctx.now] or alert:matches('a="b"')
    return cache[ctx.now]
end
return hours
