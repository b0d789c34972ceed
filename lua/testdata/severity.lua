-- severity: places on the ladder.
local function made(severity)
    local label = severity and ',"severity":"' .. severity .. '"' or ""
    return alert('{"labels":{"alertname":"A"' .. label .. '},"fingerprint":"a1b2c3d4e5f60718","startsAt":"2026-11-18T10:00:00Z","status":{"state":"active"}}')
end
for i, word in ipairs {"critical", "page", "error", "warning", "info", "none"} do
    equal(severity.rank(made(word)), i)
    equal(severity.rank(made(text.upper(word))), i)
    equal(severity.at_least(made(word), "warning"), i <= 4)
    equal(severity.at_least(made(word), word), true)
end
equal(severity.rank(made()), 7)
equal(severity.rank(made "weird"), 7)
equal(severity.rank(made ""), 7)
equal(severity.rank(made "crit\\u0069cal"), 1)
equal(severity.at_least(made(), "none"), false)
local order = {"P1", "P2"}
equal(severity.rank(made "p2", order), 2)
equal(severity.rank(made "critical", order), 3)
equal(severity.rank(made "x", {}), 1)
equal(severity.at_least(made "P1", "P2", order), true)
equal(severity.at_least(made "P2", "P1", order), false)
fails("'warning' is not in the order", severity.at_least, made "P1", "warning", order)
fails("'critcal' is not in the order", severity.at_least, made "info", "critcal")
fails("argument 2 must be a severity", severity.at_least, made "info")
fails("must be an alert", severity.rank, "critical")
fails("list of texts", severity.rank, made "info", {1})
fails("at most 64 elements", severity.rank, made "info", setmetatable({}, {__len = function() return 1 << 40 end}))
