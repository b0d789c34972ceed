local p = policies.load "refire_during_run.lua"

describe("refire_during_run", function()
    before_each(function() clock.at "2026-03-04T10:00:00Z" end)

    -- A Task for an alert since 08:55, made at 09:00, that ended 30 minutes ago.
    local function retrigger(starts_at, last, config)
        return p:retrigger(alert({alertname = "A"}, {starts_at = starts_at}), {last = last, config = config})
    end

    it("is asked for an alert that came back while its Task ran", function()
        assert.is_true((retrigger(clock.ago "45m")))
    end)

    it("gives the remedy time to show", function()
        local last = {completed_at = clock.ago "5m"}
        local again, _, detail = retrigger(clock.ago "45m", last)
        assert.equal(clock.ahead "5m", again)
        assert.not_equal("", detail)
        assert.equal(clock.ahead "15m", (retrigger(clock.ago "45m", last, {grace = "20m"})))
    end)

    it("leaves alone what has fired all along", function()
        assert.is_false((retrigger(clock.epoch "2026-03-04T08:58:20Z")))
        assert.is_false((retrigger(clock.ago "70m")), "before the Task was made: the poll was late, not the remedy")
        assert.is_false((retrigger(clock.ago "60m")), "as the Task was made")
    end)

    it("happens once", function()
        local since = clock.ago "45m"
        assert.is_false((retrigger(since, {starts_at = since})))
    end)

    it("waits for the end of the run", function()
        for _, phase in ipairs {"Pending", "Waiting", "Running"} do
            assert.is_false((retrigger(clock.ago "45m", {phase = phase, completed_at = 0})))
        end
    end)

    it("is the default otherwise", function()
        assert.is_true((retrigger(clock.ago "1m")))
        assert.is_true((retrigger(clock.ago "3h", {gone = true})))
    end)
end)
