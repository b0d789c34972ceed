-- Windows of time.
--- case what does not parse
--- needs time
return {
    api = 1,
    filter = function(alert, ctx)
        if time.within(ctx.now, "Mon-Fry 09:00-17:00") then --> error: time.within: 
            return false, "busy"
        end
        return time.next(ctx.now, "25:00-26:00") == nil --> error: time.next: 
    end,
}
--- case good ones
--- needs time
local OFFICE = "Mon-Fri 09:00-17:30, Sat 10:00-12:00"
return {
    api = 1,
    filter = function(alert, ctx)
        return time.within(ctx.now, OFFICE) or time.within(ctx.now, "22:00-06:00", "UTC")
    end,
}
