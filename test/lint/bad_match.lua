-- Matchers, read by the real reader.
--- case the field
return { api = 1, match = 'team="payments' } --> error: match: 
--- case the field, by a local
local ours = 'team=~"("'
return { api = 1, match = ours } --> error: match: 
--- case alert:matches
return {
    api = 1,
    filter = function(alert)
        if alert:matches('severity') or alert:matches('severity="x"') then --> error: alert:matches: 
            return false, "x"
        end
        return true
    end,
}
--- case ctx.firing, also when the parameter has another name
return {
    api = 1,
    filter = function(a, c)
        local down = c.firing('alertname="NodeDown"')
        return down + c.firing('=') > 0 --> error: ctx.firing: 
    end,
}
--- case the function match
--- needs match
return { api = 1, filter = function(alert) return not match(alert, '!!'), "x" end } --> error: match: 
--- case good ones
return {
    api = 1,
    match = 'team="payments",severity!="info",pod=~"api-.*",env!~"dev|test"',
    filter = function(alert, ctx)
        return alert:matches('a="b"') or ctx.firing({ alertname = "X" }) > 0 or ctx.firing('alertname="X"') > 1
    end,
}
--- case another object's method
local t = { matches = function() end }
return { api = 1, filter = function() t:matches("=") return true end }
--- case a text that is computed is not known
return { api = 1, filter = function(alert, ctx) return alert:matches(ctx.config.match .. "=") end }
