-- What the lint knows of this version's API: made from the environment that policies get, so that it cannot drift.
local FIELDS = {
    api = "number", name = "string", match = "string", reasons = "table", describe = "string", limits = "table",
    mode = "string", zones = "table", state_version = "number",
    filter = "function", key = "function", priority = "function", title = "function", body = "function",
    retrigger = "function", on_resolve = "function",
}
local MEMBERS = {
    limits = {per_hour = "number", per_day = "number", ramp = "number", reserve = "table"},
    ["limits.reserve"] = {slots = "number", priority = "number"},
}

-- text -> nil, or what f says about it.
local function refusal_of(f, ...)
    local more = {...}
    return function(text)
        local ok, message = pcall(f, text, table.unpack(more))
        if ok then
            return nil
        end
        return (string.gsub(tostring(message), "^[%w._]+: ", ""))
    end
end

-- env: a policy's environment. matcher, zone: text -> nil or a sentence. syntax: see lint.lua.
return function(env, matcher, zone, syntax)
    local checks = {matcher = matcher, zone = zone}
    if env.duration then
        checks.duration = refusal_of(env.duration.parse)
    end
    if env.time then
        checks.window = function(text)
            return refusal_of(function() return env.time.within(0, text, "UTC") end)(text)
        end
    end
    return {globals = env, fields = FIELDS, members = MEMBERS, checks = checks, syntax = syntax}
end
