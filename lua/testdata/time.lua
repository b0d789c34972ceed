-- time: Go's own time package (times.tsv), Alertmanager's time intervals (windows.tsv), and what is ours alone.
local function close(got, want, what)
    if math.abs(got - want) > 1e-5 then
        error(what .. ": want " .. want .. ", got " .. got, 2)
    end
end

local n = {parse = 0, parts = 0}
local names = {"year", "month", "day", "hour", "minute", "second", "weekday", "yearday", "offset"}
for _, row in ipairs(rows "times.tsv") do
    n[row[1]] = n[row[1]] + 1
    if row[1] == "parse" and row[3] == "error" then
        fails("time.parse: ", time.parse, row[2])
    elseif row[1] == "parse" then
        local got = time.parse(row[2])
        close(got, tonumber(row[3]) + tonumber(row[4]) / 1e9, row[2])
        equal(math.type(got), row[4] == "0" and "integer" or "float", row[2])
    else
        local zone, at = row[2], math.tointeger(tonumber(row[3]))
        local got = time.parts(at, zone)
        local where = zone .. " " .. at
        for i, name in ipairs(names) do
            equal(got[name], math.tointeger(tonumber(row[i + 3])), where .. " " .. name)
        end
        equal(got.zone, row[13], where)
        equal(tostring(got.dst), row[14], where)
        equal(time.format(at, "iso", zone), row[15], where)
        equal(time.parse(row[15]), at, where)
        equal(time.format(at, "date", zone) .. "T" .. time.format(at, "time", zone), row[15]:sub(1, 19))
        equal(time.format(at, "hm", zone), row[15]:sub(12, 16))
    end
end
assert(n.parse > 250 and n.parts > 300)

n = 0
for _, row in ipairs(rows "windows.tsv") do
    local zone, at, hours = row[1], math.tointeger(tonumber(row[2])), row[3]
    local what = zone .. " " .. at .. " " .. hours
    equal(tostring(time.within(at, hours, zone)), row[4], what)
    equal(time.next(at, hours, zone), math.tointeger(tonumber(row[5])), what)
    n = n + 1
end
assert(n > 700)

-- 2026-03-07 is a Saturday
local saturday = time.parse "2026-03-07T10:00:00Z"
equal(time.format(saturday, "weekday"), "Sat")
equal(time.format(saturday), "2026-03-07T10:00:00Z")
for _, case in ipairs {
    {"Sat 10:00-12:00", true}, {"Sat 09:00-10:00", false}, {"Sat", true}, {"Sun", false}, {"Sat-Mon", true},
    {"Sat - Mon", true}, {"Fri-Mon 10:00-10:01", true}, {"Mon-Fri", false}, {"Mon-Fri 09:00-17:30, Sat 10:00-12:00", true},
    {"10:00-24:00", true}, {"00:00-10:00", false}, {"00:00-24:00", true}, {"saturday", true}, {"SAT", true},
    {"Mon Sat 09:00-11:00", true}, {"Mon Sat 08:00-09:00 10:00-11:00", true}, {"Mon,Sat 11:00-12:00", false},
    {"Fri 22:00-10:01", true}, {"Fri 22:00-10:00", false}, {"Sat 22:00-10:01", false}, {"22:00-10:01", true},
    {"Fri 10:01-10:00", false}, {"Fri 00:00-24:00", false}, {"Thu 12:00-11:00", false}, {"Sun 22:00-06:00", false},
    {"  Sat   10:00-12:00  ", true}, {"Sat\t10:00-12:00", true}, {"Sun-Sat", true}, {"Sun-Fri", false},
} do
    equal(time.within(saturday, case[1]), case[2], case[1])
end
-- the week's end: a window that starts on Sunday belongs to Sunday on Monday, too
equal(time.within(time.parse "2026-03-09T05:59:00Z", "Sun 22:00-06:00"), true)
equal(time.within(time.parse "2026-03-09T06:00:00Z", "Sun 22:00-06:00"), false)
equal(time.within(time.parse "2026-03-08T22:00:00Z", "Sun 22:00-06:00"), true)
equal(time.within(time.parse "2026-03-08T05:00:00Z", "Sun 22:00-06:00"), false)

for _, case in ipairs {
    {"", "days or times are expected at character 1"}, {"Sat,", "days or times are expected at character 5"},
    {",Sat", "days or times"}, {"Sa", "a weekday"}, {"Satur", "a weekday"}, {"Sat-", "a weekday"}, {"Sat 9:00-10:00", "two and two digits"},
    {"Sat 09:00", "the window's end"}, {"Sat 09:00-", "two and two digits"}, {"Sat 09:00-24:01", "no time between"},
    {"25:00-26:00", "no time between"}, {"09:60-10:00", "no time between"}, {"09:00-09:00", "no length"}, {"24:00-09:00", "only be the end"},
    {"09:00-17:00 Sat", "a comma is expected"}, {"Sat09:00-10:00", "a space or a comma"}, {"Sat 09:00-10:00Sun", "a space or a comma"},
    {"Sat 09:00-10:000", "two and two digits"}, {"Sat; Sun", "a space or a comma"}, {"weekdays", "a weekday"}, {"Sat\0", "a space or a comma"},
    {string.rep("Sat,", 400) .. "Sun", "at most 1024 bytes"},
} do
    fails(case[2], time.within, saturday, case[1])
    fails(case[2], time.next, saturday, case[1])
end

-- next: inside is now (as it was given); windows that never come within eight days do not exist in a week's circle
equal(time.next(saturday, "Sat"), saturday)
equal(time.next(saturday + 0.5, "Sat"), saturday + 0.5)
equal(time.next(saturday, "Fri 10:00-10:01"), saturday + 6 * 86400)
equal(time.next(saturday + 59, "Sat 10:01-10:02"), saturday + 60)
-- Rome, 2026-03-29: 02:00 is followed by 03:00. The window that lies in the gap opens nowhere that day.
local before_gap = time.parse "2026-03-29T01:00:00+01:00"
equal(time.next(before_gap, "Sun 02:00-03:00", "Europe/Rome"), time.parse "2026-04-05T02:00:00+02:00")
equal(time.next(before_gap, "Sun 02:30-03:30", "Europe/Rome"), time.parse "2026-03-29T03:00:00+02:00")
-- Rome, 2026-10-25: 02:00 to 03:00 is twice, and so is the window
local before_fold = time.parse "2026-10-25T02:31:00+02:00"
equal(time.next(before_fold, "Sun 02:00-02:30", "Europe/Rome"), time.parse "2026-10-25T02:00:00+01:00")
-- a window of one week that a jump makes impossible within eight days: its only hour is the gap's
equal(time.next(before_gap - 30 * 60, "Sun 02:00-02:01", "Europe/Rome"), time.parse "2026-04-05T02:00:00+02:00")
equal(time.next(before_gap - 3 * 86400, "Sun 02:00-02:01", "Europe/Rome"), nil)

-- more hours than are kept
for i = 0, 200 do
    local hours = string.format("Sat 10:00-10:%02d", i % 59 + 1) .. string.rep(" ", i)
    equal(time.within(saturday, hours), true)
    equal(time.within(saturday, hours), true)
end

-- holidays are the zone's days
local list = {"2026-12-25", "2026-12-31"}
equal(time.holiday(time.parse "2026-12-25T12:00:00Z", list), true)
equal(time.holiday(time.parse "2026-12-26T12:00:00Z", list), false)
equal(time.holiday(time.parse "2026-12-30T23:30:00Z", list, "Europe/Rome"), true)
equal(time.holiday(time.parse "2026-12-30T23:30:00Z", list, "UTC"), false)
equal(time.holiday(saturday, {}), false)
for _, wrong in ipairs {"2026-12-32", "2026-02-29", "2026-1-1", "25.12.2026", "", "2026-12-25T00:00:00Z", "12-25"} do
    fails("no date such as", time.holiday, saturday, {wrong})
    fails("no date such as", time.holiday, saturday, {"2026-03-07", wrong})
end
fails("list of texts", time.holiday, saturday, {20261225})

-- zones
fails('time: the zone "Europe/Berlin" was not named; add zones = {"Europe/Berlin"} to the policy', time.parts, saturday, "Europe/Berlin")
fails("no zone \"Nowhere/Nothing\" here", time.parts, saturday, "Nowhere/Nothing")
fails("no zone \"Broken/Bytes\" here", time.parts, saturday, "Broken/Bytes")
fails("is no time zone", time.parts, saturday, "../../etc/passwd")
fails("is no time zone", time.parts, saturday, "")
fails("was not named", time.parts, saturday, "localtime")
fails("was not named", time.parts, saturday, "utc")
fails("must be a time zone", time.parts, saturday, 1)
equal(time.parts(saturday, "UTC").zone, "UTC")

fails("the years 1 to 9999", time.parts, 1e18)
fails("the years 1 to 9999", time.parts, -1e18)
fails("no finite number", time.parts, 0 / 0)
fails("must be a number, got string", time.within, "2026-03-07T10:00:00Z", "Sat")
fails("argument 2 must be \"iso\"", time.format, 0, "rfc")
fails("no time such as", time.parse, "yesterday")
