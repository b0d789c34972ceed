-- Texts written out in the file that mean something: matchers, durations, windows, zones, libraries. Each is read by
-- the very code that reads it at run time; what has no checker is not looked at.
local M = ...
local literals = {visit = {}, enter = {}}

local scope = M.lint_scope

-- Function -> place of each argument that is of a kind. {kind, code}
local ARGUMENTS = {
    match = {[2] = "matcher"},
    ["duration.parse"] = {[1] = "duration"},
    cooldown = {[2] = "duration"},
    backoff = {[2] = "duration", [3] = "duration"},
    ["time.within"] = {[2] = "window", [3] = "zone"},
    ["time.next"] = {[2] = "window", [3] = "zone"},
    ["time.parts"] = {[2] = "zone"},
    ["time.format"] = {[3] = "zone"},
    ["time.holiday"] = {[3] = "zone"},
}
local CODES = {matcher = "bad_match", duration = "bad_duration", window = "bad_window", zone = "bad_zone"}

local function check_zone(l, line, zone, where)
    if l.check("zone", "bad_zone", line, zone, where) then
        return
    end
    if l.policy.zones_known and not l.policy.zones[zone] then
        local shown = M.lint_show(zone)
        l.report("bad_zone", line, where .. 'the zone "' .. shown .. '" is not named; add zones = {"' .. shown ..
            '"} to the policy')
    end
end

local function check_argument(l, e, kind, where)
    local text, literal = scope.text(e)
    if not text or l.checked[literal] then
        return
    end
    l.checked[literal] = true
    if kind == "zone" then
        check_zone(l, e.line, text, where)
    else
        l.check(kind, CODES[kind], e.line, text, where)
    end
end

local function check_include(l, e)
    local name = #e.args == 1 and e.args[1].tag == "string" and e.args[1].value
    if l.func ~= l.main and l.hook then
        l.report("bad_include", e.line, "include is for the top level of a file, not for a hook")
    end
    if not name then
        l.report("bad_include", e.line, 'include takes the name of a library written out, such as include "lib_hours"')
    elseif string.find(name, "^lib_[%w._-]+%.lua$") then
        l.report("bad_include", e.line, 'include names a library without its ending: include "' ..
            string.sub(name, 1, -5) .. '"')
    elseif #name > 200 or not string.find(name, "^lib_[%w._-]+$") then
        l.report("bad_include", e.line, "include '" .. M.lint_show(name) ..
            "': a library is a file lib_*.lua beside the policy, and is named without .lua")
    else
        return
    end
end

-- string.format("%p"), which raises wherever it runs.
local function check_format(l, line, text)
    if string.find(string.gsub(text, "%%%%", ""), "%%[-+ #0-9.]*p") then
        l.report("format_pointer", line, "string.format: %p is not allowed in a policy; use %s")
    end
end

function literals.visit.call(e, l)
    local path = scope.path(e.left)
    if path == "include" then
        l.includes = true
        check_include(l, e)
    elseif path == "string.format" then
        local text = e.args[1] and scope.text(e.args[1])
        if text then
            check_format(l, e.line, text)
        end
    elseif path and ARGUMENTS[path] then
        for place, kind in pairs(ARGUMENTS[path]) do
            if e.args[place] then
                check_argument(l, e.args[place], kind, path .. ": ")
            end
        end
    elseif not path and e.left.tag == "index" then
        local what = scope.about(e.left)
        if what == "firing" and e.args[1] then
            check_argument(l, e.args[1], "matcher", "ctx.firing: ")
        elseif what == "rate" and e.args[2] then
            check_argument(l, e.args[2], "duration", "ctx.rate: ")
        end
    end
end

function literals.visit.method(e, l)
    if e.name == "matches" and e.args[1] and scope.about(e.left) == "alert" then
        check_argument(l, e.args[1], "matcher", "alert:matches: ")
    elseif e.name == "format" then
        local text = scope.text(e.left)
        if text then
            check_format(l, e.line, text)
        end
    end
end

return literals
