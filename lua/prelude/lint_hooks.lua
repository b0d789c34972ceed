-- What hooks return, and what they write.
local M = ...
local hooks = {visit = {}, enter = {}}

local scope, policy = M.lint_scope, M.lint_policy

-- Types that a hook may return first (nil is always "no opinion").
local RETURNS = {
    filter = {boolean = true},
    key = {string = true},
    priority = {number = true},
    title = {string = true},
    body = {string = true},
    retrigger = {boolean = true, number = true},
    on_resolve = {string = true},
}
local EXPECTED = {
    filter = "true or false",
    key = "a string",
    priority = "a whole number from 0 to 1000",
    title = "a string",
    body = "a string",
    retrigger = "false, true or whole epoch seconds",
    on_resolve = '"keep" or "cancel_pending"',
}
local SPEAKS = {filter = true, retrigger = true} -- whose silence is worth a word

local function returns_list(f)
    return f.returns or {}
end

-- No way to the end

local ends_block

local ends_statement = {
    ["return"] = function() return true end,
    ["goto"] = function() return true end, -- nobody knows; better silent than wrong
    ["break"] = function() return true end,
    ["do"] = function(s) return ends_block(s.body) end,
    ["while"] = function(s) return s.value.tag == "true" and not s.has_break end,
    ["repeat"] = function(s) return not s.has_break and ends_block(s.body) end,
    ["if"] = function(s)
        for _, clause in ipairs(s.clauses) do
            if not ends_block(clause.body) then
                return false
            end
        end
        return s.otherwise ~= nil and ends_block(s.otherwise)
    end,
    call_statement = function(s)
        return s.value.tag == "call" and scope.path(s.value.left) == "error"
    end,
}

function ends_block(list)
    local last = list[#list]
    return last ~= nil and ends_statement[last.tag] ~= nil and ends_statement[last.tag](last)
end

local function check_silence(f, l)
    if not ends_block(f.body) then
        l.report("no_return", f.last, f.hook ..
            " can end here and returns nothing: the base decides; write return super() if that is meant")
    end
    for _, s in ipairs(returns_list(f)) do
        if #s.values == 0 then
            l.report("no_return", s.line, f.hook ..
                " returns nothing: the base decides; write return super() if that is meant")
        end
    end
end

-- What is returned

local function literal_number(e)
    local literal = scope.constant(e)
    return literal.tag == "number" and literal.value or nil
end

local function check_value(f, s, l)
    local value = s.values[1]
    local got = policy.literal_type(value)
    local wrong = got and not RETURNS[f.hook][got]
    if got == "number" and f.hook == "priority" then
        local n = literal_number(value)
        wrong = not n or n ~= math.floor(n) or n < 0 or n > 1000
    elseif got == "string" and f.hook == "on_resolve" then
        local text = scope.text(value)
        wrong = text ~= nil and text ~= "keep" and text ~= "cancel_pending"
    end
    if wrong then
        l.report("bad_return", s.line, f.hook .. " must return " .. EXPECTED[f.hook] .. "; what this returns is an error")
    end
    return got
end

local function check_reason(f, s, l)
    if #s.values == 1 then
        if f.hook == "filter" and scope.unwrap(s.values[1]).tag == "false" then
            l.report("no_reason", s.line,
                'filter drops the alert and does not say why; write return false, "the reason"')
        end
        return
    end
    local reason = scope.text(s.values[2])
    local found = l.policy
    if reason and found.reasons_known and next(found.reasons) and not found.reasons[reason]
        and string.find(reason, "^[a-z][a-z0-9_]*$") then
        l.report("undeclared_reason", s.line, "'" .. M.lint_show(reason) ..
            "' looks like a reason code and is not declared in reasons" .. l.suggest(reason, found.reasons))
    end
end

hooks.visit["function"] = function(f, l)
    if not f.hook then
        return
    end
    if SPEAKS[f.hook] then
        check_silence(f, l)
    end
    for _, s in ipairs(returns_list(f)) do
        if s.values[1] and RETURNS[f.hook] then
            check_value(f, s, l)
            check_reason(f, s, l)
        end
    end
    for _, loop in ipairs(f.unordered or {}) do
        if (l.sorted or 0) < loop.clock then
            l.report("random_order", loop.line, loop.sentence)
        end
    end
end

function hooks.visit.string(e, l)
    l.strings[e.value] = true
end

function hooks.finish(l)
    if l.includes or not l.policy.reasons_known then
        return -- somebody else may give the reason
    end
    for code, line in pairs(l.policy.reasons) do
        if not l.strings[code] then
            l.report("unused_reason", line, "the reason '" .. M.lint_show(code) .. "' is declared and never used")
        end
    end
end

-- Order

local TEXT_HOOKS = {title = true, body = true, key = true}
local APPENDS = {["table.insert"] = true, ["string.format"] = true}
local SORTS = {["table.sort"] = true, ["text.sorted"] = true}

hooks.enter["for"] = function(s, l)
    s.built_before = l.built
end

hooks.visit["for"] = function(s, l)
    local iterator = s.each and s.values[1]
    if not iterator or not l.hook or not TEXT_HOOKS[l.hook.hook] or l.built == s.built_before
        or iterator.tag ~= "call" or scope.path(iterator.left) ~= "pairs" or not iterator.args[1] then
        return
    end
    local walked = scope.constant(iterator.args[1])
    if walked.tag ~= "table" then
        return
    end
    local is_list = #walked.items > 0
    for _, item in ipairs(walked.items) do
        is_list = is_list and not item.name and not item.key
    end
    l.hook.unordered = l.hook.unordered or {}
    local hint = is_list and "use ipairs" or "collect the names and walk text.sorted(names)"
    table.insert(l.hook.unordered, {line = s.line, clock = l.clock,
        sentence = "the order of pairs over a table changes from run to run, and so will this text; " .. hint})
end

function hooks.visit.op(e, l)
    if e.op == ".." then
        l.built = l.built + 1
    end
end

-- Writes that are lost

local function is_outside(var, l)
    return var and l.hook and var.func == l.main
end

local function report_lost(l, line, name)
    l.report("lost_write", line, "'" .. name .. "' is outside of the hook: each cycle starts anew, so what is written \z
        to it is lost; use ctx.state")
end

local CHANGES = {["table.insert"] = true, ["table.remove"] = true, ["table.sort"] = true}

function hooks.visit.call(e, l)
    local path = scope.path(e.left)
    if APPENDS[path] then
        l.built = l.built + 1
    elseif SORTS[path] then
        l.sorted = l.clock
    end
    local changed = CHANGES[path] and e.args[1] and scope.root(scope.unwrap(e.args[1]))
    if changed and is_outside(changed.var, l) then
        report_lost(l, e.line, changed.name)
    end
end

function hooks.visit.assign(s, l)
    for _, target in ipairs(s.targets) do
        if target.tag == "index" and target.key.tag ~= "string" then
            l.built = l.built + 1
        end
        local root = scope.root(target)
        if root and is_outside(root.var, l) then
            report_lost(l, target.line, root.name)
        end
    end
end

return hooks
