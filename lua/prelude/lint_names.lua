-- Globals: what is there is told by options.globals, the very environment that a policy gets.
local M = ...
local names = {visit = {}, enter = {}}

local scope = M.lint_scope

-- What to write instead, for those that are missed most.
local HINTS = {
    ["os.time"] = "use ctx.now",
    ["os.clock"] = "use ctx.now",
    ["os.date"] = "use time.format(ctx.now, ...)",
    ["os.getenv"] = "use ctx.config",
    os = "use ctx.now and time.*",
    io = "a policy reads and writes no files; use ctx.config",
    require = 'use include "lib_x" for lib_x.lua',
    dofile = 'use include "lib_x" for lib_x.lua',
    loadfile = 'use include "lib_x" for lib_x.lua',
    package = 'use include "lib_x" for lib_x.lua',
    load = "code is not made at run time in a policy",
    loadstring = "code is not made at run time in a policy",
    debug = "use ctx.note(name, value) to show a value",
    coroutine = "coroutines are not there in a policy; use a loop",
    xpcall = "use pcall",
    unpack = "use table.unpack",
    rawget = "index the table itself",
    rawset = "assign to the table itself",
    rawequal = "use ==",
    rawlen = "use #",
    collectgarbage = "memory is looked after",
    warn = "use ctx.note(name, value)",
    _G = "globals cannot be listed in a policy",
    ["math.random"] = "use hash.bucket(text, n): the same question gets the same answer",
    ["math.randomseed"] = "use hash.bucket(text, n)",
    ["string.dump"] = "code is not made at run time in a policy",
    ["table.getn"] = "use #",
    ["string.trim"] = "use text.trim",
    ["string.split"] = "use text.split",
    ["time.now"] = "use ctx.now",
    ["time.time"] = "use ctx.now",
}

-- "; use x" or "; did you mean 'x'?" or nothing.
local function hint(l, path, word, known)
    if HINTS[path] then
        return "; " .. HINTS[path]
    end
    return l.suggest(word, known)
end

local function is_checked(l)
    return l.options.globals and not l.main.uses_env
end

-- "os.time": the parent is seen before its left side.
function names.enter.index(e)
    if e.left.tag == "name" and e.key.tag == "string" then
        e.left.member = e.key.value
    end
end

function names.visit.name(e, l)
    if e.var or not is_checked(l) or l.options.globals[e.name] ~= nil then
        return
    end
    if e.target then
        if not l.written_globals[e.name] then
            l.written_globals[e.name] = true
            l.report("global_write", e.line, "'" .. M.lint_show(e.name) ..
                "' is a global, and globals are not kept; write local " .. M.lint_show(e.name))
        end
        return
    end
    local path = e.member and e.name .. "." .. e.member
    local shown = path and HINTS[path] and path or e.name
    l.absent[#l.absent + 1] = {name = e.name, line = e.line, shown = shown}
end

-- A use may stand before the assignment that makes the global, so all are looked at in the end.
function names.finish(l)
    for _, use in ipairs(l.absent) do
        if not l.written_globals[use.name] then
            l.report("absent_global", use.line, "'" .. M.lint_show(use.shown) .. "' does not exist in a policy" ..
                hint(l, use.shown, use.name, l.options.globals))
        end
    end
end

function names.visit.index(e, l)
    if not is_checked(l) or e.key.tag ~= "string" then
        return
    end
    local left = scope.constant(e.left)
    local library = left.tag == "name" and not left.var and l.options.globals[left.name]
    if type(library) ~= "table" or library[e.key.value] ~= nil then
        return
    end
    local path = left.name .. "." .. e.key.value
    if e.target then
        l.extended[path] = true
    elseif not l.extended[path] then
        l.report("absent_field", e.line, "'" .. M.lint_show(path) .. "' does not exist in a policy" ..
            hint(l, path, e.key.value, library))
    end
end

-- Writing over a global that is there.
function names.visit.assign(s, l)
    for _, target in ipairs(s.targets) do
        if target.tag == "name" and not target.var and is_checked(l) and l.options.globals[target.name] ~= nil then
            l.report("global_write", target.line, "'" .. target.name ..
                "' is a global of all policies and cannot be replaced; write local " .. target.name)
        end
    end
end

return names
