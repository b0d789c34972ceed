local p = policies.load "shadow.lua"

describe("shadow", function()
    it("only watches", function() assert.is_true(p.shadow) end)

    it("decides like the default", function()
        local base = policies.load "default.lua"
        for _, a in ipairs(alert.all "payments.json") do
            local mine, its = p:decide(a), base:decide(a)
            for _, field in ipairs {"keep", "key", "priority", "title", "body"} do
                assert.equal(its[field], mine[field])
            end
        end
    end)

    it("is passed on to what extends a policy in shadow", function()
        local trial = policies.load("trial.lua", {
            source = 'return policy.extend(include "lib_shadow", {api = 1, name = "trial"})',
            libraries = {["lib_shadow.lua"] = "shadow.lua"},
        })
        assert.is_true(trial.shadow)
    end)

    it("is what the others are not", function()
        assert.is_false(policies.load("canary.lua").shadow)
    end)
end)
