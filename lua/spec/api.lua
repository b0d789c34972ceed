-- api: what specs get by `require`: busted, luassert, say, and a little of what comes with them.

local need = ...
local bus, failure, files, frame, host = need "bus", need "failure", need "files", need "frame", need "host"
local lifecycle, modules, tree, values, words =
    need "lifecycle", need "modules", need "tree", need "values", need "words"
local assert, match, mock, spy, stub = need "assertion", need "match", need "mock", need "spy", need "stub"
local call, compare, names, snapshot = need "call", need "compare", need "names", need "snapshot"

local api = {VERSION = "2.3.0"} -- whose behaviour it is

-- The function that is called when a callable is.
local function function_of(callable)
    return type(callable) == "function" and callable or (debug.getmetatable(callable) or {}).__call
end

-- Gives a function one more global variable.
local function bindfenv(callable, name, value)
    local f, i = function_of(callable), 1
    while true do
        local variable, environment = debug.getupvalue(f, i)
        if variable == "_ENV" then
            local own = setmetatable({[name] = value}, {__index = environment})
            debug.upvaluejoin(f, i, function() return own end, 1)
            return
        elseif not variable then
            return
        end
        i = i + 1
    end
end

local function sleep(seconds)
    local till = host.now() + seconds
    while host.now() < till do end
end

local function export_busted()
    for _, each in ipairs {{"assert", assert}, {"spy", spy}, {"mock", mock}, {"stub", stub}, {"match", match}} do
        words.export(each[1], each[2])
    end
    local functions = {
        publish = bus.publish, subscribe = bus.subscribe, unsubscribe = bus.unsubscribe, bindfenv = bindfenv,
        fail = failure.fail, gettime = host.time, monotime = host.now, sleep = sleep, parent = tree.parent,
        children = tree.children, version = api.VERSION,
    }
    for name, value in pairs(functions) do words.api[name] = value end
    api.busted = setmetatable({}, {
        __index = words.api, __newindex = function() error("Attempt to modify busted", 2) end,
    })
end

-- What people use of luassert.util.
local util = {
    pack = values.pack, unpack = values.unpack, callable = values.callable, hastostring = values.has_text,
    shallowcopy = values.shallow, tinsert = values.insert, tremove = values.remove, cleararglist = values.clear,
    make_arglist = values.list, is_arglist = values.is_list, copyargs = call.remember, matchargs = call.find_last,
    matchoncalls = call.find_first, extract_keys = names.read,
}
function util.deepcompare(a, b, ignore_eq) return compare.same(a, b, ignore_eq) end
function util.deepcopy(t, deep_metatables) return values.deep(t, deep_metatables, spy.is_spy) end
function util.errorlevel() return 2 end

local function binary_string(text)
    if type(text) ~= "string" then
        return nil
    end
    local lines = {"Binary string length; " .. #text .. " bytes\n"}
    for i = 1, #text, 16 do
        local hex, shown = {}, {}
        for j = i, math.min(i + 15, #text) do
            local byte = string.byte(text, j)
            hex[#hex + 1] = string.format("%2x ", byte)
            shown[#shown + 1] = byte < 32 and "." or string.char(byte)
        end
        local h, s = string.format("%-48s", table.concat(hex)), string.format("%-16s", table.concat(shown))
        lines[#lines + 1] = string.sub(h, 1, 24) .. "  " .. string.sub(h, 25) .. " " .. string.sub(s, 1, 8) .. " " ..
            string.sub(s, 9) .. "\n"
    end
    return table.concat(lines)
end

-- The directory of the spec that asks, and files relative to it.
local function fixtures(directory)
    local function refuse(text) error(frame.caller() .. text, 0) end
    local function check(name, value, optional)
        if type(value) ~= "string" and not (optional and value == nil) then
            refuse("bad argument to '" .. name .. "' expected a string (relative filename)" ..
                (optional and " or nil" or "") .. ", got: " .. type(value))
        end
    end
    local function path_of(name)
        local parts = {}
        for part in string.gmatch(directory .. "/" .. (name or ""), "[^/]+") do
            if part == ".." then
                table.remove(parts)
            elseif part ~= "." then
                parts[#parts + 1] = part
            end
        end
        return "/" .. table.concat(parts, "/")
    end
    local f = {}
    function f.path(name)
        check("path", name, true)
        return path_of(name)
    end
    function f.read(name)
        check("read", name)
        local text, why = files.read(path_of(name))
        if not text then
            refuse("Error reading file '" .. path_of(name) .. "': " .. why)
        end
        return text
    end
    function f.load(name)
        check("load", name)
        name = string.find(name, "%.lua$") and name or name .. ".lua"
        local chunk, why = host.compile(f.read(name), name, need "globals".table)
        if not chunk then
            refuse("Error loading code from '" .. name .. "': " .. why)
        end
        return chunk()
    end
    return f
end

local function directory_of(path)
    local directory = string.match(path, "^(.*)/[^/]*$") or "."
    return string.find(directory, "^/") and directory or (files.cwd or "") .. "/" .. directory
end

-- Makes it all available. options: file, lazy.
function api.offer(options)
    lifecycle.define_words(options)
    export_busted()
    local function offer(name, value) modules.offer(name, function() return value end) end
    offer("busted", api.busted)
    offer("busted.runner", function() return function() end end) -- it runs already
    offer("busted.compatibility", {unpack = values.unpack, loadstring = need "globals".table.load})
    modules.offer("busted.fixtures", function() return fixtures(directory_of(options.file or "")) end)
    offer("luassert", assert)
    offer("luassert.assert", assert)
    for _, name in ipairs {"assertions", "array", "modifiers", "matchers", "matchers.core", "matchers.composite", "formatters",
        "languages.en"} do
        offer("luassert." .. name, true)
    end
    offer("luassert.util", util)
    offer("luassert.match", match)
    offer("luassert.spy", spy)
    offer("luassert.stub", stub)
    offer("luassert.mock", mock)
    offer("luassert.namespaces", names)
    offer("luassert.state", {
        snapshot = snapshot.take, revert = snapshot.revert, add_formatter = snapshot.add_formatter,
        remove_formatter = snapshot.remove_formatter, format_argument = function(value, _, hints)
            return snapshot.format(value, hints)
        end, set_parameter = snapshot.set_parameter, get_parameter = snapshot.get_parameter, add_spy = snapshot.add_spy,
    })
    offer("luassert.formatters.binarystring", binary_string)
    offer("say", need "texts")
    offer("term", need "colour")
    offer("term.colors", need "colour".colors)
    modules.offer("lfs", function() return files.lfs() end)
    offer("system", {gettime = host.time, monotime = host.now, sleep = sleep})
end

return api
