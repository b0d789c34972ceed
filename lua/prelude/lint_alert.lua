-- Labels and annotations: strings that may be absent, in tables that have names and no numbers.
local M = ...
local alert = {visit = {}, enter = {}}

local scope = M.lint_scope

-- alert.labels.x written in place (not through a local that somebody may have checked): what and the name.
local function direct(e)
    if e.tag ~= "index" then
        return nil
    end
    local what, name = scope.about(e)
    if what == "label" or what == "annotation" then
        return what, name
    end
    return nil
end

-- Is the label one that `match` asks for, so that it is always there?
local function is_matched(l, what, name)
    local match = l.policy.match
    return what == "label" and match ~= nil and name ~= nil and string.find(match, name, 1, true) ~= nil
end

-- A place that was looked at before in the same function (in a condition, in `x or ""`, anywhere but beside ..) is taken
-- for checked.
local function place(what, name)
    return what .. " " .. (name or "?")
end

alert.enter["function"] = function(f, l)
    if f.parent == l.main then
        l.mentioned = {}
    end
end

function alert.enter.op(e)
    if e.op == ".." then
        e.left.joined, e.right.joined = true, true
    end
end

local function check_joined(e, l, what, name)
    if not e.joined then
        l.mentioned[place(what, name)] = true
    elseif name and not l.mentioned[place(what, name)] and not is_matched(l, what, name) then
        local shown = M.lint_show(name)
        l.report("nil_concat", e.line, "the " .. what .. " '" .. shown .. "' may be absent, and .. then fails; use alert:" ..
            what .. '("' .. shown .. '", "")')
    end
end

local function distance_allowed(word)
    return #word < 4 and 0 or #word < 6 and 1 or 2
end

-- "; did you mean 'severity'?" when `name` is no known label and almost one. Closer than elsewhere: labels that exist
-- nowhere yet are ordinary.
local function meant(l, name)
    local close = {}
    if not l.options.labels or not l.may_suggest() then
        return ""
    end
    for _, label in ipairs(l.options.labels) do
        if label == name then
            return ""
        end
        if string.byte(label) == string.byte(name) and math.abs(#label - #name) <= distance_allowed(name) then
            close[#close + 1] = label
        end
    end
    return M.suggest(name, close, distance_allowed(name))
end

local function check_label(l, line, what, name)
    if what ~= "label" or not name or is_matched(l, what, name) then
        return
    end
    l.meant[name] = l.meant[name] or meant(l, name)
    if l.meant[name] ~= "" then
        l.report("label_typo", line, "no known alert has the label '" .. M.lint_show(name) .. "'" .. l.meant[name])
    end
end

function alert.visit.index(e, l)
    local what, name = direct(e)
    if what then
        check_joined(e, l, what, name)
        check_label(l, e.line, what, name)
    end
end

function alert.visit.method(e, l)
    local what, name = scope.about(e)
    if what then
        check_label(l, e.line, what, name)
    end
end

-- Lists

local function is_named(e)
    local what = scope.about(e)
    return what == "labels" or what == "annotations", what
end

local function report_list(l, line, what)
    l.report("label_list", line, "alert." .. what .. " has names and no numbers; walk it with pairs")
end

function alert.visit.unary(e, l)
    local named, what = is_named(e.value)
    if e.op == "#" and named then
        report_list(l, e.line, what)
    end
end

function alert.visit.call(e, l)
    local named, what = false, nil
    if e.args[1] and scope.path(e.left) == "ipairs" then
        named, what = is_named(e.args[1])
    end
    if named then
        report_list(l, e.line, what)
    end
end

-- Numbers

local COMPARES = {["=="] = true, ["~="] = true, ["<"] = true, ["<="] = true, [">"] = true, [">="] = true}

local function is_number(e)
    e = scope.constant(e)
    return e.tag == "number" or e.tag == "unary" and e.op == "-" and e.value.tag == "number"
end

local function is_value(e)
    local what = scope.about(e)
    return (what == "label" or what == "annotation") and what or nil
end

function alert.visit.op(e, l)
    if not COMPARES[e.op] then
        return
    end
    local what = is_number(e.right) and is_value(e.left) or is_number(e.left) and is_value(e.right)
    if what then
        local fails = e.op ~= "==" and e.op ~= "~="
        l.report("label_number", e.line, "the " .. what .. " is a string, so comparing it with a number " ..
            (fails and "fails" or "is never equal") .. "; use tonumber() or a string")
    end
end

return alert
