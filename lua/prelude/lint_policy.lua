-- The table that the file returns: found without running anything, and checked field by field.
--
-- l.policy: layers (own first, then what it extends), fields (of its own layer), unknown (part of it cannot be
-- seen), reasons (code -> line), reasons_known, zones (name -> true), zones_known, match (its text).
local M = ...
local policy = {visit = {}, enter = {}}

local scope = M.lint_scope

local LAYERS_MAX = 8

local function add_fields(fields, items)
    for _, item in ipairs(items) do
        local name = item.name or (item.key and item.key.tag == "string" and item.key.value)
        if name then
            fields[#fields + 1] = {name = name, value = item.value, line = item.line}
        elseif not item.key then
            fields[#fields + 1] = {position = true, value = item.value, line = item.line}
        end
    end
end

-- Follows an expression to the table (or the call of policy.extend) behind it.
local function find_layers(found, e, written)
    found.steps = found.steps + 1
    if found.steps > 4 * LAYERS_MAX then
        found.unknown = true
        return
    end
    e = scope.unwrap(e)
    for _ = 1, LAYERS_MAX do
        if e.tag ~= "name" or not e.var then
            break
        elseif e.var.assigned or not e.var.init then
            found.unknown = true
            return
        end
        for _, item in ipairs(e.var.written or {}) do
            written[#written + 1] = item
        end
        e = scope.unwrap(e.var.init)
    end
    if e.tag == "table" then
        local fields = {}
        add_fields(fields, e.items)
        add_fields(fields, written)
        found.layers[#found.layers + 1] = fields
    elseif e.tag == "call" and scope.path(e.left) == "policy.extend" and #e.args == 2
        and #found.layers < LAYERS_MAX then
        find_layers(found, e.args[2], written)
        if scope.path(e.args[1]) ~= "policy.base" then
            find_layers(found, e.args[1], {})
        end
    else
        found.unknown = true
    end
end

local function field(fields, name)
    for i = #fields, 1, -1 do
        if fields[i].name == name then
            return fields[i]
        end
    end
    return nil
end

local function note_reasons(found)
    found.reasons, found.reasons_known = {}, not found.unknown
    for _, layer in ipairs(found.layers) do
        local reasons = field(layer, "reasons")
        local t = reasons and scope.constant(reasons.value)
        if t and t.tag == "table" then
            for _, item in ipairs(t.items) do
                if item.name then
                    found.reasons[item.name] = found.reasons[item.name] or item.line
                else
                    found.reasons_known = false
                end
            end
        elseif t then
            found.reasons_known = false
        end
    end
end

local function note_zones(found, l)
    found.zones, found.zones_known = {UTC = true}, not found.unknown
    for _, layer in ipairs(found.layers) do
        local zones = field(layer, "zones")
        local t = zones and scope.constant(zones.value)
        if t and t.tag ~= "table" then
            found.zones_known = false
        end
        for _, item in ipairs(t and t.tag == "table" and t.items or {}) do
            local zone = scope.text(item.value)
            if zone then
                found.zones[zone] = true
                l.check("zone", "bad_zone", item.line, zone)
            else
                found.zones_known = false
            end
        end
    end
end

-- The function that a hook is written as, also by the name of a local one.
local function hook_function(e)
    local f = scope.constant(e)
    return f.tag == "function" and f or nil
end

local ROLES = {"alert", "ctx", "super"}

local function note_hooks(found, l)
    for _, layer in ipairs(found.layers) do
        for _, hook in ipairs(layer) do
            local f = (l.options.fields or {})[hook.name] == "function" and hook_function(hook.value)
            if f and not f.hook then
                f.hook = hook.name
                for i, role in ipairs(ROLES) do
                    if f.params[i] then
                        f.params[i].role = role
                    end
                end
            end
        end
    end
end

-- Before the walk: what the rules have to know of the policy as a whole. Libraries have none.
function policy.look(main, l)
    local found = {layers = {}, unknown = false, steps = 0}
    l.policy = found
    local last = main.body[#main.body]
    if l.is_library or not last or last.tag ~= "return" or not last.values[1] then
        found.unknown = true
    else
        find_layers(found, last.values[1], {})
    end
    note_reasons(found)
    note_zones(found, l)
    note_hooks(found, l)
    local match = found.layers[1] and field(found.layers[1], "match")
    found.match = match and scope.text(match.value)
    found.match_line = match and match.line
end

-- The checks of its fields.

local LITERAL_TYPES = {number = "number", string = "string", table = "table", ["function"] = "function",
    ["true"] = "boolean", ["false"] = "boolean"}

-- The type of what is written out; nil when it is computed (or nil).
function policy.literal_type(e)
    local literal = scope.constant(e)
    if literal.tag == "unary" and literal.op == "-" then
        literal = scope.constant(literal.value)
        return literal.tag == "number" and "number" or nil
    elseif literal.tag == "op" and literal.op == ".." then
        return "string"
    end
    return LITERAL_TYPES[literal.tag]
end

local ARTICLE = {number = "a number", string = "a string", table = "a table", ["function"] = "a function",
    boolean = "true or false"}

local function check_fields(l, fields, known, prefix)
    for _, f in ipairs(fields) do
        local wanted = f.name and known[f.name]
        if not wanted then
            local shown = f.name and prefix .. f.name or "[1]"
            l.report("unknown_field", f.line, "unknown field '" .. M.lint_show(shown) .. "'" ..
                (f.name and l.suggest(f.name, known) or ""))
        else
            local got = policy.literal_type(f.value)
            if got and got ~= wanted then
                l.report("wrong_type", f.line, prefix .. f.name .. " must be " .. ARTICLE[wanted] .. ", and is " ..
                    ARTICLE[got])
            end
            local members = l.options.members and l.options.members[prefix .. f.name]
            local t = members and scope.constant(f.value)
            if t and t.tag == "table" then
                local inner = {}
                add_fields(inner, t.items)
                check_fields(l, inner, members, prefix .. f.name .. ".")
            end
        end
    end
end

function policy.finish(l)
    local own = l.policy.layers[1]
    if own and l.options.fields then
        check_fields(l, own, l.options.fields, "")
    end
    if l.policy.match then
        l.check("matcher", "bad_match", l.policy.match_line, l.policy.match, "match: ")
    end
end

return policy
