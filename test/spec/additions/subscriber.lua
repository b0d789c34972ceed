-- A subscriber that fails is no test, and it is not lost.
local busted = require "busted"
local told = 0
busted.subscribe({"test", "end"}, function(element)
    told = told + 1
    if element.name == "passes" then
        error "the subscriber failed"
    end
    return nil, true
end)
it("passes", function() assert.equal(0, told) end)
it("passes, too", function() assert.equal(1, told) end)
