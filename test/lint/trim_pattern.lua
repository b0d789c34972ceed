-- Trimming by patterns.
--- case at the end
local a = string.gsub("x", "%s+$", "") --> warning: use text.trim or text.trim_end
local b = ("x"):match("^%s*(.-)%s*$") --> warning: use text.trim or text.trim_end
local c = string.find("x", "(%s*)$") --> warning: use text.trim
--- case at the start, or with the helper
local a = string.gsub("x", "^%s+", "")
local b = text.trim_end("x")
local c = string.find("x", "%s$")
