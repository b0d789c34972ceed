-- Every rule of the lint: its code, whether it keeps a file from being loaded, and what it is about in one sentence.
-- The documentation's table is made from this list, and a finding of a code that is not in it is a bug.
local rules = {}

rules.list = {
    {"syntax", "error", "The file is no Lua 5.4."},
    {"absent_global", "error", "A global is used that does not exist in a policy (os, io, require, ...)."},
    {"absent_field", "error", "A function is used that its library does not have here (string.dump, math.random, ...)."},
    {"global_write", "error", "A global is assigned to; write local."},
    {"unknown_field", "error", "The returned table has a field or hook that does not exist."},
    {"wrong_type", "error", "A field or hook of the returned table is written as a value of the wrong type."},
    {"bad_match", "error", "A matcher in match, match(), alert:matches() or ctx.firing() does not parse."},
    {"bad_duration", "error", "A duration in duration.parse, cooldown, backoff or ctx.rate does not parse."},
    {"bad_window", "error", "The window in time.within or time.next does not parse."},
    {"bad_zone", "error", "A time zone is no legal name, or is used and not named in zones."},
    {"bad_include", "error", "include is given something else than the name of a library, or is called in a hook."},
    {"format_pointer", "error", "string.format with %p is not allowed: it would show addresses."},
    {"no_return", "warning", "filter or retrigger can end without saying anything; the base then decides."},
    {"bad_return", "warning", "A hook returns a literal of a type that it must not return."},
    {"no_reason", "warning", "filter drops an alert without a reason."},
    {"slow_pattern", "warning", "A pattern takes time that grows with the square of the text or worse."},
    {"trim_pattern", "warning", "A pattern trims the end of a text, which is slow on many spaces; use text.trim."},
    {"nil_concat", "warning", "A label or annotation that may be absent is joined with .. and has no default."},
    {"label_list", "warning", "# or ipairs is used on labels or annotations, which have names and no numbers."},
    {"label_number", "warning", "A label or annotation, which is a string, is compared with a number."},
    {"label_typo", "warning", "A label is used that no known alert has, and one of almost that name exists."},
    {"random_order", "warning", "Text is built in the order of pairs over a table, which changes from run to run."},
    {"lost_write", "warning", "A hook writes to a variable outside of it; each cycle starts anew, so it is lost."},
    {"undeclared_reason", "warning", "A reason that looks like a code is not declared in reasons."},
    {"unused_reason", "warning", "A reason is declared and never used."},
    {"not_looked_at", "warning", "The lint could not look through the file, or has more to say than it shows."},
}

rules.kinds = {}
for _, rule in ipairs(rules.list) do
    rules.kinds[rule[1]] = rule[2]
end

return rules
