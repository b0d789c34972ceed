-- alert: alerts for specs, of one's own and recorded ones.
--
--      alert{alertname = "X", severity = "critical"}       one with these labels
--      alert({...}, {annotations = {...}, starts_at = T})   also ends_at, updated_at, fingerprint, url, receivers, state,
--                                                          silenced_by, inhibited_by
--      alert.from("f.json", {alertname = "X"})             the first recorded one with these labels
--      alert.all "f.json"                                  all of a file, as Alertmanager returned them
--
-- An alert is a table as Alertmanager's JSON has it. What is missing is filled in when it is asked about.

local need = ...
local clock, frame, host, json = need "clock", need "frame", need "host", need "json"

local alert = {}

local MORE = {}
for _, name in ipairs {"annotations", "starts_at", "ends_at", "updated_at", "fingerprint", "url", "receivers", "state",
    "silenced_by", "inhibited_by"} do
    MORE[name] = true
end

local function copy(t)
    local c = {}
    for k, v in pairs(t or {}) do c[k] = v end
    return c
end

local function refuse(text)
    error(frame.caller() .. text, 0)
end

local function check_labels(labels, what)
    if type(labels) ~= "table" then
        refuse("an alert's " .. what .. " are a table of texts, not a " .. type(labels))
    end
    for name, value in pairs(labels) do
        if type(name) ~= "string" or type(value) ~= "string" then
            refuse(what .. "." .. tostring(name) .. " is a " .. type(value) .. "; labels and annotations are texts")
        end
    end
end

local function new(_, labels, more)
    more = more or {}
    for name in pairs(more) do
        if not MORE[name] then
            refuse("an alert has no '" .. tostring(name) .. "'")
        end
    end
    check_labels(labels, "labels")
    check_labels(more.annotations or {}, "annotations")
    local a = {labels = copy(labels), annotations = copy(more.annotations), startsAt = more.starts_at,
        endsAt = more.ends_at, updatedAt = more.updated_at, fingerprint = more.fingerprint, generatorURL = more.url}
    if more.receivers then
        a.receivers = json.array {}
        for i, name in ipairs(more.receivers) do a.receivers[i] = {name = name} end
    end
    if more.state or more.silenced_by or more.inhibited_by then
        a.status = {state = more.state or "active", silencedBy = json.array(copy(more.silenced_by)),
            inhibitedBy = json.array(copy(more.inhibited_by))}
    end
    return a
end

-- All alerts of a fixture.
function alert.all(file)
    local text, why = host.read(file, "fixture")
    if not text then
        refuse("cannot read the fixture " .. tostring(file) .. ": " .. tostring(why))
    end
    local alerts, bad = json.decode(text)
    if type(alerts) ~= "table" then
        refuse(file .. ": " .. tostring(bad or "no array of alerts"))
    end
    if alerts.labels then
        alerts = {alerts}
    end
    return alerts
end

-- The first alert of a fixture with these labels.
function alert.from(file, labels)
    for _, a in ipairs(alert.all(file)) do
        local fits = true
        for name, value in pairs(labels or {}) do fits = fits and a.labels[name] == value end
        if fits then
            return a
        end
    end
    refuse("no alert of " .. file .. " has these labels")
end

-- A whole alert, as Alertmanager would return it at `now`, as JSON.
function alert.encode(a, now)
    if type(a) ~= "table" or type(a.labels) ~= "table" then
        refuse("an alert is a table with labels: alert{alertname = \"X\"}")
    end
    local whole = copy(a)
    whole.annotations = whole.annotations or {}
    whole.fingerprint = whole.fingerprint or host.fingerprint(whole.labels)
    for name, default in pairs {startsAt = now - 300, updatedAt = now, endsAt = now + 300} do
        local t = whole[name]
        whole[name] = type(t) == "string" and t or clock.text(t or default)
    end
    whole.generatorURL = whole.generatorURL or "http://prometheus.example/graph"
    whole.receivers = whole.receivers or {{name = "none"}}
    whole.status = whole.status or {state = "active", silencedBy = json.array {}, inhibitedBy = json.array {}}
    return json.encode(whole)
end

return setmetatable(alert, {__call = new})
