-- policy.extend: hooks that lie on each other.
--
-- A hook is written as function(alert, ctx, super) -> value, reason, detail. extend() turns it into one that
-- takes (alert, ctx) only: `super` is bound to what lies below, and nil means "no opinion", so what lies below
-- answers.

-- enter(fn) and leave(fn, value, reason, detail) are told of each layer while somebody explains: see chain_maker.h.
local base, HOOKS, enter, leave = ...

local DEPTH_MAX = 4
local INHERITED = {"limits", "mode", "state_version"} -- the child's wins whole; `match` is nobody's heritage

local depth = {}    -- table made by extend -> how many layers lie on the base
local written = {}  -- hook made by extend -> the function that somebody wrote
local answered      -- what the base's hook has said in the question at hand
local explained     -- somebody explains

-- The base's hooks, noting what they answer. Captured before any policy runs.
local ground = {}
for _, hook in ipairs(HOOKS) do
    local ask = base[hook]
    ground[hook] = function(alert, ctx)
        if explained then enter(ask) end
        local value, reason, detail = ask(alert, ctx)
        if explained then leave(ask, value, reason, detail) end
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
        if explained then enter(own) end
        local value, reason, detail = own(alert, ctx, super)
        if explained then leave(own, value, reason, detail) end
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

-- Both tables in one; of lists, one after the other. What is no table is reported when the file is checked.
local function merged(inherited, own, lists)
    if type(inherited) ~= "table" or (own ~= nil and type(own) ~= "table") then
        return own
    end
    local result = {}
    for key, value in next, inherited do result[key] = value end
    local n = lists and #result or 0
    for key, value in next, own or {} do
        result[math.type(key) == "integer" and lists and key + n or key] = value
    end
    return result
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
    for _, field in ipairs(INHERITED) do
        if result[field] == nil and parent ~= public_base then
            result[field] = rawget(parent, field)
        end
    end
    result.reasons = merged(rawget(parent, "reasons"), rawget(overrides, "reasons"), false)
    result.zones = merged(rawget(parent, "zones"), rawget(overrides, "zones"), true)
    depth[result] = layers + 1
    return result
end

-- What C calls of a checked table's hooks, and the functions that somebody wrote.
local function seal(t)
    local hooks, wrote = {}, {}
    for _, hook in ipairs(HOOKS) do
        local ask = rawget(t, hook)
        if ask then
            if not written[ask] then
                ask = link(ask, ground[hook])
            end
            wrote[hook] = written[ask]
            -- The fourth result: the answer is the base's own.
            hooks[hook] = function(alert, ctx)
                answered = nil
                local value, reason, detail = ask(alert, ctx)
                return value, reason, detail, reason == nil and value ~= nil and value == answered
            end
        end
    end
    return hooks, wrote
end

local function explain(yes)
    explained = yes
end

return policy, seal, explain
