local names = {}
for i, c in cases "weekend_cases.json" do
    names[i] = c.name
    if i < 8 then it(c.name, c.run) end
end
it("has all cases", function() assert.equal(9, #names) end)
it("refuses what is no list of cases", function()
    assert.error_matches(function() cases "fixtures/shop.json" end, "name it POLICY_cases.json", 1, true)
    assert.error_matches(function() cases "none_cases.json" end, "cannot read none_cases.json", 1, true)
    assert.error_matches(function() cases "clock.lua" end, "clock.lua: line 1", 1, true)
end)
