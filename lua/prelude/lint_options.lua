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

-- A zone's name: parts of letters, digits, _, + and -, joined by "/".
local function zone(text)
    local parts = 0
    for part in string.gmatch(text .. "/", "([^/]*)/") do
        parts = parts + 1
        if not string.find(part, "^[%w_+-]+$") then
            parts = 99
        end
    end
    if #text > 64 or parts > 4 then
        return '"' .. string.sub(text, 1, 64) .. '" is no name of a time zone, such as "Europe/Rome"'
    end
end

-- env: a policy's environment. matcher: text -> nil or a sentence.
return function(env, matcher, syntax)
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
