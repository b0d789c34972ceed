local p = policies.load "group_by_owner.lua"

describe("group_by_owner", function()
    before_each(function() clock.at "2026-03-04T10:00:00Z" end)

    local storm = alert.all "node_down.json"

    it("gives alerts of one owner and namespace one key", function()
        local keys, n = {}, 0
        for _, a in ipairs(storm) do keys[p:decide(a).key] = true end
        for _ in pairs(keys) do n = n + 1 end
        assert.same({["owner=payments namespace=shop"] = true, ["owner=platform"] = true}, keys)
        assert.equal(2, n)
    end)

    it("leaves alone what has no owner", function()
        assert.is_nil(p:decide(alert.from "odd.json").key)
    end)

    it("takes other labels from the config", function()
        assert.equal("node=n7", p:decide(storm[1], {config = {group_by = {"cluster", "node"}}}).key)
    end)

    it("keeps long keys legal and apart", function()
        local function key(owner) return p:decide(alert{owner = owner}).key end
        local one, two = key(("x"):rep(500) .. "1"), key(("x"):rep(500) .. "2")
        assert.is_true(#one <= 200)
        assert.not_equal(one, two)
        assert.is_true(#key(("ä"):rep(300)) <= 200)
        assert.equal("owner=" .. ("x"):rep(194), key(("x"):rep(194)))
        assert.equal(200, #key(("x"):rep(195)))
    end)

    it("lists the members in the body", function()
        local members, leader = {}, nil
        for _, a in ipairs(storm) do
            if a.labels.owner == "payments" then
                if leader then members[#members + 1] = a else leader = a end
            end
        end
        assert.equal(11, #members)
        local d = p:decide(leader, {group = members})
        assert.equal("12 alerts of owner=payments namespace=shop", d.title)
        for i = 0, 11 do assert.matches("cart-" .. i, d.body, 1, true) end
    end)

    it("has the plain title for one alert", function()
        assert.equal("NodeDown", p:decide(alert.from("node_down.json", {alertname = "NodeDown"})).title)
    end)

    it("has a title of one line for any owner", function()
        local a = alert{alertname = "A", owner = ("x"):rep(500)}
        assert.equal("2 alerts of owner=" .. ("x"):rep(182), p:decide(a, {group = {alert{alertname = "B"}}}).title)
    end)
end)
