-- Values of the wrong type.
--- case hooks that are no functions
return {
    api = 1,
    filter = true, --> error: filter must be a function, and is true or false
    title = "an alert", --> error: title must be a function, and is a string
    priority = 100, --> error: priority must be a function, and is a number
    body = {}, --> error: body must be a function, and is a table
}
--- case fields
return {
    api = "1", --> error: api must be a number, and is a string
    name = 3, --> error: name must be a string, and is a number
    match = { team = "x" }, --> error: match must be a string, and is a table
    reasons = "none", --> error: reasons must be a table, and is a string
    zones = "Europe/Rome", --> error: zones must be a table, and is a string
    limits = { per_hour = "3" }, --> error: limits.per_hour must be a number, and is a string
}
--- case through a local
local urgent = -1
return { api = 1, priority = urgent } --> error: priority must be a function, and is a number
--- case a local function, a call and nil are fine
local function urgent() return 1 end
local function make() return function() return "t" end end
return { api = 1, priority = urgent, title = make(), body = nil, name = "a" .. "b" }
--- case a hook that is a function of a library
local hours = include "lib_hours"
return { api = 1, filter = hours.filter }
