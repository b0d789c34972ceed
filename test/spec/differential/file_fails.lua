-- A file that fails while its blocks are being defined.
it("is never run", function() end)
describe("nor this", function() end)
error("in the file")
