local p = policies.load "cancel_resolved.lua"

describe("cancel_resolved", function()
    it("wants to be asked", function() assert.is_true(p.limits.on_resolve) end)

    it("cancels what has not started", function()
        assert.equal("cancel_pending", (p:resolve(alert{alertname = "A"})))
    end)

    it("keeps what the config names", function()
        local config = {never_cancel = {"DataLoss", "B"}}
        assert.equal("keep", (p:resolve(alert{alertname = "DataLoss"}, {config = config})))
        assert.equal("cancel_pending", (p:resolve(alert{alertname = "A"}, {config = config})))
    end)

    it("needs no more than the Task tells of the alert", function()
        assert.equal("cancel_pending", (p:resolve(alert.from("odd.json", {job = "node"}), {config = {never_cancel = {"A"}}})))
    end)
end)
