-- policy.extend, and the check of what a policy file returned.
--
-- A hook is written as function(alert, ctx, super) -> value, reason, detail. extend() turns it into one that
-- takes (alert, ctx) only: `super` is bound to what lies below, and nil means "no opinion", so what lies below
-- answers.

local base, suggest = ...

local HOOKS = {"filter", "key", "priority", "title", "body", "retrigger"}
local FIELDS = {"api", "name", "match", "reasons", "describe", table.unpack(HOOKS)}
local DEPTH_MAX = 4
local REASONS_MAX = 64

-- Codes that the engine itself uses after "policy.".
local RESERVED = {
    error = true, bad_return = true, timeout = true, memory = true, killed = true, quarantined = true,
    missing = true, load = true, filter = true, retrigger = true,
}

local known_field, is_hook = {}, {}
for _, field in ipairs(FIELDS) do known_field[field] = true end
for _, hook in ipairs(HOOKS) do is_hook[hook] = true end

local depth = {}    -- table made by extend -> how many layers lie on the base
local written = {}  -- hook made by extend -> the function that somebody wrote
local answered      -- what the base's hook has said in the question at hand

-- The base's hooks, noting what they answer. Captured before any policy runs.
local ground = {}
for _, hook in ipairs(HOOKS) do
    local ask = base[hook]
    ground[hook] = function(alert, ctx)
        local value, reason, detail = ask(alert, ctx)
        answered = value
        return value, reason, detail
    end
end

local function link(own, below)
    local function hook(alert, ctx)
        local function super(...)
            if select("#", ...) > 0 then
                error("super() takes no arguments: it asks about the same alert", 2)
            end
            return below(alert, ctx)
        end
        local value, reason, detail = own(alert, ctx, super)
        if value == nil then
            return below(alert, ctx)
        end
        return value, reason, detail
    end
    written[hook] = own
    return hook
end

local policy = {}

-- What policies see of the base: changing it changes nothing.
policy.base = {}
for field, value in next, base do policy.base[field] = value end
local public_base = policy.base

local function expect_table(value, which)
    if type(value) ~= "table" then
        error("policy.extend: the " .. which .. " must be a table, got " .. type(value), 3)
    end
end

function policy.extend(parent, overrides)
    expect_table(parent, "first argument (such as policy.base)")
    expect_table(overrides, "second argument (the hooks to override)")
    local layers = parent == public_base and 0 or depth[parent] or 1
    if layers >= DEPTH_MAX then
        error("policy.extend: at most " .. DEPTH_MAX .. " layers", 2)
    end

    local result = {}
    for field, value in next, overrides do
        result[field] = value
    end
    for _, hook in ipairs(HOOKS) do
        local below = parent ~= public_base and rawget(parent, hook) or nil
        if type(below) == "function" and not written[below] then
            below = link(below, ground[hook])
        end
        local own = rawget(overrides, hook)
        if own == nil then
            result[hook] = below
        elseif type(own) == "function" then -- anything else is reported when the file is checked
            result[hook] = link(own, type(below) == "function" and below or ground[hook])
        end
    end
    local inherited = rawget(parent, "reasons")
    local reasons = rawget(overrides, "reasons")
    if type(inherited) == "table" and (reasons == nil or type(reasons) == "table") then
        local merged = {}
        for code, text in next, inherited do merged[code] = text end
        for code, text in next, reasons or {} do merged[code] = text end
        result.reasons = merged
    end
    depth[result] = layers + 1
    return result
end

-- Checks. Each returns a sentence, or nothing when all is well.

local function legal_name(name)
    return #name <= 63 and string.match(name, "^[A-Za-z0-9][A-Za-z0-9._-]*$") ~= nil
end

local function unknown_field(t)
    local worst
    for field in next, t do
        if not known_field[field] then
            local shown = type(field) == "string" and field or "[" .. tostring(field) .. "]"
            if not worst or shown < worst then
                worst = shown
            end
        end
    end
    if worst then
        return "unknown field '" .. text.truncate(worst, 80, "...") .. "'" .. suggest(worst, FIELDS)
    end
end

local function wrong_type(t)
    for _, field in ipairs {"name", "match", "describe"} do
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
    local reasons = rawget(t, "reasons")
    if reasons ~= nil and type(reasons) ~= "table" then
        return "reasons must be a table of code = \"text\", got " .. type(reasons)
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

local function problem(t, name)
    if type(t) ~= "table" then
        return "must return one table, such as policy.extend(policy.base, { api = 1 }), got " .. type(t)
    end
    local found = unknown_field(t) or wrong_type(t)
    if found then
        return found
    end
    local api = rawget(t, "api")
    if api == nil then
        return "api is missing; add api = 1"
    elseif api ~= 1 then
        return "api = " .. text.truncate(tostring(api), 40) ..
            " is not known here; this version knows api = 1"
    end
    if not legal_name(name) then
        return "the name '" .. text.truncate(name, 80, "...") ..
            "' must be letters, digits, '.', '_' and '-', at most 63"
    elseif name == "default" then
        return "the name 'default' belongs to the bundled policy; choose another"
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
    local checked = {name = name, match = rawget(t, "match"), reasons = {}, hooks = {}, written = {}}
    for code, meaning in next, rawget(t, "reasons") or {} do
        checked.reasons[code] = meaning
    end
    for _, hook in ipairs(HOOKS) do
        local ask = rawget(t, hook)
        if ask then
            if not written[ask] then
                ask = link(ask, ground[hook])
            end
            checked.written[hook] = written[ask]
            -- The fourth result: the answer is the base's own.
            checked.hooks[hook] = function(alert, ctx)
                answered = nil
                local value, reason, detail = ask(alert, ctx)
                return value, reason, detail, reason == nil and value ~= nil and value == answered
            end
        end
    end
    return nil, checked
end

return policy, check
