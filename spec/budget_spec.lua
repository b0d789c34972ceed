local p = policies.load "budget.lua"

local warning = alert{alertname = "A", severity = "warning"}
local critical = alert{alertname = "A", severity = "critical"}

describe("budget", function()
    before_each(function() clock.at "2026-03-04T10:00:00Z" end)

    -- n Tasks, one every ten minutes, the last of them a minute ago
    local function made(n)
        local list = {}
        for i = n, 1, -1 do list[#list + 1] = clock.ago(60 + 600 * (i - 1)) end
        return {budget = list}
    end

    it("has limits", function()
        assert.same({10, 30, 3, 1, 0}, {p.limits.per_hour, p.limits.per_day, p.limits.ramp, p.limits.reserve_slots,
                                        p.limits.reserve_priority})
    end)

    it("keeps the last of the day for critical alerts", function()
        assert.is_true(p:decide(warning, {created = made(15)}).keep, "one cycle may take the hour's ten")
        local d = p:decide(warning, {created = made(25)})
        assert.equal("spared", d.reason)
        assert.equal("5 of 30 Tasks are left", d.detail)
        assert.is_true(p:decide(critical, {created = made(25)}).keep)
        assert.is_true(p:decide(critical, {created = made(31)}).keep, "the limit itself is the engine's")
        assert.equal("0 of 30 Tasks are left", p:decide(warning, {created = made(31)}).detail)
    end)

    it("forgets what is older than a day", function()
        local old = {}
        for i = 1, 40 do old[i] = clock.ago(86400 - i) end
        assert.is_false(p:decide(warning, {created = {budget = old}}).keep)
        for i = 1, 40 do old[i] = clock.ago(86400 + 40 - i) end
        assert.is_true(p:decide(warning, {created = {budget = old}}).keep)
    end)

    it("does not count other policies' Tasks", function()
        assert.is_true(p:decide(warning, {created = {other = made(40).budget}}).keep)
    end)

    it("takes the reserve from the config", function()
        assert.is_false(p:decide(warning, {created = made(22), config = {spare = 8}}).keep)
        assert.is_true(p:decide(warning, {created = made(29), config = {spare = 0}}).keep)
    end)

    it("gives priority 0 to critical alerts only", function()
        assert.equal(0, p:decide(critical).priority)
        assert.equal(1000, p:decide(warning).priority)
        assert.equal(1, p:decide(warning, {priority_labels = {"severity=warning"}}).priority)
    end)
end)
