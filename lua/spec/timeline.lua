-- timeline: one alert over many polls.
--
--      local run = timeline(alert{alertname = "X"}, "1m: 1x5 _x2 1x3"):through(p, {finishes = "10m"})
--      run.created, run.retriggered          Tasks in all, and those of them that followed an earlier one
--      run[6].action                         what came of the sixth poll
--      run.tasks[1].created_at
--
-- The text: the time between polls, then what each poll holds: 1 it fires (anew, when it was away), = it is back and had
-- never stopped, _ it is away, ? the poll failed. x5: five of them. Options of through: finishes (how long a Task takes,
-- default 10m), starts (how long it waits before, default 0s), phase ("Succeeded" or "Failed"), and those of p:decide.
--
-- What the engine does with the answers stands here as far as it concerns one alert: one Task of a key at a time, a new one
-- when it has finished or is gone and the policy wants one, on_resolve when it was away for two polls. Limits are not part
-- of it.

local need = ...
local clock, frame = need "clock", need "frame"
local match, gmatch = string.match, string.gmatch

local RESOLVED_POLLS = 2

local Timeline = {}
Timeline.__index = Timeline

local function refuse(text)
    error(frame.caller() .. text, 0)
end

local function copy(t)
    local c = {}
    for k, v in pairs(t or {}) do c[k] = v end
    return c
end

-- "1m: 1x5 _x2" -> 60, {"1", "1", ...}
local function read(text)
    local interval, rest = match(text, "^%s*(%S+)%s*:%s*(.-)%s*$")
    if not interval then
        refuse("'" .. text .. "' is no timeline such as \"1m: 1x5 _x2 1\"")
    end
    local polls = {}
    for term in gmatch(rest, "%S+") do
        local what, times = match(term, "^([1=_?])x(%d+)$")
        what = what or match(term, "^[1=_?]$")
        if not what then
            refuse("'" .. term .. "' is no part of a timeline: 1, =, _ or ?, and how often, such as 1x5")
        end
        for _ = 1, tonumber(times or 1) do polls[#polls + 1] = what end
    end
    return clock.seconds(interval), polls
end

-- What is remembered of the alert from poll to poll: ctx.seen.
local function seen_at(m, now)
    local flaps = 0
    for _, t in ipairs(m.flaps) do flaps = flaps + (now - t < 3600 and 1 or 0) end
    return {first = m.first, polls = m.polls, flaps_1h = flaps, absent_for = m.absent_for, episode = m.episode}
end

local function hold(m, now, anew)
    if not m.first then
        m.first, m.polls, m.episode, m.starts_at = now, 0, 1, m.starts_at or now
    elseif m.missed > 0 then
        m.absent_for = now - m.last_seen
        if anew then
            m.flaps[#m.flaps + 1] = now
            m.starts_at = now
            if m.missed >= RESOLVED_POLLS then
                m.first, m.polls, m.episode = now, 0, m.episode + 1
            end
        end
    end
    m.missed, m.polls, m.last_seen = 0, m.polls + 1, now
end

-- The phase of a Task at a time.
local function age(task, now, options)
    if not task or task.gone or task.completed_at then
        return
    end
    local begun = task.created_at + clock.seconds(options.starts or "0s")
    local ended = begun + clock.seconds(options.finishes or "10m")
    if now >= ended then
        task.phase, task.completed_at = options.phase or "Succeeded", ended
    else
        task.phase = now >= begun and "Running" or "Pending"
    end
end

local function last_of(task, m)
    return task and {task = task.name, phase = task.phase, gone = task.gone, created_at = task.created_at,
        completed_at = task.completed_at or 0, starts_at = task.starts_at, trigger_at = m.starts_at, attempts = m.attempts}
end

local function questions(options, m, now, last)
    local asked = copy(options)
    asked.finishes, asked.starts, asked.phase = nil, nil, nil
    asked.seen, asked.last, asked.state = seen_at(m, now), last, m.state
    asked.created = copy(options.created)
    return asked
end

local function create(run, m, now, name, action)
    local task = {
        name = name ~= "" and name or nil, phase = "Pending", gone = false, created_at = now, starts_at = m.starts_at,
    }
    m.attempts = m.attempts + 1
    run.tasks[#run.tasks + 1] = task
    run.created = run.created + 1
    if action == "retrigger" then
        run.retriggered = run.retriggered + 1
    end
    return task
end

-- A poll that holds the alert.
local function judge(p, run, m, poll, options)
    local now, task = poll.at, m.task
    local asked = questions(options, m, now, last_of(task, m))
    asked.created[p.named] = asked.created[p.named] or m.created
    local a = copy(m.alert)
    a.startsAt = m.starts_at
    local d = p:decide(a, asked)
    poll.decision, poll.keep, poll.reason, poll.detail = d, d.keep, d.reason, d.detail
    m.state = copy(m.state)
    for name, value in pairs(d.state or {}) do m.state[name] = value end
    if not d.keep then
        poll.action = "drop"
        return
    end
    local ended = task and (task.gone or task.phase == "Succeeded" or task.phase == "Failed")
    if not task then
        poll.action = "create"
    elseif d.retrigger == true or (type(d.retrigger) == "number" and d.retrigger <= now) then
        poll.action = ended and "retrigger" or "skip"
    else
        poll.action = type(d.retrigger) == "number" and "wait" or "skip"
    end
    if task then
        poll.reason, poll.detail = d.retrigger_reason, d.retrigger_detail
    end
    if p.shadow and (poll.action == "create" or poll.action == "retrigger") then
        poll.action = "shadow"
    elseif poll.action == "create" or poll.action == "retrigger" then
        m.task = create(run, m, now, d.name, poll.action)
        m.created[#m.created + 1] = now
        poll.task = m.task
    end
end

-- A poll that does not hold it.
local function miss(p, m, poll, options)
    local task = m.task
    poll.action = "absent"
    if not m.first then
        return
    end
    m.missed = m.missed + 1
    if m.missed >= RESOLVED_POLLS and task and not task.gone and p.limits and p.limits.on_resolve then
        local a = copy(m.alert)
        a.startsAt = m.starts_at
        local asked = questions(options, m, poll.at, last_of(task, m))
        poll.resolve, poll.reason = p:resolve(a, asked)
        if poll.resolve == "cancel_pending" and (task.phase == "Pending" or task.phase == "Waiting") then
            task.gone = true
            poll.action = "cancel"
        end
    end
end

-- Puts all polls to a policy, from the clock's time on. The clock stands at the last poll then.
function Timeline:through(p, options)
    options = options or {}
    local run = {created = 0, retriggered = 0, tasks = {}}
    local m = {alert = self.alert, missed = 0, flaps = {}, attempts = 0, absent_for = 0, created = {}, state = options.state,
        starts_at = self.alert.startsAt and clock.epoch(self.alert.startsAt) or nil}
    local begin = clock.now()
    for i, what in ipairs(self.polls) do
        local poll = {at = begin + (i - 1) * self.interval, firing = what == "1" or what == "="}
        clock.at(poll.at)
        age(m.task, poll.at, options)
        if what == "?" then
            poll.action = "failed"
        elseif poll.firing then
            hold(m, poll.at, what == "1")
            judge(p, run, m, poll, options)
        else
            miss(p, m, poll, options)
        end
        run[i] = poll
    end
    age(m.task, clock.now(), options)
    return run
end

-- timeline(alert, text)
return function(a, text)
    if type(a) ~= "table" or type(a.labels) ~= "table" or type(text) ~= "string" then
        refuse("timeline wants an alert and a text such as \"1m: 1x5 _x2 1\"")
    end
    local interval, polls = read(text)
    return setmetatable({alert = a, interval = interval, polls = polls}, Timeline)
end
