local p = policies.load "business_hours.lua"

local ROME = {zone = "Europe/Rome", hours = "Mon-Fri 08:30-18:00, Sat 10:00-12:00"}
local warning = alert{alertname = "SlowQuery", severity = "warning"}
local critical = alert{alertname = "ErrorBudgetBurn", severity = "critical"}

describe("business_hours", function()
    local function keeps(at, config)
        clock.at(at)
        return p:decide(warning, {config = config}).keep
    end

    it("has sane hours in UTC by default", function()
        assert.is_false(keeps "2026-03-04T08:59:59Z")
        assert.is_true(keeps "2026-03-04T09:00:00Z")
        assert.is_true(keeps "2026-03-04T16:59:59Z")
        assert.is_false(keeps "2026-03-04T17:00:00Z")
        assert.is_false(keeps "2026-03-07T12:00:00Z")
    end)

    it("takes hours and zone from the config", function()
        assert.is_true(keeps("2026-03-04T17:59:59 Europe/Rome", ROME))
        assert.is_false(keeps("2026-03-04T18:00:00 Europe/Rome", ROME))
        assert.is_true(keeps("2026-03-07T10:00:00 Europe/Rome", ROME))
        assert.is_false(keeps("2026-03-07T09:59:59 Europe/Rome", ROME))
    end)

    it("says what it waits for", function()
        clock.at "2026-03-06T18:00:00 Europe/Rome"
        local d = p:decide(warning, {config = ROME})
        assert.is_false(d.keep)
        assert.equal("out_of_hours", d.reason)
        assert.equal("until 2026-03-07T10:00:00+01:00", d.detail)
    end)

    it("follows the clocks when they change", function()
        -- the night in which 02:00 becomes 03:00: hours that begin then begin at 03:00
        local night = {zone = "Europe/Rome", hours = "Sun 02:30-04:00"}
        assert.is_false(keeps("2026-03-29T01:59:00 Europe/Rome", night))
        assert.is_true(keeps("2026-03-29T03:00:00 Europe/Rome", night))
        clock.at "2026-03-28T18:00:00 Europe/Rome" -- Saturday evening, winter time; Monday morning is summer time
        assert.equal("until 2026-03-30T08:30:00+02:00", p:decide(warning, {config = ROME}).detail)
    end)

    it("knows holidays, and what comes after them", function()
        local config = {zone = "Europe/Rome", holidays = {"2026-12-24", "2026-12-25"}}
        assert.is_false(keeps("2026-12-24T10:00:00 Europe/Rome", config))
        assert.is_true(keeps("2026-12-23T10:00:00 Europe/Rome", config))
        clock.at "2026-12-24T10:00:00 Europe/Rome" -- a Thursday
        assert.equal("until 2026-12-28T09:00:00+01:00", p:decide(warning, {config = config}).detail)
    end)

    it("opens at the midnight that ends a holiday", function()
        local config = {zone = "Europe/Rome", hours = "Mon-Fri", holidays = {"2026-12-24"}}
        clock.at "2026-12-24T10:37:21 Europe/Rome"
        assert.equal("until 2026-12-25T00:00:00+01:00", p:decide(warning, {config = config}).detail)
        config = {hours = "Mon-Fri", holidays = {"2026-12-24"}}
        clock.at "2026-12-24T23:59:59Z"
        assert.equal("until 2026-12-25T00:00:00Z", p:decide(warning, {config = config}).detail)
    end)

    it("waits when it is holiday for ever", function()
        local holidays = {}
        for day = 1, 31 do
            holidays[#holidays + 1] = ("2026-07-%02d"):format(day)
            holidays[#holidays + 1] = ("2026-08-%02d"):format(day)
        end
        clock.at "2026-07-01T10:00:00Z"
        local d = p:decide(warning, {config = {holidays = holidays}})
        assert.is_false(d.keep)
        assert.equal("and nobody comes for weeks", d.detail)
    end)

    it("lets urgent alerts through at any time", function()
        clock.at "2026-03-07T23:00:00Z"
        assert.is_true(p:decide(critical).keep)
        assert.is_false(p:decide(critical, {config = {urgent = ""}}).keep)
        assert.is_true(p:decide(warning, {config = {urgent = "warning"}}).keep)
    end)

    it("fails on hours that are none, loudly", function()
        local d = p:decide(warning, {config = {hours = "nine to five"}, may_fail = true})
        assert.equal("policy.error", d.error)
        assert.matches("time.next", d.detail, 1, true)
    end)

    it("fails on a zone that is not there", function()
        local d = p:decide(warning, {config = {zone = "Europe/Roma"}, may_fail = true})
        assert.matches("Europe/Roma", d.detail, 1, true)
        assert.is_nil(d.keep)
    end)
end)
