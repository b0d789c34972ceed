-- Time zones.
--- case a zone that is not named
--- needs time
return {
    api = 1,
    zones = { "Europe/Rome" },
    filter = function(alert, ctx)
        return time.within(ctx.now, "Sat-Sun", "Europe/Rome") or time.within(ctx.now, "Sat-Sun", "Europe/Paris") --> error: time.within: the zone "Europe/Paris" is not named; add zones = {"Europe/Paris"} to the policy
    end,
}
--- case no zones at all; a text in a local is named once
--- needs time
local HOME = "America/New_York"
return {
    api = 1,
    title = function(alert, ctx)
        local parts = time.parts(ctx.now, HOME) --> error: time.parts: the zone "America/New_York" is not named
        return time.format(ctx.now, "hm", HOME) .. time.format(ctx.now, "hm", "Europe/Rome") .. parts.zone --> error: time.format: the zone "Europe/Rome"
    end,
}
--- case a name that cannot be one
return {
    api = 1,
    zones = {
        "Europe/Rome",
        "../../etc/passwd", --> error: is no name of a time zone
        "", --> error: is no name of a time zone
        "Etc/GMT+5", "America/Argentina/Buenos_Aires",
    },
}
--- case UTC needs no naming
--- needs time
return { api = 1, title = function(alert, ctx) return time.format(ctx.now, "hm", "UTC") end }
--- case the parent's zones count, and a parent that cannot be seen may have any
--- needs time
local hours = include "lib_hours"
return policy.extend(hours.base, {
    api = 1,
    title = function(alert, ctx) return time.format(ctx.now, "hm", "Europe/Paris") end,
})
--- case a parent in the same file
--- needs time
local parent = policy.extend(policy.base, { api = 1, zones = { "Europe/Paris" } })
return policy.extend(parent, {
    api = 1,
    zones = { "Europe/Rome" },
    title = function(alert, ctx)
        return time.format(ctx.now, "hm", "Europe/Paris") .. time.format(ctx.now, "hm", "Europe/Rome")
    end,
})
--- case zones that are computed
--- needs time
local ours = { "Europe/" .. "Rome" }
return { api = 1, zones = ours, title = function(_, ctx) return time.format(ctx.now, "hm", "Asia/Tokyo") end }
--- case a library does not know the policy's zones
--- needs time
--- file lib_hours.lua
return { open = function(ctx) return time.within(ctx.now, "Mon-Fri", "Europe/Rome") end }
