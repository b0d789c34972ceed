-- Ready-made policies together: under a name that begins with lib_ each is a library, too.

local LIBRARIES = {
    ["lib_business_hours.lua"] = "business_hours.lua", ["lib_flap_damping.lua"] = "flap_damping.lua",
    ["lib_escalation.lua"] = "escalation.lua", ["lib_agent_loop_guard.lua"] = "agent_loop_guard.lua",
    ["lib_budget.lua"] = "budget.lua",
}

local SOURCE = [[
local hours = include "lib_business_hours"
local filters = {include "lib_agent_loop_guard", include "lib_flap_damping"}
local reasons = {}
for _, p in ipairs(filters) do
    for code, meaning in pairs(p.reasons) do reasons[code] = meaning end
end

return policy.extend(hours, {
    api = 1,
    name = "combined",
    reasons = reasons,
    limits = (include "lib_budget").limits,
    filter = function(alert, ctx, super)
        for _, p in ipairs(filters) do
            local keep, reason, detail = p.filter(alert, ctx)
            if not keep then return keep, reason, detail end
        end
        return super()
    end,
})
]]

describe("policies together", function()
    local p = policies.load("combined.lua", {source = SOURCE, libraries = LIBRARIES})
    local long_ago = {first = 1700000000}

    local function reason(a, at, seen)
        clock.at(at)
        return p:decide(a, {seen = seen or long_ago}).reason
    end

    it("all have their say, in order", function()
        local slow = alert.from("payments.json", {alertname = "SlowQuery"})
        assert.is_nil(reason(slow, "2026-03-04T10:00:00Z"))
        assert.equal("out_of_hours", reason(slow, "2026-03-07T10:00:00Z"))
        assert.equal("held", reason(slow, "2026-03-07T10:00:00Z", {}))
        assert.equal("own_task", reason(alert.from("agents.json", {alertname = "KubePodCrashLooping"}), "2026-03-07T10:00:00Z"))
    end)

    it("has the limits that were named", function() assert.equal(30, p.limits.per_day) end)
end)
