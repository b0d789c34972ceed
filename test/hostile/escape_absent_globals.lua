-- expect: judge: drop policy.filter []
-- expect: at=escape_absent_globals.lua
local names = { "load", "loadstring", "loadfile", "dofile", "require", "package", "io", "os", "debug", "coroutine",
    "collectgarbage", "warn", "rawset", "rawget", "rawequal", "rawlen", "xpcall", "_G", "setfenv", "getfenv", "newproxy" }
local found = {}
for _, name in ipairs(names) do
    if _ENV[name] ~= nil then found[#found + 1] = name end
end
for _, name in ipairs { "dump" } do
    if string[name] or ("")[name] then found[#found + 1] = "string." .. name end
end
for _, name in ipairs { "random", "randomseed" } do
    if math[name] then found[#found + 1] = "math." .. name end
end
return { api = 1, match = 'alertname!=""', filter = function() return false, table.concat(found, " ") end }
