-- What the policies' specs (spec/*_spec.lua) have beside busted's own words:
--
--      policies.load "x.lua"            a policy of POLICY_DIR; policies.load("x.lua", {source = "return ..."}) one of your own
--      policies.load("x.lua", {libraries = {["lib_y.lua"] = "y.lua"}})   ... with libraries: names and files
--      alert{alertname = "X", ...}      an alert with these labels; alert({...}, {annotations = {...}, starts_at = T})
--      alert.from("f.json", {alertname = "X"})   the first recorded alert of spec/fixtures/f.json with these labels
--      alert.all("f.json")              all of them
--      clock.at "2026-03-29T01:59:00 Europe/Rome"   sets the clock (also RFC 3339); clock.advance "5m"
--      clock.now(), clock.ago "5m", clock.ahead "1h", clock.epoch "2026-..."
--
--      p:decide(alert, {last, seen, config, group, firing, created, state, priority_labels, templates, spawner,
--          namespace})
--              -> keep, reason, detail, where, key, priority, title, body, prompt, branch, name, notes, state;
--                 with last: retrigger (false, true or epoch seconds), retrigger_reason, retrigger_detail
--      p:retrigger(alert, {...})        -> value, reason, detail
--      p:resolve(alert, {...})          -> "keep" or "cancel_pending", reason, detail
--      p.limits, p.shadow, p.match, p.problem
--
-- `reason` is without "policy.": "noise", or "filter" for a drop without a declared code. A hook that fails raises an
-- error, so that no spec takes a failure for a drop; with may_fail = true it is told in `error`.
--
-- Every question goes to a real alertspawner-worker, through policy-probe.

local json = require "dkjson"

local probe = os.getenv "POLICY_PROBE" or error "POLICY_PROBE must name the policy-probe of a build"
local policy_directory = os.getenv "POLICY_DIR" or "policies"
local fixtures = os.getenv "POLICY_FIXTURES" or "spec/fixtures"

local function read(path)
    local f = assert(io.open(path, "rb"))
    local text = f:read "*a"
    f:close()
    return text
end

local function ask(request)
    local path = os.tmpname()
    local f = assert(io.open(path, "wb"))
    f:write(json.encode(request), "\n")
    f:close()
    local pipe = assert(io.popen(string.format("'%s' < '%s' 2>&1", probe, path)))
    local text = pipe:read "*a"
    pipe:close()
    os.remove(path)
    local answer = json.decode(text)
    if type(answer) ~= "table" then
        error(text, 0)
    end
    return answer
end

-- A copy as a JSON object, even if it is empty.
local function object(t)
    local copy = setmetatable({}, {__jsontype = "object"})
    for k, v in pairs(t or {}) do copy[k] = v end
    return copy
end

-- The clock

local now

clock = {}

local known = {} -- moments that were asked before

function clock.epoch(text)
    if type(text) == "number" then return text end
    known[text] = known[text] or ask({moment = text}).moment
    return known[text]
end

function clock.at(text) now = clock.epoch(text) end

local UNITS = {d = 86400, h = 3600, m = 60, s = 1}

local function seconds(text)
    if type(text) == "number" then return text end
    local sum, rest = 0, text:gsub("(%d+)([dhms])", "")
    assert(rest == "" and text ~= "", text .. " is no duration")
    for n, unit in text:gmatch "(%d+)([dhms])" do sum = sum + n * UNITS[unit] end
    return sum
end

function clock.advance(text) now = now + seconds(text) end
function clock.now() return now end
function clock.ago(text) return now - seconds(text) end
function clock.ahead(text) return now + seconds(text) end

function clock.reset() now = 1772618400 end -- 2026-03-04T10:00:00Z, a Wednesday
clock.reset()

-- Alerts

local function new_alert(_, labels, more)
    more = more or {}
    local a = {labels = object(labels), annotations = object(more.annotations), startsAt = more.starts_at,
               endsAt = more.ends_at, fingerprint = more.fingerprint, generatorURL = more.url}
    if more.receivers then
        a.receivers = {}
        for i, name in ipairs(more.receivers) do a.receivers[i] = {name = name} end
    end
    if more.state or more.silenced_by or more.inhibited_by then
        a.status = {state = more.state or "active", silencedBy = more.silenced_by or {},
                    inhibitedBy = more.inhibited_by or {}}
    end
    return a
end

alert = setmetatable({}, {__call = new_alert})

function alert.all(file)
    return assert(json.decode(read(fixtures .. "/" .. file)), file .. " is no JSON")
end

function alert.from(file, labels)
    for _, a in ipairs(alert.all(file)) do
        local fits = true
        for name, value in pairs(labels or {}) do fits = fits and a.labels[name] == value end
        if fits then
            -- recorded alerts keep their times, and with them they may lie in the clock's future: that is the spec's matter
            a.labels, a.annotations = object(a.labels), object(a.annotations)
            return a
        end
    end
    error("no alert of " .. file .. " has these labels", 2)
end

-- Policies

local Policy = {}
Policy.__index = Policy

policies = {}

function policies.load(file, more)
    more = more or {}
    local p = setmetatable({named = file:gsub("%.lua$", "")}, Policy)
    p.files = object()
    if file ~= "default.lua" then
        p.files[file] = more.source or read(policy_directory .. "/" .. file)
    end
    for name, from in pairs(more.libraries or {}) do p.files[name] = read(policy_directory .. "/" .. from) end
    for name, source in pairs(more.sources or {}) do p.files[name] = source end
    local answer = ask({files = p.files, named = p.named, config = more.config})
    local found = answer.policies[1]
    p.problem = answer.load[1]
    if p.problem and not more.may_fail then
        error(p.problem, 2)
    end
    if found then
        p.named, p.match, p.shadow, p.limits = found.name, found.match, found.shadow, found
    end
    p.lint = answer.lint
    return p
end

local function bare(code) return (code:gsub("^policy%.", "")) end

local function failed(code, detail, level)
    error(code .. ": " .. detail, level + 1)
end

function Policy:ask(a, opts, level)
    opts = opts or {}
    local request = {
        files = self.files, named = self.named, now = now, alert = a, resolve = opts.resolve,
        last = opts.last, seen = opts.seen, config = opts.config and object(opts.config), group = opts.group,
        group_count = opts.group_count, firing = opts.firing, created = opts.created, state = opts.state,
        priority_labels = opts.priority_labels, templates = opts.templates, spawner = opts.spawner,
        namespace = opts.namespace, poll_interval = opts.poll_interval,
    }
    local answer = ask(request)
    if opts.may_fail then return answer end
    for _, part in ipairs {"judged", "retriggered", "resolved", "composed"} do
        local said = answer[part] or {}
        if said.answer == "error" or said.value == "error" or said.ok == false then
            failed(said.code, said.detail, level + 1)
        elseif (said.fallback or "") ~= "" then
            failed("the base answered", said.fallback, level + 1)
        elseif (said.name_error or "") ~= "" then
            failed("nameTemplate", said.name_error, level + 1)
        end
    end
    return answer
end

local function notes_of(answer)
    local notes = {}
    for _, note in ipairs(answer.notes) do notes[note.name] = note.value end
    return notes
end

function Policy:decide(a, opts)
    local answer = self:ask(a, opts, 2)
    local judged, composed, again = answer.judged, answer.composed or {}, answer.retriggered
    local d = {
        keep = judged.answer == "keep", reason = judged.code ~= "" and bare(judged.code) or nil,
        detail = judged.detail, where = judged.where, policy = judged.policy, key = judged.key, priority = judged.priority,
        name = judged.name, title = composed.title, body = composed.body, prompt = composed.prompt,
        branch = composed.branch, notes = notes_of(answer), state = answer.state, survey = answer.survey,
    }
    if judged.answer == "error" then
        d.keep, d.error = nil, judged.code
    end
    d.fallback = judged.fallback ~= "" and judged.fallback or composed.fallback
    if again then
        d.retrigger, d.retrigger_detail = again.value, again.detail
        d.retrigger_reason = again.code ~= "" and bare(again.code) or nil
    end
    return d
end

-- An earlier Task: finished, unless told otherwise.
local function finished(last)
    local t = {task = "oncall-1", phase = "Succeeded", gone = false, created_at = now - 3600, completed_at = now - 1800,
               starts_at = now - 3700, attempts = 1}
    for k, v in pairs(last or {}) do t[k] = v end
    return t
end

local function with_last(opts)
    local copy = {}
    for k, v in pairs(opts or {}) do copy[k] = v end
    copy.last = finished(copy.last)
    return copy
end

function Policy:retrigger(a, opts)
    local answer = self:ask(a, with_last(opts), 2)
    local again = answer.retriggered
    if not again then
        error("the alert was dropped: " .. answer.judged.code, 2)
    end
    return again.value, again.code ~= "" and bare(again.code) or nil, again.detail, answer.state
end

function Policy:resolve(a, opts)
    local copy = with_last(opts)
    copy.resolve = true
    if not (opts and opts.last) then
        copy.last.phase, copy.last.completed_at = "Pending", nil
    end
    local said = self:ask(a, copy, 2).resolved
    return said.value, said.code ~= "" and bare(said.code) or nil, said.detail
end
