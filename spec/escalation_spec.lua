local p = policies.load "escalation.lua"

describe("escalation", function()
    before_each(function() clock.at "2026-03-04T10:00:00Z" end)

    -- It fires again since a minute; its last Task ended 30 minutes ago.
    local function fires() return alert({alertname = "A"}, {starts_at = clock.ago "1m"}) end
    local function retrigger(last, more)
        more = more or {}
        more.last = last
        return p:retrigger(fires(), more)
    end

    it("tries again", function()
        assert.is_true((retrigger{attempts = 1}))
        assert.is_true((retrigger{attempts = 2}))
    end)

    it("stops after three and says so", function()
        local again, reason, detail = retrigger{attempts = 3}
        assert.is_false(again)
        assert.equal("human_needed", reason)
        assert.equal("3 Tasks and it fires again; a human is needed", detail)
        assert.is_false((retrigger{attempts = 17}))
    end)

    it("takes the number from the config", function()
        assert.is_false((retrigger({attempts = 1}, {config = {attempts = 1}})))
        assert.is_true((retrigger({attempts = 3}, {config = {attempts = 4}})))
    end)

    it("waits between attempts", function()
        assert.equal(clock.ahead "5m", (retrigger{attempts = 1, completed_at = clock.ago "10m"}))
        assert.equal(clock.ahead "30m", (retrigger({attempts = 1}, {config = {pause = "1h"}})))
    end)

    it("does not try again where the default would not", function()
        local again, reason = p:retrigger(alert({alertname = "A"}, {starts_at = clock.ago "45m"}), {last = {attempts = 1}})
        assert.is_false(again)
        assert.is_nil(reason)
        assert.is_false((retrigger{attempts = 1, phase = "Running"}))
    end)

    it("counts anew after a day in peace", function()
        local again, _, _, state = retrigger{attempts = 3, completed_at = clock.ago "25h", created_at = clock.ago "26h"}
        assert.is_true(again)
        assert.same({forgotten = 3}, state)
        -- the streak that follows
        assert.is_true((retrigger({attempts = 5}, {state = {forgotten = 3}})))
        assert.is_false((retrigger({attempts = 6}, {state = {forgotten = 3}})))
        assert.is_false((retrigger{attempts = 3, completed_at = clock.ago "24h"}))
        assert.equal("A", p:decide(fires(), {last = {task = "t", phase = "Failed", attempts = 3, created_at = clock.ago "26h",
                                                     completed_at = clock.ago "25h"}}).title)
    end)

    it("goes by when a Task was made that never ended", function()
        local last = {gone = true, phase = "Running", completed_at = 0, attempts = 3, created_at = clock.ago "23h"}
        assert.is_false((retrigger(last)))
        last.created_at = clock.ago "25h"
        assert.is_true((retrigger(last)))
        last.attempts, last.created_at = 1, clock.ago "10m"
        assert.equal(clock.ahead "5m", (retrigger(last)))
    end)

    it("has nothing to forget of the first Task", function()
        local _, _, _, state = retrigger{attempts = 0, completed_at = clock.ago "25h"}
        assert.same({}, state)
    end)

    it("tells the Task which attempt it is", function()
        local first = p:decide(fires())
        assert.equal("A", first.title)
        assert.matches("^This is attempt 1 of 3 to deal with this alert%.\n\nalertname: A$", first.body)
        assert.equal("A (attempt 2 of 3)", p:decide(fires(), {last = {task = "t", phase = "Failed", attempts = 1,
            created_at = clock.ago "2h", completed_at = clock.ago "1h"}}).title)
        local last = p:decide(fires(), {last = {task = "t", phase = "Failed", attempts = 2, created_at = clock.ago "2h",
                                                completed_at = clock.ago "1h", starts_at = clock.ago "3h"}})
        assert.equal("A (attempt 3 of 3)", last.title)
        assert.matches("It is the last: if you cannot solve it", last.body, 1, true)
    end)
end)
