-- A loop in a coroutine, and one in a coroutine in pcall.
it("loops forever in a coroutine", function()
    coroutine.wrap(function() while true do end end)()
end)
it("loops forever in coroutines", function()
    while true do
        pcall(coroutine.wrap(function() while true do end end))
    end
end)
it("goes on after those", function() assert.is_true(true) end)
