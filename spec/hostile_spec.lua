-- Every ready-made policy, asked about alerts that mean harm: none fails, and what it says stays in its bounds.

local POLICIES = {
    "default.lua", "agent_loop_guard.lua", "budget.lua", "business_hours.lua", "canary.lua", "cancel_resolved.lua", "escalation.lua",
    "fenced_body.lua", "flap_damping.lua", "group_by_owner.lua", "refire_during_run.lua", "severity_ladder.lua", "shadow.lua",
}

-- Alerts that are too long to be kept in a file, or that no recording would hold.
local function made()
    local spaces, labels = (" "):rep(32 * 1024) .. "x", {alertname = "Many", severity = "warning"}
    for i = 1, 60 do labels["label_" .. i] = ("v"):rep(i) end
    return {
        alert({alertname = "Spaces", severity = "warning"}, {annotations = {summary = spaces, description = spaces}}),
        alert({alertname = "Long", severity = "warning"}, {annotations = {summary = ("é"):rep(40000)}}),
        alert({alertname = "Old", severity = "warning"}, {starts_at = "0001-01-01T00:00:00Z"}),
        alert({alertname = "Future", severity = "warning"}, {starts_at = "2999-01-01T00:00:00Z", ends_at = "2000-01-01T00:00:00Z"}),
        alert({severity = ("critical"):rep(100)}),
        alert(labels),
        alert{},
    }
end

for _, file in ipairs(POLICIES) do
    describe(file, function()
        local p = policies.load(file)
        local last = {task = "t", phase = "Failed", attempts = 2, created_at = clock.ago "2h", completed_at = clock.ago "1h",
            starts_at = clock.ago "3h"}
        before_each(function() clock.at "2026-03-04T10:00:00Z" end)

        local function check(a)
            for _, options in ipairs {{}, {last = last, seen = {first = 0, polls = 1000000, flaps_1h = 255, episode = 65535}}} do
                options.templates = {prompt = "{{.Body}}", branch = "fix/{{.Title}}"}
                local d = p:decide(a, options)
                assert.is_boolean(d.keep)
                if d.keep then
                    assert.is_true(d.priority >= 0 and d.priority <= 1000)
                    assert.is_true(#d.body <= 65536)
                    assert.is_nil(d.title:find("[\r\n]"))
                    assert.is_nil(d.body:find("%z"))
                    assert.is_truthy(utf8.len(d.body))
                    assert.equal(d.body, d.prompt)
                end
            end
            assert.is_string((p:resolve(a)))
        end

        it("survives recorded alerts", function()
            for _, name in ipairs {"hostile.json", "odd.json"} do
                for _, a in ipairs(alert.all(name)) do check(a) end
            end
        end)
        it("survives made ones", function()
            for _, a in ipairs(made()) do check(a) end
        end)
        it("says the same again", function()
            for _, a in ipairs(alert.all "hostile.json") do
                local one, other = p:decide(a), p:decide(a)
                assert.same({one.keep, one.reason, one.detail, one.key, one.priority, one.title, one.body},
                    {other.keep, other.reason, other.detail, other.key, other.priority, other.title, other.body})
            end
        end)
    end)
end
