-- Patterns that take long.
--- case two items that repeat and no anchor
local a = string.find("x", "(.-)on(.-)in") --> warning: can take very long on a long text
local b = ("x"):match("%w+%s+%w+") --> warning: can take very long
local c = string.gsub("x", "a*b*", "") --> warning: can take very long
for word in string.gmatch("x", "[^=]+=.-;") do print(word) end --> warning: can take very long
--- case anchored, and three that fit anything
local a = string.match("x", "^(.-)on(.-)in(.-)!") --> warning: can take very long
--- case a pattern in a local
local PATTERN = ".*x.*"
local a = string.find("x", PATTERN) --> warning: can take very long
--- case fine ones
local a = string.find("x", "^(%d+)%-(%d+)%-(%d+)$")
local b = string.match("x", "pod%-(%w+)")
local c = ("x"):find("a-b+c*", 1, true)
local d = string.find("x", "a.*b.*", 1, true)
local e = ("x"):gsub("[-+*]", "")
local f = string.match("x", "^(.-)=(.*)$")
local g = ("x"):match("%-%*%+a?b?")
for line in string.gmatch("x", "[^\n]+") do print(line) end
--- case methods of others
local t = { match = function() end }
t.match(".-.-")
