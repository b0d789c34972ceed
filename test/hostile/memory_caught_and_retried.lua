-- expect: judge: error policy.memory
local function eat()
    local t = {}
    while true do t = { t, {}, {}, {} } end
end
return { api = 1, match = 'alertname!=""', filter = function() while true do pcall(eat) end end }
