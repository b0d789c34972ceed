-- cases: tests without code. A file NAME_cases.json beside the specs is a list of cases for the policy NAME.lua (or
-- {"policy": "x.lua", "cases": [...]}), and is run by itself. A spec can take them, too:
--
--      for _, c in cases "x_cases.json" do it(c.name, c.run) end
--
--      {"name": "drops weekend warnings", "alert": {"alertname": "SlowQuery", "severity": "warning"},
--       "at": "2026-03-07T10:00:00 Europe/Rome", "expect": {"keep": false, "reason": "noise"}}
--
-- alert        the labels, or a whole alert as Alertmanager returns it (with "labels"), or {"from": "f.json", "labels": {...}}
-- at           the time (default: a Wednesday morning)
-- last         the earlier Task: as far as nothing else is said, one that succeeded half an hour ago
-- seen config group group_count firing created state priority_labels templates spawner namespace poll_interval: as for p:decide
-- expect       keep reason detail error key priority name title body prompt branch notes state retrigger retrigger_reason
--              retrigger_detail resolve: that value; null: none. NAME_matches: a Lua pattern. NAME_contains: a part of it.
--              NAME_file: a golden file. Moments may be written as text.

local need = ...
local alerts, assertion, clock, failure, frame, host, json =
    need "alert", need "assertion", need "clock", need "failure", need "frame", need "host", need "json"
local decision, formatter, golden, policies = need "decision", need "formatter", need "golden", need "policies"
local match, find, sub = string.match, string.find, string.sub

local cases = {}

local QUESTION = {"last", "seen", "config", "group", "group_count", "firing", "created", "state", "priority_labels",
    "templates", "spawner", "namespace", "poll_interval"}
local MEMBERS = {name = true, alert = true, at = true, expect = true, comment = true}
for _, name in ipairs(QUESTION) do MEMBERS[name] = true end

local FACTS = {}
for _, name in ipairs {"keep", "reason", "detail", "error", "key", "priority", "name", "title", "body", "prompt", "branch",
    "notes", "state", "retrigger", "retrigger_reason", "retrigger_detail", "resolve", "policy"} do
    FACTS[name] = true
end

local function alert_of(value)
    if type(value) ~= "table" then
        error("alert: labels, or a whole alert", 0)
    elseif value.from then
        return alerts.from(value.from, value.labels)
    elseif type(value.labels) == "table" then
        return value
    end
    return alerts(value)
end

local function alerts_of(list)
    if not list then
        return nil
    end
    local all = {}
    for i, value in ipairs(list) do all[i] = alert_of(value) end
    return all
end

-- What is asked for a case: a table of facts by name.
local function facts_of(case, p)
    local a, options = alert_of(case.alert), {may_fail = case.expect.error ~= nil or nil}
    for _, name in ipairs(QUESTION) do options[name] = case[name] end
    options.group, options.firing = alerts_of(case.group), alerts_of(case.firing)
    if options.last then
        options = policies.with_last(options)
    end
    local facts = p:decide(a, options)
    if case.expect.resolve ~= nil then
        facts.resolve = p:resolve(a, options)
    end
    return facts
end

local function differs(facts, name, wanted)
    local fact, how = match(name, "^(.-)_(matches)$")
    if not fact then fact, how = match(name, "^(.-)_(contains)$") end
    if not fact then fact, how = match(name, "^(.-)_(file)$") end
    fact = fact or name
    if not FACTS[fact] then
        return "expect has no '" .. name .. "'"
    end
    local got = facts[fact]
    local said = fact .. " is " .. formatter.text(got)
    if how == "matches" then
        return not (type(got) == "string" and find(got, wanted)) and said .. ", which does not match " ..
            formatter.text(wanted)
    elseif how == "contains" then
        return not (type(got) == "string" and find(got, wanted, 1, true)) and said .. ", which does not contain " ..
            formatter.text(wanted)
    elseif how == "file" then
        local same, difference = golden.compare(wanted, got or "")
        return not same and fact .. " is not what " .. wanted .. " holds:\n" .. difference
    elseif wanted == json.null then
        wanted = nil
    elseif type(got) == "number" and clock.is_moment(wanted) then
        wanted = clock.epoch(wanted)
    end
    if type(wanted) == "table" and type(got) == "table" then
        return not need "compare".same(wanted, got, true) and said .. ", expected " .. formatter.text(wanted)
    end
    return wanted ~= got and said .. ", expected " .. formatter.text(wanted)
end

-- Runs a case for the policy that p() answers; what is not as expected fails the test, all of it in one message.
local function run(case, p, place)
    local ok, facts = pcall(function()
        if case.at then
            clock.at(case.at)
        end
        return facts_of(case, p())
    end)
    if not ok then
        error(type(facts) == "string" and place .. facts or facts, 0)
    end
    local names, wrong = {}, {}
    for name in pairs(case.expect) do names[#names + 1] = name end
    table.sort(names)
    for _, name in ipairs(names) do
        wrong[#wrong + 1] = differs(facts, name, case.expect[name]) or nil
    end
    if #wrong > 0 then
        failure.throw("Expected another decision.\n" .. table.concat(wrong, "\n"), place)
    end
end

local function line_of(text, name)
    local at = find(text, json.encode(name), 1, true)
    local _, lines = string.gsub(sub(text, 1, (at or 1) - 1), "\n", "\n")
    return lines + 1
end

-- null is kept in `expect`, left out elsewhere.
local function without_null(value)
    if type(value) ~= "table" or value == json.null then
        return value
    end
    for k, v in pairs(value) do
        if v == json.null then
            value[k] = nil
        else
            without_null(v)
        end
    end
    return value
end

local function check(case, number, names)
    local named = type(case) == "table" and type(case.name) == "string"
    local where = "case " .. number .. (named and " (" .. case.name .. ")" or "")
    if type(case) ~= "table" then
        return where .. " is no object"
    end
    for member in pairs(case) do
        if not MEMBERS[member] then
            return where .. ": there is no '" .. tostring(member) .. "' in a case"
        end
    end
    if type(case.name) ~= "string" or case.name == "" then
        return where .. " has no name"
    elseif names[case.name] then
        return where .. ": there are two of that name"
    elseif case.alert == nil then
        return where .. " has no alert"
    elseif type(case.expect) ~= "table" or next(case.expect) == nil then
        return where .. " expects nothing"
    end
    names[case.name] = true
end

-- A list of {name, run, line}, or nil and a sentence with the file's name.
local function read(file, text)
    local value, why = json.decode(text, json.null)
    if type(value) ~= "table" then
        return nil, file .. ": " .. (why or "no list of cases")
    end
    local list, policy = value.cases or value, value.policy or match(file, "([^/]*)_cases%.json$")
    if not policy then
        return nil, file .. ": name it POLICY_cases.json, or say which \"policy\""
    elseif #list == 0 then
        return nil, file .. ": there is no case in it"
    end
    policy = find(policy, "%.lua$") and policy or policy .. ".lua"
    local p
    local made, names = {policy = policy}, {}
    for i, case in ipairs(list) do
        local bad = check(case, i, names)
        if bad then
            local named = type(case) == "table" and type(case.name) == "string"
            return nil, file .. ":" .. (named and line_of(text, case.name) .. ":" or "") .. " " .. bad
        end
        for name, part in pairs(case) do
            if name ~= "expect" then
                without_null(part)
            end
        end
        local line = line_of(text, case.name)
        made[i] = {name = case.name, line = line, run = function()
            run(case, function()
                p = p or policies.load(policy)
                return p
            end, file .. ":" .. line .. ": ")
        end}
    end
    return made
end

-- For specs: an iterator over the cases of a file beside the spec.
function cases.each(file)
    local text, why = host.read(file, "spec")
    local list, bad
    if text then
        list, bad = read(file, text)
    end
    if not list then
        error(frame.caller() .. (bad or "cannot read " .. tostring(file) .. ": " .. tostring(why)), 0)
    end
    return ipairs(list)
end

-- A cases file as a spec file: a function that defines its tests, or nil and a sentence.
function cases.chunk(file, text)
    local list, why = read(file, text)
    if not list then
        return nil, why
    end
    local tree, words = need "tree", need "words"
    return function()
        words.api.describe((string.gsub(list.policy, "%.lua$", "")), function()
            for _, case in ipairs(list) do
                local before = #tree.children(tree.current())
                words.api.it(case.name, case.run)
                local test = tree.children(tree.current())[before + 1]
                if test then -- no filter left it out
                    test.trace = {short_src = file, currentline = case.line, source = "@" .. file, what = "Lua"}
                end
            end
        end)
    end
end

return cases
