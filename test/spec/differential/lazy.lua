-- setup and teardown with --lazy.
local order = {}
describe("empty", function() setup(function() order[#order + 1] = "never with --lazy" end) end)
describe("full", function()
    setup(function() order[#order + 1] = "setup" end)
    teardown(function() order[#order + 1] = "teardown" end)
    it("one", function() order[#order + 1] = "one" end)
    describe("inner", function()
        setup(function() error("in setup") end)
        it("never", function() end)
    end)
    it("two", function() order[#order + 1] = "two" end)
end)
it("order", function() assert.equal("", table.concat(order, " ")) end)
