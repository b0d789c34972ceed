-- A file that asserts.
it("is never run", function() end)
assert.equal(1, 2)
