-- policies: policies under test. Each question goes to the sandbox and the budgets of production, in a VM of its own.
--
--      local p = policies.load "x.lua"                       the file beside the spec, or in the policies' directory
--      policies.load("x.lua", {source = "return ..."})       one of your own
--      policies.load("x.lua", {libraries = {["lib_y.lua"] = "y.lua"}, sources = {["lib_z.lua"] = "..."}, may_fail = true})
--      p:decide(alert, {...})      -> a decision (decision.lua)
--      p:retrigger(alert, {...})   -> false, true or epoch seconds; reason; detail; state
--      p:resolve(alert, {...})     -> "keep" or "cancel_pending"; reason; detail
--      p.name, p.match, p.shadow, p.limits, p.problem, p.lint
--
-- Options of a question: last (the earlier Task), seen, config, group, group_count, firing, created {policy = moments}, state,
-- priority_labels, templates, spawner, namespace, poll_interval. A hook that fails fails the test, unless may_fail.

local need = ...
local alerts, clock, decision, frame, host = need "alert", need "clock", need "decision", need "frame", need "host"

local policies = {}
local Policy = {}
Policy.__index = Policy

local OPTIONS = {}
for _, name in ipairs {"last", "seen", "config", "group", "group_count", "firing", "created", "state", "state_version",
    "priority_labels", "templates", "spawner", "namespace", "poll_interval", "resolve", "may_fail"} do
    OPTIONS[name] = true
end

local function refuse(text)
    error(frame.caller() .. text, 0)
end

local function copy(t)
    local c = {}
    for k, v in pairs(t or {}) do c[k] = v end
    return c
end

local function read(file)
    if type(file) ~= "string" then
        refuse("policies.load wants the name of a file, not a " .. type(file))
    end
    local text, why = host.read(file, "policy")
    return text or refuse("cannot read the policy " .. file .. ": " .. tostring(why))
end

-- The libraries that a source includes and that are beside it, with those that they include.
local function add_included(files, source)
    for name in string.gmatch(source, "include%s*%(?%s*[\"'](lib_[%w_]+)[\"']") do
        local file = name .. ".lua"
        if not files[file] then
            local text = host.read(file, "policy")
            if text then
                files[file] = text
                add_included(files, text)
            end
        end
    end
end

local function files_of(file, more)
    local files = {}
    for name, from in pairs(more.libraries or {}) do files[name] = read(from) end
    for name, source in pairs(more.sources or {}) do files[name] = source end
    if file ~= "default.lua" or more.source then
        files[file] = more.source or read(file)
    end
    for _, source in pairs(copy(files)) do add_included(files, source) end
    return files
end

-- Loads a policy. What is wrong with it fails the test; with more.may_fail it is in p.problem.
function policies.load(file, more)
    more = more or {}
    local p = setmetatable({named = string.gsub(file, "%.lua$", ""), files = files_of(file, more)}, Policy)
    local id, ready = host.session {
        files = p.files, named = p.named, now = clock.now(), config = more.config, lint = more.lint,
    }
    local problem = (ready.load or {})[1]
    p.problem = type(problem) == "table" and problem.sentence or problem
    p.lint = ready.lint
    local found = (ready.policies or {})[1]
    host.free(id)
    if p.problem and not more.may_fail then
        refuse(p.problem)
    elseif found then
        p.named, p.name, p.match, p.shadow, p.limits = found.name, found.name, found.match, found.shadow, found
    end
    return p
end

local TIMES = {"created_at", "completed_at", "starts_at", "trigger_at", "first"}

local function with_times(t)
    if not t then
        return nil
    end
    t = copy(t)
    for _, name in ipairs(TIMES) do
        t[name] = t[name] ~= nil and clock.epoch(t[name]) or nil
    end
    if type(t.absent_for) == "string" then
        t.absent_for = clock.seconds(t.absent_for)
    end
    return t
end

local function encoded(list, now)
    if not list then
        return nil
    end
    local texts = {}
    for i, a in ipairs(list) do texts[i] = alerts.encode(a, now) end
    return texts
end

local function moments(created)
    if not created then
        return nil
    end
    local all = {}
    for policy, list in pairs(created) do
        all[policy] = {}
        for i, t in ipairs(list) do all[policy][i] = clock.epoch(t) end
    end
    return all
end

-- Asks all hooks about an alert: the answer of host.ask.
function Policy:ask(a, options)
    options = options or {}
    for name in pairs(options) do
        if not OPTIONS[name] then
            refuse("a question has no '" .. tostring(name) .. "'")
        end
    end
    local now = clock.now()
    local id, ready = host.session {
        files = self.files, named = self.named, now = now, config = options.config, created = moments(options.created),
        state = options.state, state_version = options.state_version, priority_labels = options.priority_labels,
        templates = options.templates, spawner = options.spawner, namespace = options.namespace,
        poll_interval = options.poll_interval and clock.seconds(options.poll_interval) or nil,
    }
    local problem = (ready.load or {})[1]
    if problem and not options.may_fail then
        host.free(id)
        refuse(type(problem) == "table" and problem.sentence or problem)
    end
    local answer = host.ask(id, {
        alert = alerts.encode(a, now), group = encoded(options.group, now), group_count = options.group_count,
        firing = encoded(options.firing, now), seen = with_times(options.seen), last = with_times(options.last),
        resolve = options.resolve,
    })
    host.free(id)
    local failed = not options.may_fail and decision.failure(answer)
    if failed then
        decision.new(answer)
        refuse(failed)
    end
    return answer
end

-- What becomes of an alert: a decision.
function Policy:decide(a, options)
    return decision.new(self:ask(a, options))
end

-- Options with an earlier Task: finished half an hour ago, unless told otherwise.
function policies.with_last(options)
    local now = clock.now()
    options = copy(options)
    local last = {task = "oncall-1", phase = "Succeeded", gone = false, created_at = now - 3600, completed_at = now - 1800,
        starts_at = now - 3700, attempts = 1}
    for k, v in pairs(options.last or {}) do last[k] = v end
    options.last = last
    return options
end

-- Does a new Task follow an earlier one?
function Policy:retrigger(a, options)
    local answer = self:ask(a, policies.with_last(options))
    local again = answer.retriggered
    decision.new(answer)
    if not again then
        refuse("the alert was dropped: " .. answer.judged.code)
    end
    return again.value, decision.bare(again.code), again.detail, answer.state
end

-- What becomes of the Task of an alert that has resolved?
function Policy:resolve(a, options)
    local asked = policies.with_last(options)
    asked.resolve = true
    if not (options and options.last) then
        asked.last.phase, asked.last.completed_at = "Pending", nil
    end
    local said = self:ask(a, asked).resolved
    return said.value, decision.bare(said.code), said.detail
end

function Policy:__tostring()
    return "policy " .. tostring(self.named)
end
Policy.__name = "policy"

-- The globals that spec files have beside busted's.
function policies.export(options)
    local words = need "words"
    need "verdict"
    need "golden".begin(options)
    words.export("policies", {load = policies.load})
    words.export("alert", alerts)
    words.export("clock", clock)
    words.export("timeline", need "timeline")
    words.export("cases", need "cases".each)
end

return policies
