-- globals: everything that spec files have for _G, and why. The words (describe, assert ...) are not in here: they are
-- variables around a file, as all that specs set themselves.
--
-- A spec is the operator's own code and may do what busted's may, as far as it needs no file, process or network: the
-- process that it runs in has none. What stands here is what there is.

local need = ...
local files, frame, host = need "files", need "frame", need "host"

local globals = {table = {}}

local G = globals.table

-- {name, why}. A name with a dot is a function of a library that is a table of its own.
globals.list = {
    {"_G", "specs share values between tests by it"},
    {"_VERSION", "libraries look at it"},
    {"arg", "the helper's arguments"},
    {"assert", "Lua's own, for modules; spec files see the one that fails tests"},
    {"collectgarbage", "specs of caches collect"},
    {"coroutine", "pure"},
    {"debug", "what libraries ask about functions; no hooks, no registry, nothing of the runner's functions"},
    {"dofile", "files that specs may read"},
    {"error", "pure"},
    {"getmetatable", "pure"},
    {"io", "reads what specs may read, prints, writes nothing"},
    {"ipairs", "pure"},
    {"load", "text only, in these globals"},
    {"loadfile", "files that specs may read, text only"},
    {"math", "pure; random is seeded by --seed when tests are shuffled"},
    {"next", "pure"},
    {"os", "clock, date, difftime and time; getenv knows nothing, exit is an error"},
    {"package", "loaded, path, preload and searchpath; no C modules"},
    {"pairs", "pure"},
    {"pcall", "the end of a test's time passes through it"},
    {"print", "goes to the report"},
    {"rawequal", "pure"},
    {"rawget", "pure"},
    {"rawlen", "pure"},
    {"rawset", "pure"},
    {"require", "modules in Lua that specs may read, and those of busted"},
    {"select", "pure"},
    {"setmetatable", "pure"},
    {"string", "pure"},
    {"table", "pure"},
    {"tonumber", "pure"},
    {"tostring", "pure"},
    {"type", "pure"},
    {"utf8", "pure"},
    {"warn", "silent until warn '@on', as in lua"},
    {"xpcall", "as pcall"},
}

local function copy(t)
    local c = {}
    for k, v in pairs(t) do c[k] = v end
    return c
end

-- load(), for text, with _G as the default environment.
local function load_text(chunk, name, _, ...)
    if type(chunk) == "function" then
        local parts = {}
        for part in chunk do
            if part == "" then break end
            parts[#parts + 1] = part
        end
        chunk = table.concat(parts)
    elseif type(chunk) ~= "string" then
        error(frame.where(2) .. "bad argument #1 to 'load' (string expected, got " .. type(chunk) .. ")", 0)
    end
    local environment = ...
    if select("#", ...) == 0 then
        environment = G
    end
    return host.compile(chunk, name or chunk, environment)
end

local function load_file(path, _, ...)
    local text, why = files.read(path)
    if not text then
        return nil, "cannot open " .. why
    end
    return load_text(text, "@" .. path, "t", ...)
end

local function debug_library()
    local library = {}
    for _, name in ipairs {"getlocal", "getmetatable", "getupvalue", "setmetatable", "setupvalue", "traceback", "upvalueid",
        "upvaluejoin"} do
        library[name] = debug[name]
    end
    -- Levels count from the caller. The runner's own functions are not handed out.
    function library.getinfo(f, what, ...)
        local level = type(f) == "number"
        local info = debug.getinfo(level and f + 1 or f, what, ...)
        if level and info and info.func and string.find(debug.getinfo(info.func, "S").source, "^=%(spec%)") then
            info.func = nil
        end
        return info
    end
    return library
end

local function os_library()
    return {
        clock = os.clock, date = os.date, time = os.time,
        difftime = function(a, b) return (a - (b or 0)) + 0.0 end,
        getenv = function() return nil end,
        exit = function() error(frame.where(2) .. "os.exit would end the run: a spec cannot", 0) end,
        remove = function(path) return nil, path .. ": specs cannot remove files", 13 end,
        rename = function(path) return nil, path .. ": specs cannot rename files", 13 end,
        tmpname = function() error(frame.where(2) .. "os.tmpname: specs cannot write files; io.tmpfile is in memory", 0) end,
        setlocale = function() return "C" end,
    }
end

local function print_line(...)
    local texts = table.pack(...)
    for i = 1, texts.n do texts[i] = tostring(texts[i]) end
    host.print(table.concat(texts, "\t") .. "\n", "stdout")
end

local function new_warn()
    local on = false
    return function(...)
        local text = table.concat {...}
        if text == "@on" or text == "@off" then
            on = text == "@on"
        elseif on then
            host.print("Lua warning: " .. text .. "\n", "stderr")
        end
    end
end

-- Fills _G; `require` and `package` come from modules.lua.
function globals.build(modules)
    for _, name in ipairs {"_VERSION", "assert", "collectgarbage", "error", "getmetatable", "ipairs", "next", "pairs",
        "pcall", "rawequal", "rawget", "rawlen", "rawset", "select", "setmetatable", "string", "tonumber", "tostring", "type",
        "xpcall"} do
        G[name] = _G[name]
    end
    for _, name in ipairs {"coroutine", "math", "table", "utf8"} do G[name] = copy(_G[name]) end
    G._G, G.arg = G, {}
    G.debug, G.io, G.os = debug_library(), files.io(), os_library()
    G.load, G.loadfile = load_text, load_file
    function G.dofile(path)
        local f, why = load_file(path)
        return (f or error(why, 0))()
    end
    G.print = print_line
    G.warn = new_warn()
    G.require, G.package = modules.require, modules.package
    for _, name in ipairs {"coroutine", "debug", "io", "math", "os", "package", "string", "table", "utf8", "_G"} do
        modules.loaded[name] = G[name]
    end
    return G
end

return globals
