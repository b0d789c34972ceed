-- Assignments to globals.
--- case each global is named once
threshold = 3 --> error: 'threshold' is a global, and globals are not kept; write local threshold
function noisy() return threshold end --> error: 'noisy' is a global
threshold = 4
return { api = 1, filter = function() return noisy() > 3, "noise" end }
--- case in a hook
return {
    api = 1,
    filter = function()
        count = (count or 0) + 1 --> error: write local count
        return true
    end,
}
--- case a global that everybody has
print = nil --> error: 'print' is a global of all policies and cannot be replaced
--- case several at once
local a
a, b = 1, 2 --> error: 'b' is a global
--- case locals
local threshold = 3
local function noisy() return threshold end
local t = {}
t.x, t["y"] = noisy(), 2
function t.z() end
function t:w() self.v = 1 end
do local threshold = 5; threshold = 6 end
