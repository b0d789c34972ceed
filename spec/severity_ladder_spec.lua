local p = policies.load "severity_ladder.lua"

describe("severity_ladder", function()
    local function decide(severity, config)
        return p:decide(alert{alertname = "A", severity = severity}, {config = config})
    end

    it("puts the worst first", function()
        local before = -1
        for _, severity in ipairs {"critical", "page", "error", "warning"} do
            local priority = decide(severity).priority
            assert.is_true(priority > before, severity)
            before = priority
        end
        assert.equal(100, decide("critical").priority)
    end)

    it("drops what is too mild", function()
        local d = decide "info"
        assert.is_false(d.keep)
        assert.equal("too_mild", d.reason)
        assert.equal("it is milder than warning", d.detail)
        assert.is_false(decide("none").keep)
        assert.is_true(decide("warning").keep)
        assert.is_true(decide("none", {from = "none"}).keep)
        assert.is_false(decide("warning", {from = "error"}).keep)
    end)

    it("loses no alert for its severity's sake", function()
        assert.equal(decide("warning").priority, decide(nil).priority)
        assert.equal(decide("warning").priority, decide("sev0").priority)
        assert.equal(100, decide("Critical").priority, "letters count alike in both cases")
        assert.equal(100, decide("sev0", {unknown = "critical"}).priority)
        assert.is_false(decide("sev0", {unknown = "info"}).keep)
    end)

    it("takes a ladder from the config", function()
        local config = {ladder = {"sev1", "sev2", "sev3"}, from = "sev2", unknown = "sev3"}
        assert.equal(100, decide("sev1", config).priority)
        assert.equal(200, decide("sev2", config).priority)
        assert.is_false(decide("sev3", config).keep)
        assert.is_false(decide("critical", config).keep)
        local long = {}
        for i = 1, 12 do long[i] = "sev" .. i end
        assert.equal(1000, decide("sev12", {ladder = long, from = "sev12", unknown = "sev12"}).priority)
    end)

    it("says what is wrong with a config", function()
        local d = p:decide(alert{severity = "warning"}, {config = {from = "wraning"}, may_fail = true})
        assert.equal("policy.error", d.error)
        assert.matches("policy-config: 'wraning' is not on the ladder", d.detail, 1, true)
    end)
end)
