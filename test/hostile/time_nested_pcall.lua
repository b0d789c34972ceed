-- expect: judge: error policy.timeout
local function nest(n)
    if n == 0 then
        while true do end
    end
    while true do pcall(nest, n - 1) end
end
return { api = 1, match = 'alertname!=""', filter = function() nest(20) end }
