-- expect: judge: keep
-- Lua looks for __gc when the metatable is set; adding it afterwards marks nothing.
return {
    api = 1, match = 'alertname!=""',
    filter = function()
        local mt = {}
        for _ = 1, 20000 do
            setmetatable({}, mt)
            mt.__gc = function() while true do end end
            mt = {}
        end
        return true
    end,
}
