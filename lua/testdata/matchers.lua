-- match and alert:matches: what an Alertmanager with default flags answers (matchers.tsv).
local made, n, wrong = {}, 0, {}
for _, row in ipairs(rows "matchers.tsv") do
    local labels, want = row[2], row[3]
    made[labels] = made[labels] or alert('{"labels":' .. labels .. ',"fingerprint":"a1b2c3d4e5f60718","startsAt":"2026-11-18T10:00:00Z","status":{"state":"active"}}')
    local ok, got = pcall(match, made[labels], row[1])
    local same, again = pcall(made[labels].matches, made[labels], row[1])
    assert(ok == same and (not ok or got == again))
    local answer = ok and tostring(got) or "error"
    if answer ~= (want == "empty" and "error" or want) then -- no matcher at all is an error here: see lua/matcher.h
        wrong[#wrong + 1] = text_of(row[1]) .. ": want " .. want .. ", got " .. answer .. (ok and "" or " " .. got)
    end
    n = n + 1
end
if #wrong > 0 then
    show(table.concat(wrong, "\n")) error(#wrong .. " of " .. n .. "\n" .. table.concat(wrong, "\n"))
end
assert(n > 900)
fails("match: argument 1 must be an alert", match, "x", "y=z")
fails("match: argument 2 must be a text", match, next({made}) and select(2, next(made)))
