-- guard: runs an element's function, and finds out how it ended.

local need = ...
local bus, failure, frame, host, pretty, tree =
    need "bus", need "failure", need "frame", need "host", need "pretty", need "tree"
local find = string.find

local guard = {timeout = nil} -- seconds for one function of a spec; nil: as long as it takes

-- A sentence that begins with "file:line: ".
local function sentence(value, trace)
    local text
    if failure.is_text(value) then
        local ok, said = pcall(tostring, value)
        text = ok and said or "the error cannot be shown: its __tostring failed"
    else
        text = value == nil and "Nil error" or pretty.write(value)
    end
    if not find(text, "^[^\n]-:%d+: .*") then
        text = trace.short_src .. ":" .. trace.currentline .. ": " .. text
    end
    return frame.without_addresses(text)
end

-- Runs `f` as (part of) the element. Returns "success", "pending", "failure" or "error", and what f returned first. Anything
-- but success is published as {status, element.descriptor} (element, parent, message, trace). Only a test can have a failure:
-- in everything around it, it is an error.
function guard.run(descriptor, f, element)
    tree.push(element)
    local status, message, trace, detail = "success", nil, nil, nil
    local function caught(value)
        local late = host.expired()
        status, trace = late and "error" or failure.kind(value), frame.trace(value, element.trace)
        if late then -- wherever it was when the time was up, it is the spec's line that counts
            value = string.gsub(tostring(value), "^%(spec%) [^:]*:%d+: ", "", 1)
        end
        message, detail = sentence(value, trace), failure.detail(value)
    end
    local ok, result = host.guard(guard.timeout, caught, f)
    if not ok then
        if status == "success" then -- no memory: nobody was asked
            status, trace = "error", element.trace or frame.trace(result)
            message = sentence(result or "not enough memory", trace)
        elseif status == "failure" and descriptor ~= "it" then
            status = "error"
        end
        bus.publish({status, element.descriptor}, element, tree.parent(element), message, trace, detail)
    end
    tree.pop()
    return status, result
end

-- Publishes and survives it when a subscriber fails. Marks when the element began and ended.
function guard.publish(descriptor, words, element, ...)
    local arguments = table.pack(...)
    if words[2] == "start" then
        element.starttick, element.starttime = host.now(), host.time()
    elseif words[2] == "end" then
        element.endtick, element.endtime = host.now(), host.time()
        element.duration = element.starttick and element.endtick - element.starttick
    end
    return guard.run(descriptor, function()
        bus.publish(words, element, table.unpack(arguments, 1, arguments.n))
    end, element) == "success"
end

return guard
