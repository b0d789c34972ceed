-- include.
--- case what is no library's name
local a = include "hours" --> error: include 'hours': a library is a file lib_*.lua beside the policy
local b = include "lib_hours.lua" --> error: include names a library without its ending: include "lib_hours"
local c = include "../lib_hours" --> error: a library is a file lib_*.lua
local d = include("lib_" .. "hours") --> error: include takes the name of a library written out
local e = include() --> error: include takes the name
--- case in a hook
return {
    api = 1,
    filter = function(alert)
        local hours = include "lib_hours" --> error: include is for the top level of a file
        return hours.open(alert)
    end,
}
--- case good ones
local hours = include "lib_hours"
local more = include("lib_v2.more-hours")
return { api = 1, filter = function(alert) return hours.open(alert) and more(alert) end }
