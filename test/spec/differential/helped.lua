-- With helper.lua.
describe("helped", function()
    it("has arguments", function() assert.equal("", arguments) end)
    it("is counted", function() assert.equal(2, count) end)
    pending("later")
    it("fails", function() error("x") end)
end)
