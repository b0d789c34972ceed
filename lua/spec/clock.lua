-- clock: the time at which policies are asked. Nothing tells the real one.
--
--      clock.at "2026-03-29T01:59:00 Europe/Rome"   clock.advance "5m"   clock.now()   clock.ago "1h"   clock.ahead "1h30m"
--      clock.epoch "2026-03-04T10:00:00Z"   clock.text(t)   clock.reset()
--
-- Moments are seconds since 1970. What a test or its before_each sets is taken back after the test.

local need = ...
local frame, host = need "frame", need "host"
local find, format, gsub, gmatch = string.find, string.format, string.gsub, string.gmatch

local START = 1772618400 -- 2026-03-04T10:00:00Z, a Wednesday
local UNITS = {y = 365 * 86400, w = 7 * 86400, d = 86400, h = 3600, m = 60, s = 1, ms = 0.001}

local clock = {}
local now = START
local known = {} -- moments that were asked before

local function refuse(text)
    error(frame.caller() .. text, 0)
end

-- A moment as a number: RFC 3339, or local time and the name of a zone, or seconds since 1970.
function clock.epoch(moment)
    if type(moment) == "number" then
        return moment
    elseif type(moment) ~= "string" then
        refuse("a moment is a number or a text, not a " .. type(moment))
    elseif not known[moment] then
        local t, why = host.moment(moment)
        known[moment] = t or refuse(why or "'" .. moment .. "' is no moment")
    end
    return known[moment]
end

-- Seconds of "1h30m", or of a number.
function clock.seconds(duration)
    if type(duration) == "number" then
        return duration
    elseif type(duration) ~= "string" or duration == "" or gsub(duration, "%d+%.?%d*%a+", "") ~= "" then
        refuse("'" .. tostring(duration) .. "' is no duration such as 1h30m")
    end
    local sum = 0
    for number, unit in gmatch(duration, "(%d+%.?%d*)(%a+)") do
        sum = sum + tonumber(number) * (UNITS[unit] or refuse("'" .. unit .. "' is none of y w d h m s ms"))
    end
    return math.tointeger(sum) or sum
end

function clock.at(moment) now = clock.epoch(moment) end
function clock.advance(duration) now = now + clock.seconds(duration) end
function clock.now() return now end
function clock.ago(duration) return now - clock.seconds(duration) end
function clock.ahead(duration) return now + clock.seconds(duration) end
function clock.reset() now = START end

-- For the runner.
function clock.save() return now end
function clock.restore(t) now = t end

-- A moment in RFC 3339, UTC, milliseconds.
function clock.text(moment)
    local t = math.floor(moment * 1000 + 0.5)
    local days, ms = t // 86400000, t % 86400000
    -- the calendar: days since 1970-01-01 to year, month, day, in eras of 400 years that begin on 1 March
    local z = days + 719468
    local era = z // 146097
    local doe = z - era * 146097
    local yoe = (doe - doe // 1460 + doe // 36524 - doe // 146096) // 365
    local doy = doe - (365 * yoe + yoe // 4 - yoe // 100)
    local mp = (5 * doy + 2) // 153
    local day, month = doy - (153 * mp + 2) // 5 + 1, mp < 10 and mp + 3 or mp - 9
    local year = yoe + era * 400 + (month <= 2 and 1 or 0)
    return format("%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", year, month, day, ms // 3600000, ms // 60000 % 60, ms // 1000 % 60,
        ms % 1000)
end

-- Is it a text that can only be a moment? For tables that hold both.
function clock.is_moment(value)
    return type(value) == "string" and find(value, "^%d%d%d%d%-%d%d%-%d%d") ~= nil
end

return clock
