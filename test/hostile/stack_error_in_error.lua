-- expect: judge: error policy.error
local function f()
    local ok, e = pcall(f)
    error(setmetatable({}, { __tostring = f }))
end
return { api = 1, match = 'alertname!=""', filter = function() f() end }
