-- frame: whose line it is. Positions in messages are lines of specs and of what they load, never of the runner.

local find, format, gsub = string.find, string.format, string.gsub
local getinfo, traceback = debug.getinfo, debug.traceback

local OURS = "^=%(spec%)"

local frame = {}

-- Is this one of the runner's own functions (or C)?
local function is_ours(info)
    return find(info.source, OURS) ~= nil
end

-- "file:line: " of the frame `level` levels above the caller, as error() puts it; "" for C and for nothing.
function frame.where(level)
    local info = getinfo(level + 1, "Sl")
    if info and info.currentline > 0 then
        return format("%s:%d: ", info.short_src, info.currentline)
    end
    return ""
end

-- "file:line: " of the first frame that is not the runner's. When that is C (pcall), there is no line to tell: "".
function frame.caller()
    local level = 2
    local info = getinfo(level, "Sl")
    while info and is_ours(info) do
        level = level + 1
        info = getinfo(level, "Sl")
    end
    if info and info.currentline > 0 then
        return format("%s:%d: ", info.short_src, info.currentline)
    end
    return ""
end

-- Where the spec stands: {short_src, currentline, source, what, traceback} of the first Lua frame that is not the
-- runner's; when there is none (a case in JSON), `instead`. The traceback ends where the runner begins.
function frame.trace(message, instead)
    local level = 2
    local info = getinfo(level, "Sl")
    while info and (info.what == "C" or is_ours(info)) do
        level = level + 1
        info = getinfo(level, "Sl")
    end
    if not info then
        instead = instead or {short_src = "?", source = "?", currentline = 0}
        return {short_src = instead.short_src, source = instead.source, currentline = instead.currentline, what = "Lua",
            traceback = "", message = tostring(message)}
    end
    local lines = traceback("", level)
    local runner = find(lines, "\n%s*%[C]")
    info.traceback = runner and string.sub(lines, 1, runner) or lines
    info.message = tostring(message)
    return info
end

-- Addresses are noise: "(table: 0x5591)" is "(table)".
function frame.without_addresses(text)
    local plain = gsub(text, "(%f[%a]%a+): 0x%x+", "%1")
    return plain
end

return frame
