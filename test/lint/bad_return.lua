-- Literals that a hook must not return.
--- case each hook
return {
    api = 1,
    filter = function(alert)
        if alert.name then return 0 end --> warning: filter must return true or false
        if alert.url then return "drop" end --> warning: filter must return true or false
        return {} --> warning: filter must return true or false
    end,
    key = function() return 17 end, --> warning: key must return a string
    priority = function(alert)
        if alert.name then return "high" end --> warning: priority must return a whole number from 0 to 1000
        if alert.url then return 1001 end --> warning: priority must return
        if alert.state then return -1 end --> warning: priority must return
        return 0.5 --> warning: priority must return
    end,
    title = function() return false end, --> warning: title must return a string
    body = function() return { "line" } end, --> warning: body must return a string
    retrigger = function() return "4h" end, --> warning: retrigger must return false, true or whole epoch seconds
    on_resolve = function() return "cancel" end, --> warning: on_resolve must return "keep" or "cancel_pending"
}
--- case good ones
local DEFAULT = 500
return {
    api = 1,
    filter = function(alert) return alert.labels.a == "b" end,
    key = function(alert) return "k" .. alert.fingerprint end,
    priority = function(alert) if alert.name then return 1e2 end return DEFAULT end,
    title = function() return nil end,
    body = function(alert, ctx, super) return super() end,
    retrigger = function(alert, ctx) if ctx.last.gone then return true end return ctx.now + 60 end,
    on_resolve = function() return "cancel_pending" end,
}
--- case a function inside a hook returns what it likes
return {
    api = 1,
    filter = function(alert)
        local function rank() return 3 end
        return rank() > 2
    end,
}
