-- Errors of a template, told from faults of the machine.
--
-- A template's own error is thrown as a table with the text in `text`; fail.guard catches it. All else (a
-- fault in this engine, "not enough memory", the host's instruction budget) passes through guard untouched,
-- for the host.
local fail = {}

local mark = {}

function fail.throw(text)
    error(setmetatable({text = text}, mark), 0)
end

-- guard(deep, f, ...) is f(...), or nil and the text of the template's error. deep is the error's text when
-- the template is nested so deeply that Lua's stack is full.
function fail.guard(deep, f, ...)
    local ok, result = pcall(f, ...)
    if ok then
        return result
    end
    if getmetatable(result) == mark then
        return nil, result.text
    end
    if type(result) == "string" and string.find(result, "stack overflow", 1, true) then
        return nil, deep
    end
    error(result, 0)
end

return fail
