-- verdict: assertions about decisions.
--
--      assert.keeps(d)   assert.keeps(p, alert, options)
--      assert.drops(d, "noise")   assert.drops(p, alert, "noise", options)
--      assert.decides("drop", "noise", d)   assert.decides("keep", d)   without d: about the latest of the test

local need = ...
local assert, decision, failure, frame, say = need "assertion", need "decision", need "failure", need "frame", need "texts"

say:set("assertion.decision.positive", "Expected the decision:\n%s\nGot:\n%s")
say:set("assertion.decision.negative", "Did not expect the decision:\n%s\nGot:\n%s")

local function is_policy(value) return type(value) == "table" and type(value.decide) == "function" end
local function is_decision(value) return type(value) == "table" and (value.keep ~= nil or value.error ~= nil) end

local function shown(verdict, reason, detail)
    local text = verdict .. (reason and " (" .. reason .. ")" or "")
    return detail and detail ~= "" and text .. ": " .. detail or text
end

local function verdict_of(d)
    return d.error and "error" or d.keep and "keep" or "drop"
end

local function judge(state, arguments, verdict, reason, d)
    local got = verdict_of(d)
    arguments[1] = shown(verdict, reason)
    arguments[2] = shown(got, d.error or d.reason, d.detail) .. (d.where and d.where ~= "" and "\n" .. d.where or "")
    arguments.n, arguments.nofmt = 2, {true, true}
    rawset(state, "detail", function() return {expected = arguments[1], actual = arguments[2]} end)
    return got == verdict and (reason == nil or reason == d.reason)
end

-- The decision, the reason and what is left of (d, reason) or (policy, alert, reason, options).
local function taken(arguments, name)
    local first = arguments[1]
    if is_policy(first) then
        local reason, options = arguments[3], arguments[4]
        if type(reason) == "table" then
            reason, options = nil, reason
        end
        return first:decide(arguments[2], options), reason
    elseif is_decision(first) then
        return first, arguments[2]
    end
    failure.throw("assert." .. name .. " wants a decision, or a policy and an alert", frame.caller())
end

local function add(name, f)
    assert:register("assertion", name, f, "assertion.decision.positive", "assertion.decision.negative")
end

add("keeps", function(state, arguments)
    local d = taken(arguments, "keeps")
    return judge(state, arguments, "keep", nil, d), {n = 1, d}
end)

add("drops", function(state, arguments)
    local d, reason = taken(arguments, "drops")
    return judge(state, arguments, "drop", reason, d), {n = 1, d}
end)

add("decides", function(state, arguments)
    local d, words = nil, {}
    for i = 1, arguments.n do
        if type(arguments[i]) == "table" then
            d = arguments[i]
        else
            words[#words + 1] = arguments[i]
        end
    end
    d = d or decision.last
    if not is_decision(d) then
        failure.throw("assert.decides: nothing was decided in this test", frame.caller())
    elseif words[1] ~= "keep" and words[1] ~= "drop" and words[1] ~= "error" then
        failure.throw("assert.decides wants \"keep\", \"drop\" or \"error\", not " .. tostring(words[1]), frame.caller())
    end
    return judge(state, arguments, words[1], words[2], d), {n = 1, d}
end)

return {}
