-- The same seed, the same order.
describe("shuffled", function()
    randomize(4711)
    for i = 1, 20 do it("test " .. i, function() end) end
    describe("inner", function() for i = 1, 5 do it("test " .. i, function() if i == 3 then error("x") end end) end end)
    before_each(function() end)
end)
describe("shuffled by a second argument", function()
    randomize(true, 815)
    for i = 1, 10 do it("test " .. i, function() if i == 5 then error("told with the seed") end end) end
end)
describe("not shuffled", function()
    randomize(1)
    randomize(false)
    for i = 1, 5 do it("test " .. i, function() end) end
end)
