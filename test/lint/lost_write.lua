-- Memory that is none.
--- case tables and counters outside of the hooks
local seen, count = {}, 0
return {
    api = 1,
    filter = function(alert)
        seen[alert.fingerprint] = true --> warning: 'seen' is outside of the hook: each cycle starts anew, so what is written to it is lost; use ctx.state
        count = count + 1 --> warning: 'count' is outside of the hook
        table.insert(seen, alert.name) --> warning: 'seen' is outside of the hook
        return count < 3
    end,
}
--- case deeper in it, and from a function inside the hook
local memory = { alerts = {} }
return {
    api = 1,
    filter = function(alert)
        local function note() memory.alerts[alert.name] = 1 end --> warning: 'memory' is outside
        note()
        return true
    end,
}
--- case built at the top level, read in the hook
local known = {}
for _, name in ipairs({ "a", "b" }) do
    known[name] = true
end
known.c = true
return {
    api = 1,
    filter = function(alert, ctx)
        local lines = {}
        lines[1] = alert.name
        table.insert(lines, "x")
        ctx.state.n = 1
        return known[lines[1]] == true
    end,
}
