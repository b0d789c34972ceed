-- report: tells the engine what happens. What it prints, in which format, is the engine's matter.

local need = ...
local bus, filter, host, tree = need "bus", need "filter", need "host", need "tree"

local report = {tests = 0, success = 0, pending = 0, failure = 0, error = 0}

local suppress_pending = false
local last = {} -- by status: what the last failure and the last error said
local waiting = {} -- by element: what pending() said
local told_of = {} -- by test that runs: the messages of what failed in it

-- {name, file, line, short, tags} of an element.
local function element_of(element)
    local file, trace, name = tree.file_of(element), element.trace or {}, tree.full_name(element)
    return {
        name = name, file = file and file.name or element.name, line = trace.currentline, short = trace.short_src,
        tags = filter.tags(name), element = element.descriptor,
    }
end

local function traceback_of(trace)
    return trace and trace.traceback and string.gsub(trace.traceback, "^\n", "", 1) or nil
end

local function place_of(trace)
    return trace and trace.short_src and {file = trace.short_src, line = trace.currentline} or nil
end

local function problem_of(parent, message, trace, detail)
    detail = detail or {}
    return {
        message = message or "Nil error", trace = traceback_of(trace), at = place_of(trace),
        seed = parent and parent.randomseed,
        expected = detail.expected, actual = detail.actual, diff = detail.diff,
    }
end

local function told(element, ...)
    local event = element_of(element)
    for _, more in ipairs {...} do
        for k, v in pairs(more) do event[k] = v end
    end
    return event
end

local function hides(element, status)
    return suppress_pending and (element.descriptor == "pending" or status == "pending")
end

local function on_start(element)
    waiting[element], told_of[element] = nil, {}
    if not hides(element) then
        host.event("test_start", element_of(element))
    end
    return nil, true
end

local function on_end(element, _, status)
    if not hides(element, status) then
        report.tests = report.tests + 1
        report[status] = report[status] + 1
        local also = told_of[element] or {}
        if status == "failure" or status == "error" then
            for i = #also, 1, -1 do -- the one that is told as the message
                if also[i] == last[status].message then
                    table.remove(also, i)
                    break
                end
            end
        end
        local more = {
            status = status, also = #also > 0 and also or nil, seconds = element.duration or 0,
            pending = status == "pending" and waiting[element] or nil,
        }
        host.event("test_end", told(element, more, last[status] or {}))
    end
    told_of[element] = nil
    return nil, true
end

local function on_problem(status)
    return function(element, parent, message, trace, detail)
        local problem = problem_of(parent, message, trace, detail)
        last[status] = problem
        if element.descriptor == "it" and told_of[element] then
            table.insert(told_of[element], problem.message)
        else -- around a test, or in somebody who is told of its end
            last["error"] = problem
            report["error"] = report["error"] + 1
            if not element.trace and trace then -- a block of a helper, or a file
                problem.short, problem.line = trace.short_src, trace.currentline
            end
            host.event("problem", told(element, {status = "error"}, problem))
        end
        return nil, true
    end
end

-- Begins to tell. options: suppress_pending
function report.begin(options)
    suppress_pending = options.suppress_pending
    local first = {priority = 1}
    bus.subscribe({"test", "start"}, on_start, first)
    bus.subscribe({"test", "end"}, on_end, first)
    bus.subscribe({"pending"}, function(element, _, message)
        waiting[element] = message
        return nil, true
    end, first)
    bus.subscribe({"failure"}, on_problem "failure", first)
    bus.subscribe({"error"}, on_problem "error", first)
    for _, kind in ipairs {"file", "describe"} do
        local word = kind == "file" and "file" or "block"
        bus.subscribe({kind, "start"}, function(element)
            host.event(word .. "_start", element_of(element))
            return nil, true
        end, first)
        bus.subscribe({kind, "end"}, function(element)
            host.event(word .. "_end", told(element, {seconds = element.duration or 0, tests = report.tests}))
            return nil, true
        end, first)
    end
end

-- For --list: a test's place and name.
function report.list(element)
    if not hides(element) then
        report.tests = report.tests + 1
        host.event("test_listed", element_of(element))
    end
end

function report.finish()
    host.event("done", {
        tests = report.tests, successes = report.success, failures = report.failure, errors = report["error"],
        pendings = report.pending,
    })
end

return report
