-- decision: what a policy said about an alert, as a spec looks at it.
--
--      keep, reason, detail, where, policy, key, priority, name     filter and what comes with it
--      title, body, prompt, branch                                  of a Task, when it keeps the alert
--      retrigger, retrigger_reason, retrigger_detail                with `last`
--      notes, state, error, fallback
--
-- `reason` is without "policy.": "noise", or "filter" for a drop without a code.

local decision = {last = nil} -- the latest of the test that runs

-- A reason code as specs write it.
function decision.bare(code)
    return code ~= nil and code ~= "" and (string.gsub(code, "^policy%.", "")) or nil
end

local function notes_of(answer)
    local notes = {}
    for _, note in ipairs(answer.notes or {}) do notes[note.name] = note.value end
    return notes
end

-- From the answer of host.ask.
function decision.new(answer)
    local judged, composed, again = answer.judged, answer.composed or {}, answer.retriggered
    local d = {
        keep = judged.answer == "keep", reason = decision.bare(judged.code), detail = judged.detail, where = judged.where,
        policy = judged.policy, key = judged.key, priority = judged.priority, name = judged.name, title = composed.title,
        body = composed.body, prompt = composed.prompt, branch = composed.branch, notes = notes_of(answer),
        state = answer.state, survey = answer.survey,
    }
    if judged.answer == "error" then
        d.keep, d.error = nil, judged.code
    end
    d.fallback = judged.fallback ~= "" and judged.fallback or composed.fallback
    if again then
        d.retrigger, d.retrigger_reason, d.retrigger_detail = again.value, decision.bare(again.code), again.detail
    end
    decision.last = d
    return d
end

-- A sentence for the first hook that failed; nil when all was well.
function decision.failure(answer)
    for _, part in ipairs {"judged", "retriggered", "resolved", "composed"} do
        local said = answer[part] or {}
        if said.answer == "error" or said.value == "error" or said.ok == false then
            return said.code .. ": " .. said.detail
        elseif (said.fallback or "") ~= "" then
            return "the base answered: " .. said.fallback
        elseif (said.name_error or "") ~= "" then
            return "nameTemplate: " .. said.name_error
        end
    end
end

return decision
