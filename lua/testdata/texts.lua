-- text: plain searching and changing.
equal(text.upper "aZ1-ßé\0z", "AZ1-ßé\0Z")
equal(text.lower "aZ1-ÉÄ\0Z", "az1-ÉÄ\0z")
equal(text.title "high error-rate in eu_1, isn't éa it", "High Error-Rate In Eu_1, Isn't éa It")
equal(text.title "", "")
for _, case in ipairs {{"abc", "a", true}, {"abc", "", true}, {"abc", "abcd", false}, {"abc", "b", false}, {"", "", true}, {"a%", "a%", true}} do
    equal(text.starts_with(case[1], case[2]), case[3], case[2])
    equal(text.ends_with(case[1]:reverse(), case[2]:reverse()), case[3], case[2])
end
equal(text.contains("a.b", "."), true)
equal(text.contains("ab", "."), false)
equal(text.contains("ab", ""), true)
equal(text.contains("a\0b", "\0b"), true)
equal(text.replace("a.b.c", ".", "%1"), "a%1b%1c")
equal(text.replace("aaa", "aa", "b"), "ba")
equal(text.replace("aaa", "x", "b"), "aaa")
equal(text.replace("aaa", "a", ""), "")
equal(text.replace("", "a", "b"), "")
fails("argument 2 is empty", text.replace, "a", "", "b")
fails("at most 1048576 bytes", text.replace, string.rep("a", 100000), "a", string.rep("b", 100))
fails("text.upper: argument 1 must be a text, got nothing", text.upper)
fails("text.contains: argument 2 must be a text, got table", text.contains, "a", {})
equal(text.upper(12), "12")

-- a long needle in a long text that almost has it: linear, or this would not end
local hay, needle = string.rep("a", 1000000), string.rep("a", 50000) .. "b"
equal(text.contains(hay, needle), false)
equal(#text.replace(hay, needle, "x"), 1000000)

-- tables
equal(text.table({{"a", 1}, {"bcd", true}, {"é", nil}}, {"NAME", "N"}), "NAME  N\na     1\nbcd   true\né")
equal(text.table({{"a", "b"}, {"ccc", "d"}}), "a    b\nccc  d")
equal(text.table({}), "")
equal(text.table({}, {"A", "B"}), "A  B")
equal(text.table({{"one\ntwo\27[31m"}}), "one two [31m")
equal(text.table({{"a"}, {"b", "c"}}), "a\nb  c")
assert(#text.table({{string.rep("x", 1000000)}}) == 200)
fails("row 2 must be a list", text.table, {{}, 1})
fails("a cell must be", text.table, {{{}}})
fails("argument 1 must be a list", text.table, "x")
fails("argument 2 must be a list", text.table, {}, "x")
fails("at most 1000 elements", text.table, setmetatable({}, {__len = function() return 1 << 60 end}))
fails("at most 32 elements", text.table, {setmetatable({}, {__len = function() return 1 << 60 end})})
