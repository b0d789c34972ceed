-- What a policy file returned: is it one? Nothing of it reaches C unchecked. Each check returns a sentence, or nothing
-- when all is well.

local HOOKS, suggest, seal, zone_legal, most = ...

local LIMITS = {"per_day", "per_hour", "ramp"}
local RESERVE = {"priority", "slots"}
local TABLES = {
    reasons = 'table of code = "text"', limits = "table such as { per_hour = 10 }", zones = 'list such as {"Europe/Rome"}',
}
local REASONS_MAX = 64
local VERSION_MAX = 1000000000

-- Codes that the engine itself uses after "policy.".
local RESERVED = {
    error = true, bad_return = true, timeout = true, memory = true, killed = true, quarantined = true,
    missing = true, load = true, filter = true, retrigger = true, shadow = true,
}

local FIELDS = {
    "api", "name", "match", "reasons", "describe", "limits", "mode", "zones", "state_version", table.unpack(HOOKS),
}

-- Anything that a policy may have written, on one short line.
local function shown(value)
    if type(value) == "string" then
        return "'" .. text.truncate(value, 80, "...") .. "'"
    elseif type(value) == "number" or type(value) == "boolean" then
        return tostring(value)
    end
    return "a " .. type(value)
end

-- The first member, by its name, that is not in the list.
local function unknown_member(t, known)
    local is_known, worst = {}, nil
    for _, name in ipairs(known) do is_known[name] = true end
    for name in next, t do
        if not is_known[name] then
            local words = type(name) == "string" and name or "[" .. tostring(name) .. "]"
            if not worst or words < worst then
                worst = words
            end
        end
    end
    return worst and "'" .. text.truncate(worst, 80, "...") .. "'" .. suggest(worst, known)
end

local function bad_type(t)
    for _, field in ipairs {"name", "match", "describe", "mode"} do
        local value = rawget(t, field)
        if value ~= nil and type(value) ~= "string" then
            return field .. " must be a string, got " .. type(value)
        end
    end
    for _, hook in ipairs(HOOKS) do
        local value = rawget(t, hook)
        if value ~= nil and type(value) ~= "function" then
            return hook .. " must be a function, got " .. type(value)
        end
    end
    for _, field in ipairs {"limits", "reasons", "zones"} do
        local value = rawget(t, field)
        if value ~= nil and type(value) ~= "table" then
            return field .. " must be a " .. TABLES[field] .. ", got " .. type(value)
        end
    end
end

local function bad_api(api)
    if api == nil then
        return "api is missing; add api = 1"
    elseif api ~= 1 then
        return "api = " .. text.truncate(tostring(api), 40) ..
            " is not known here; this version knows api = 1"
    end
end

local function bad_name(name)
    if #name > 63 or not string.match(name, "^[A-Za-z0-9][A-Za-z0-9._-]*$") then
        return "the name '" .. text.truncate(name, 80, "...") ..
            "' must be letters, digits, '.', '_' and '-', at most 63"
    elseif name == "default" then
        return "the name 'default' belongs to the bundled policy; choose another"
    end
end

local function bad_reasons(reasons)
    local n = 0
    for code, meaning in next, reasons do
        if type(code) ~= "string" or #code > 63 or not string.match(code, "^[a-z][a-z0-9_]*$") then
            return "reasons: the code '" .. text.truncate(tostring(code), 80, "...") ..
                "' must be lower-case letters, digits and _, at most 63"
        elseif RESERVED[code] then
            return "reasons: the code '" .. code .. "' belongs to alertspawner; choose another"
        elseif type(meaning) ~= "string" then
            return "reasons: the text of '" .. code .. "' must be a string, got " .. type(meaning)
        end
        n = n + 1
    end
    if n > REASONS_MAX then
        return "reasons: at most " .. REASONS_MAX .. " codes"
    end
end

-- The whole number that a field is; else nil and the sentence.
local function whole(value, field, least, most)
    local n = type(value) == "number" and math.tointeger(value)
    if n and n >= least and n <= most then
        return n
    end
    return nil, field .. " must be a whole number from " .. least .. " to " .. most .. ", got " .. shown(value)
end

-- limits, flat and whole; else nil and the sentence.
local function read_limits(limits)
    local checked = {}
    local unknown = unknown_member(limits, {"reserve", table.unpack(LIMITS)})
    if unknown then
        return nil, "limits: unknown member " .. unknown
    end
    for _, name in ipairs(LIMITS) do
        local value, problem = rawget(limits, name), nil
        if value ~= nil then
            checked[name], problem = whole(value, "limits." .. name, 1, most[name])
            if problem then return nil, problem end
        end
    end
    local reserve = rawget(limits, "reserve")
    if reserve == nil then
        return checked
    elseif type(reserve) ~= "table" then
        return nil, "limits.reserve must be a table such as { slots = 2, priority = 100 }, got " .. type(reserve)
    end
    unknown = unknown_member(reserve, RESERVE)
    if unknown then
        return nil, "limits.reserve: unknown member " .. unknown
    end
    for _, name in ipairs(RESERVE) do
        local value = rawget(reserve, name)
        if value == nil then
            return nil, "limits.reserve." .. name .. " is missing; it is written as { slots = 2, priority = 100 }"
        end
        local problem
        checked["reserve_" .. name], problem = whole(value, "limits.reserve." .. name, name == "slots" and 1 or 0,
            most[name])
        if problem then return nil, problem end
    end
    return checked
end

-- zones as a list without what stands twice; else nil and the sentence.
local function read_zones(zones)
    local list, there, n = {}, {}, 0
    for _ in next, zones do n = n + 1 end
    for i = 1, n do
        local name = rawget(zones, i)
        if name == nil then
            return nil, "zones must be a list such as {\"Europe/Rome\"}"
        elseif type(name) ~= "string" then
            return nil, "zones[" .. i .. "] must be the name of a time zone such as \"Europe/Rome\", got " .. type(name)
        elseif not zone_legal(name) then
            return nil, "zones: " .. shown(name) .. " is no name of a time zone; they look like Europe/Rome"
        elseif not there[name] then
            there[name] = true
            list[#list + 1] = name
        end
    end
    if #list > most.zones then
        return nil, "zones: at most " .. most.zones .. " names"
    end
    return list
end

local function problem(t, name)
    if type(t) ~= "table" then
        return "must return one table, such as policy.extend(policy.base, { api = 1 }), got " .. type(t)
    end
    local unknown = unknown_member(t, FIELDS)
    if unknown then
        return "unknown field " .. unknown
    end
    local found = bad_type(t) or bad_api(rawget(t, "api")) or bad_name(name)
    if found then
        return found
    end
    local mode = rawget(t, "mode")
    if mode ~= nil and mode ~= "shadow" then
        return "mode = " .. shown(mode) .. " is not known; it is \"shadow\", or absent"
    end
    if rawget(t, "match") == "" then
        return "match is empty; leave it out (the policy then acts only when named), or write alertname!=\"\""
    end
    return bad_reasons(rawget(t, "reasons") or {})
end

-- Checks what a file returned. A sentence, or nil and what C needs of it.
local function check(t, file)
    local name = type(t) == "table" and type(rawget(t, "name")) == "string" and rawget(t, "name")
        or string.match(file, "^(.*)%.lua$") or file
    local found = problem(t, name)
    if found then
        return found
    end
    local checked = {name = name, match = rawget(t, "match"), reasons = {}, shadow = rawget(t, "mode") ~= nil}
    for code, meaning in next, rawget(t, "reasons") or {} do
        checked.reasons[code] = meaning
    end
    checked.limits, found = read_limits(rawget(t, "limits") or {})
    if found then
        return found
    end
    checked.zones, found = read_zones(rawget(t, "zones") or {})
    if found then
        return found
    end
    local version = rawget(t, "state_version")
    checked.state_version, found = whole(version == nil and 1 or version, "state_version", 1, VERSION_MAX)
    if found then
        return found
    end
    checked.hooks, checked.written = seal(t)
    return nil, checked
end

return check
