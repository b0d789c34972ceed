-- Silence of filter and retrigger.
--- case an end without a word
return {
    api = 1,
    filter = function(alert)
        if alert.labels.severity == "info" then
            return false, "info"
        end
    end, --> warning: filter can end here and returns nothing: the base decides; write return super() if that is meant
    retrigger = function(alert, ctx)
        while ctx.now > 0 do
            return true
        end
    end, --> warning: retrigger can end here and returns nothing
}
--- case a bare return
return {
    api = 1,
    filter = function(alert)
        if alert.labels.severity == "info" then
            return --> warning: filter returns nothing: the base decides
        end
        return true
    end,
}
--- case an elseif that is left open, and an empty hook
return {
    api = 1,
    filter = function(alert)
        if alert.state == "active" then
            return true
        elseif alert.state == "suppressed" then
            return false, "suppressed"
        end
    end, --> warning: filter can end here
    retrigger = function() end, --> warning: retrigger can end here
}
--- case every way returns
return {
    api = 1,
    filter = function(alert, ctx, super)
        if alert.labels.severity == "info" then
            return false, "info"
        elseif alert.labels.severity == "none" then
            do return nil end
        else
            return super()
        end
    end,
    retrigger = function(alert, ctx)
        while true do
            if ctx.now > 0 then
                return true
            end
        end
    end,
}
--- case error() and repeat
return {
    api = 1,
    filter = function(alert)
        if alert.labels.severity then
            return true
        end
        error("every alert has a severity here")
    end,
    retrigger = function()
        repeat return false until true
    end,
}
--- case a loop that is left
return {
    api = 1,
    filter = function(alert)
        while true do
            if alert.name then break end
            return true
        end
    end, --> warning: filter can end here
}
--- case other hooks may be silent, and so may functions inside
return {
    api = 1,
    priority = function(alert)
        if alert.labels.severity == "critical" then
            return 0
        end
    end,
    filter = function(alert)
        local function note() end
        note()
        return true
    end,
}
--- case a hook by its name
local function filter(alert)
    local x = alert.name
end --> warning: filter can end here
return policy.extend(policy.base, { api = 1, filter = filter })
