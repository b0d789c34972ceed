-- string.format("%p").
--- case a function, a method, with a width
local a = string.format("%p", {}) --> error: %p is not allowed
local b = ("at %20p"):format({}) --> error: %p is not allowed
--- case what only looks like it
local a = string.format("100%% p %s %5.2f", "x", 1)
local b = ("%%p"):format()
