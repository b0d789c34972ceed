-- expect: judge: error policy.
local function grow(...) return 1 + grow(1, 2, 3, 4, 5, 6, 7, 8, ...) end
return { api = 1, match = 'alertname!=""', filter = function() return grow() > 0 end }
