-- cooldown and backoff: value, reason and detail for retrigger.
local function ctx(attempts, created, completed)
    return {now = 100000, last = {attempts = attempts, created_at = created, completed_at = completed}}
end
local function is(value, detail, ...)
    local v, reason, d = ...
    equal(v, value)
    assert(reason == "cooldown" or reason == "backoff")
    if not d:find(detail, 1, true) then
        error("want " .. detail .. ", got " .. d, 2)
    end
end
is(true, "no Task before", cooldown(ctx(0, 0, 0), "4h"))
is(true, "are over", cooldown(ctx(1, 1000, 100000 - 4 * 3600), "4h"))
is(100001, "until 1970-01-02T03:46:41Z (1s from now)", cooldown(ctx(1, 1000, 100001 - 4 * 3600), "4h"))
is(100001, "4h since the last Task ended", cooldown(ctx(1, 1000, 100000.5 - 4 * 3600), "4h"))
is(107200, "since the last Task was made", cooldown(ctx(1, 100000 - 7200, 0), "4h"))
is(107200, "ended", cooldown(ctx(1, 50, 100000 - 7200), 4 * 3600))
is(true, "are over", cooldown(ctx(1, 50, 100), 0))
-- further than retrigger may answer: asked again in thirty days
is(100000 + 30 * 86400, "until", cooldown(ctx(1, 50, 99999), "1y"))
is(100000 + 30 * 86400, "until", cooldown(ctx(1, 50, 99999), "292y"))
for attempts, wait in ipairs {15, 30, 60, 120, 240, 480, 960, 1440, 1440} do
    is(100000 - 60 + wait * 60, "until", backoff(ctx(attempts, 50, 100000 - 60), "15m", "24h"))
end
is(100000 - 60 + 1440 * 60, "until", backoff(ctx(4294967295, 50, 100000 - 60), "15m", "24h"))
is(true, "are over", backoff(ctx(3, 50, 100000 - 3600), "15m", "24h"))
is(true, "no Task before", backoff(ctx(0, 0, 0), "15m", "24h"))
fails("is shorter than the first", backoff, ctx(1, 1, 1), "2h", "1h")
fails("must be the hook's ctx", cooldown, nil, "1h")
fails("must be the hook's ctx", cooldown, {}, "1h")
fails("it has no last", cooldown, {now = 1}, "1h")
fails("no number attempts", cooldown, {now = 1, last = {created_at = 1, completed_at = 1, attempts = "x"}}, "1h")
fails("no duration such as", cooldown, ctx(1, 1, 1), "4 hours")
fails("argument 2 must be a duration", cooldown, ctx(1, 1, 1))
fails("between 0 and 292 years", cooldown, ctx(1, 1, 1), -1)
fails("argument 3", backoff, ctx(1, 1, 1), "1h")
