local p = policies.load "flap_damping.lua"

describe("flap_damping", function()
    before_each(function() clock.at "2026-03-04T10:00:00Z" end)

    local warning = alert.from("payments.json", {alertname = "SlowQuery"})
    local critical = alert.from("payments.json", {alertname = "ErrorBudgetBurn"})

    it("holds what is new", function()
        local d = p:decide(warning, {seen = {first = clock.ago "4m"}})
        assert.is_false(d.keep)
        assert.equal("held", d.reason)
        assert.equal("until 2026-03-04T10:01:00Z", d.detail)
        assert.is_false(p:decide(warning).keep, "seen for the first time")
    end)

    it("keeps what has been there for long enough", function()
        assert.is_true(p:decide(warning, {seen = {first = clock.ago "5m"}}).keep)
        assert.is_false(p:decide(warning, {seen = {first = clock.ago "5m"}, config = {hold = "10m"}}).keep)
        assert.is_true(p:decide(warning, {seen = {first = clock.ago "10m"}, config = {hold = "10m"}}).keep)
        assert.is_true(p:decide(warning, {config = {hold = "0"}}).keep)
    end)

    it("goes by when it was seen, not by what it says of itself", function()
        assert.is_false(p:decide(alert({alertname = "A"}, {starts_at = clock.ago "3d"})).keep)
    end)

    it("drops what comes and goes", function()
        local seen = {first = clock.ago "50m", flaps_1h = 3}
        local d = p:decide(warning, {seen = seen})
        assert.equal("flapping", d.reason)
        assert.equal("it came back 3 times within the last hour", d.detail)
        assert.is_true(p:decide(warning, {seen = seen, config = {max_flaps = 4}}).keep)
        seen.flaps_1h = 2
        assert.is_true(p:decide(warning, {seen = seen}).keep)
    end)

    it("lets severe alerts pass at once", function()
        local new = {first = clock.now(), flaps_1h = 9}
        assert.is_true(p:decide(critical, {seen = new}).keep)
        assert.is_false(p:decide(critical, {seen = new, config = {bypass = ""}}).keep)
        assert.is_true(p:decide(warning, {seen = new, config = {bypass = "warning"}}).keep)
    end)
end)
