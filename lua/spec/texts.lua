-- texts: what failed assertions say, word for word as people and tools know them from luassert.

local say = ...
say = say "say"

local function pair(name, positive, negative)
    say:set("assertion." .. name .. ".positive", positive)
    say:set("assertion." .. name .. ".negative", negative)
end

local function compared(name, wanted, unwanted, tail)
    tail = tail or ""
    pair(name, "Expected " .. wanted .. ".\nPassed in:\n%s\nExpected:\n%s" .. tail,
        "Expected " .. unwanted .. ".\nPassed in:\n%s\nDid not expect:\n%s" .. tail)
end

compared("same", "objects to be the same", "objects to not be the same")
compared("equals", "objects to be equal", "objects to not be equal")
compared("near", "values to be near", "values to not be near", " +/- %s")
compared("matches", "strings to match", "strings not to match")
pair("unique", "Expected object to be unique:\n%s", "Expected object to not be unique:\n%s")
pair("error", "Expected a different error.\nCaught:\n%s\nExpected:\n%s", "Expected no error, but caught:\n%s")
pair("truthy", "Expected to be truthy, but value was:\n%s", "Expected to not be truthy, but value was:\n%s")
pair("falsy", "Expected to be falsy, but value was:\n%s", "Expected to not be falsy, but value was:\n%s")

pair("called", "Expected to be called %s time(s), but was called %s time(s)",
    "Expected not to be called exactly %s time(s), but it was.")
for name, words in pairs {at_least = "at least", at_most = "at most", more_than = "more than", less_than = "less than"} do
    say:set("assertion.called_" .. name .. ".positive",
        "Expected to be called " .. words .. " %s time(s), but was called %s time(s)")
end
pair("called_with",
    "Function was never called with matching arguments.\nCalled with (last call if any):\n%s\nExpected:\n%s",
    "Function was called with matching arguments at least once.\nCalled with (last matching call):\n%s\n" ..
    "Did not expect:\n%s")
pair("returned_with",
    "Function never returned matching arguments.\nReturned (last call if any):\n%s\nExpected:\n%s",
    "Function returned matching arguments at least once.\nReturned (last matching call):\n%s\nDid not expect:\n%s")
pair("returned_arguments", "Expected %s results(s) to be returned, but got %s",
    "Expected not %s results(s) to be returned, but got %s")
pair("array_holes", "Expected array to have holes, but none were found.\n",
    "Expected array to not have holes, but found a hole at index: %s\n")

say:set("assertion.internal.argtolittle", "the '%s' function requires a minimum of %s arguments, got: %s")
say:set("assertion.internal.badargtype", "bad argument #%s to '%s' (%s expected, got %s)")

return say
