-- prelude/helpers.def lists what there is: nothing more and nothing less.
local listed, there = {}, {}
for _, row in ipairs(rows "../prelude/helpers.def") do
    local name, arguments, result, sentence = row[1]:match "^%-%-%- ([%w_.]+)%(([^)]*)%) %-> ([^:]+): (.+)$"
    if not name then
        error("not of the form: " .. row[1])
    end
    assert(not listed[name], name)
    listed[name] = true
end
for library, fields in pairs {duration = duration, time = time, text = text, template = template, hash = hash, severity = severity, k8s = k8s, report = report} do
    for field in pairs(fields) do
        there[library .. "." .. field] = true
    end
end
there.match, there.cooldown, there.backoff = match and true, cooldown and true, backoff and true
for name in pairs(there) do assert(listed[name], name .. " is not in helpers.def") end
for name in pairs(listed) do assert(there[name], name .. " is in helpers.def only") end
