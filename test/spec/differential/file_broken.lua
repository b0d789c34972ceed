-- A file that does not compile.
it("x", function()
