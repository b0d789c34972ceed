-- duration: what Prometheus' own parser and printer say (durations.tsv), and our errors.
local n = 0
for _, row in ipairs(rows "durations.tsv") do
    local what = text_of(row[2])
    if row[1] == "format" then
        equal(duration.format(tonumber(row[2]) / 1000), row[3], what)
    elseif row[3] == "error" then
        fails("duration.parse: ", duration.parse, row[2])
    else
        local ms = math.tointeger(tonumber(row[3]))
        local got = duration.parse(row[2])
        equal(got, ms % 1000 == 0 and ms // 1000 or ms / 1000, what)
    end
    n = n + 1
end
assert(n > 700)

equal(duration.format(5400), "1h30m")
equal(duration.format(-90), "-1m30s")
equal(duration.format(0.0004), "0s")
equal(duration.format(1.5), "1s500ms")
fails("'5 m'", duration.parse, "5 m")
fails("the units are y, w, d, h, m, s, ms", duration.parse, "5min")
fails("a unit is missing", duration.parse, "5")
fails("from the largest to the smallest", duration.parse, "5m1h")
fails("a number is expected", duration.parse, "h")
fails("it is empty", duration.parse, "")
fails("longer than 292 years", duration.parse, "300y")
fails("it is too long", duration.parse, string.rep("0", 200) .. "s")
fails("got number", duration.parse, 90)
fails("duration.format: ", duration.format, 1e11)
