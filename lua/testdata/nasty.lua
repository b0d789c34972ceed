-- Every function of every library with every combination of up to three nasty values: a value or an error that is a
-- text of one line, and no crash. Under ASan and UBSan this is what looks for holes in our C.
local a = alert [[{"labels":{"alertname":"A","severity":"critical"},"fingerprint":"a1b2c3d4e5f60718","startsAt":"2026-11-18T10:00:00Z","status":{"state":"active"}}]]
local cycle = {}
cycle[1], cycle.x = cycle, cycle
local liar = setmetatable({}, {__len = function() return math.maxinteger end, __index = function() return "x" end})
local raises = setmetatable({}, {__len = function() error "no" end, __index = function() error {} end, __pairs = function() error "no" end})
local values = {
    0, 1, -1, math.maxinteger, math.mininteger, 0.5, -0.0, 0 / 0, 1 / 0, -1 / 0, 2 ^ 53, 1e308, 1800000000, "", "a", "0", "%s%n", "1h", "Mon 09:00-10:00", "Europe/Rome", "severity=critical",
    "{{each x}}{{x}}{{end}}", "2026-03-07T10:00:00Z", "\0", "\xff\xfe", "\27[1m", string.rep("a", 100000), string.rep("\n", 5000), string.rep("password=", 3000), true, false, {}, {"a", "b"}, {ignore = {}},
    {now = 1, last = {attempts = 1, created_at = 1, completed_at = 1}, group = {}}, cycle, liar, raises, print, a, a.labels, a.receivers,
}
local NIL = {}
values[#values + 1] = NIL
local function plain(v) if v ~= NIL then return v end end

local libraries = {duration = duration, time = time, text = text, template = template, hash = hash, severity = severity, k8s = k8s, report = report,
    own = {match = match, cooldown = cooldown, backoff = backoff}}
local functions, calls, good = 0, 0, 0
local function check(name, ok, value)
    calls = calls + 1
    if ok then
        good = good + 1
    elseif type(value) ~= "string" and type(value) ~= "table" then
        error(name .. " raised a " .. type(value))
    elseif type(value) == "string" and (value:find("attempt to", 1, true) or value:find("bad argument", 1, true)) then
        error(name .. " has a hole: " .. text.truncate(value, 300))
    end
end
for library, fields in pairs(libraries) do
    for field, f in pairs(fields) do
        local name = library .. "." .. field
        functions = functions + 1
        check(name, pcall(f))
        for i, x in ipairs(values) do
            check(name, pcall(f, plain(x)))
            for _, y in ipairs(values) do
                check(name, pcall(f, plain(x), plain(y)))
            end
        end
        -- three: every value in each place, for first arguments that get beyond the first check
        for _, x in ipairs {a, 1800000000, "a", "{{each l}}{{this}}{{end}}", {"a", "b"}, values[35]} do
            for _, y in ipairs {"a", "1h", 5, {"a"}, "Mon 09:00-10:00", "critical", NIL, {now = 1}, {l = {1, 2}}, values[35]} do
                for _, z in ipairs(values) do
                    check(name, pcall(f, plain(x), plain(y), plain(z)))
                end
            end
        end
    end
end
assert(functions >= 37 and calls > 100000 and good > 1000, functions .. " " .. calls .. " " .. good)
