-- golden: assert.golden("db_body.md", d.body) compares a text with a file beside the spec. --update-golden writes it.

local need = ...
local assert, diff, failure, frame, host, say =
    need "assertion", need "diff", need "failure", need "frame", need "host", need "texts"

local golden = {}
local update = false

-- options: update_golden
function golden.begin(options) update = options.update_golden end

say:set("assertion.golden.positive", "Expected the text of the golden file %s.\n%s")
say:set("assertion.golden.negative", "Did not expect the text of the golden file %s.%s")

-- True, or false and a sentence or a diff.
function golden.compare(path, text)
    local expected, why = host.read(path, "golden")
    if expected == text then
        return true, ""
    elseif update then
        local ok, sentence = host.write_golden(path, text)
        return ok ~= nil and ok ~= false, ok and "" or "it cannot be written: " .. tostring(sentence)
    elseif not expected then
        return false, "It cannot be read (" .. tostring(why) .. "); --update-golden writes it:\n" .. text
    end
    return false, diff.unified(expected, text)
end

assert:register("assertion", "golden", function(state, arguments)
    local path, text, message = arguments[1], arguments[2], arguments[3]
    if type(path) ~= "string" or type(text) ~= "string" then
        failure.throw("assert.golden wants the name of a file and a text, got " .. type(path) .. " and " .. type(text),
            frame.caller())
    end
    if message ~= nil then
        state.failure_message = message
    end
    local same, difference = golden.compare(path, text)
    arguments[2], arguments.n, arguments.nofmt = difference, 2, {true, true}
    return same, {n = 2, path, text}
end, "assertion.golden.positive", "assertion.golden.negative")

return golden
