local p = policies.load "canary.lua"

describe("canary", function()
    local function share(config, n)
        local kept = 0
        for i = 1, n do
            local a = alert{alertname = "A", instance = "h" .. i, namespace = "n" .. i % 4}
            kept = kept + (p:decide(a, {config = config}).keep and 1 or 0)
        end
        return kept
    end

    it("keeps all, or none", function()
        assert.equal(0, share({share = 0}, 20))
        assert.equal(20, share({share = 100}, 20))
    end)

    it("keeps about the share", function()
        local kept = share({share = 50}, 80)
        assert.is_true(kept > 20 and kept < 60, kept)
    end)

    it("is stable, and grows with the share", function()
        for i = 1, 20 do
            local a = alert{alertname = "A", instance = "h" .. i}
            local small, large = p:decide(a, {config = {share = 30}}), p:decide(a, {config = {share = 60}})
            assert.is_true(large.keep or not small.keep)
            assert.equal(small.keep, p:decide(a, {config = {share = 30}}).keep)
        end
    end)

    it("begins at one bucket exactly, and with a tenth", function()
        local a = alert.from "oom.json"
        local number = tonumber(p:decide(a, {config = {share = 0}}).detail:match "%d+")
        assert.is_false(p:decide(a, {config = {share = number}}).keep)
        assert.is_true(p:decide(a, {config = {share = number + 1}}).keep)
        assert.matches("the share ends before 10$", p:decide(alert{alertname = "not in it"}).detail)
    end)

    it("says why not", function()
        local d = p:decide(alert.from "oom.json", {config = {share = 0}})
        assert.equal("not_in_canary", d.reason)
        assert.matches("^its number is %d+, the share ends before 0$", d.detail)
    end)

    it("goes by a label", function()
        local sides = {}
        for i = 1, 12 do
            local keep = p:decide(alert{alertname = "A" .. i, namespace = "shop"},
                {config = {share = 50, canary_by = "namespace"}}).keep
            sides[tostring(keep)] = true
        end
        assert.is_true((sides["true"] or sides["false"]) and not (sides["true"] and sides["false"]))
    end)
end)
