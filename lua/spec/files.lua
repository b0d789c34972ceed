-- files: what specs have for `io`: files that can be read where the engine allows it, what is printed, and no others.

local need = ...
local host = need "host"
local find, sub, byte = string.find, string.sub, string.byte

local files = {cwd = nil} -- the engine's working directory

local handle = {__name = "FILE*"}
handle.__index = handle

-- The state of an open file, by its userdata: {text, at, writable, print}; closed: false.
local states = setmetatable({}, {__mode = "k"})

local function new_handle(state)
    local h = host.userdata(handle)
    states[h] = state
    return h
end

local function state_of(h)
    return states[h] or error("attempt to use a closed file", 3)
end

local function read_line(state, keep)
    if state.at > #state.text then
        return nil
    end
    local stop = find(state.text, "\n", state.at, true)
    local line = sub(state.text, state.at, stop and (keep and stop or stop - 1) or -1)
    state.at = (stop or #state.text) + 1
    return line
end

local function read_number(state)
    local _, stop, text = find(state.text, "^%s*([-+]?[%w.]+)", state.at)
    local number = text and tonumber(text)
    if number then
        state.at = stop + 1
    end
    return number
end

local function read_one(state, format)
    if type(format) == "number" then
        if state.at > #state.text then
            return nil
        end
        local part = sub(state.text, state.at, state.at + format - 1)
        state.at = state.at + format
        return part
    end
    local kind = sub(string.gsub(format, "^%*", ""), 1, 1)
    if kind == "a" then
        local rest = sub(state.text, state.at)
        state.at = #state.text + 1
        return rest
    elseif kind == "l" or kind == "L" then
        return read_line(state, kind == "L")
    elseif kind == "n" then
        return read_number(state)
    end
    error("bad argument #1 to 'read' (invalid format)", 3)
end

function handle:read(...)
    local state, answers, n = state_of(self), {}, select("#", ...)
    if state.print then
        return nil, "Bad file descriptor", 9
    elseif n == 0 then
        return read_line(state)
    end
    for i = 1, n do
        answers[i] = read_one(state, (select(i, ...)))
        if answers[i] == nil then
            return table.unpack(answers, 1, i)
        end
    end
    return table.unpack(answers, 1, n)
end

function handle:lines(...)
    local formats = table.pack(...)
    state_of(self)
    return function() return self:read(table.unpack(formats, 1, formats.n)) end
end

function handle:write(...)
    local state = state_of(self)
    if not state.print and not state.writable then
        return nil, "Bad file descriptor", 9
    end
    for i = 1, select("#", ...) do
        local value = select(i, ...)
        if type(value) ~= "string" and type(value) ~= "number" then
            error("bad argument #" .. i .. " to 'write' (string expected, got " .. type(value) .. ")", 2)
        end
        if state.print then
            host.print(tostring(value), state.print)
        else
            state.text = sub(state.text, 1, state.at - 1) .. value .. sub(state.text, state.at + #tostring(value))
            state.at = state.at + #tostring(value)
        end
    end
    return self
end

function handle:seek(whence, offset)
    local state = state_of(self)
    local from = {set = 0, cur = state.at - 1, ["end"] = #state.text}
    state.at = math.max(0, (from[whence or "cur"] or 0) + (offset or 0)) + 1
    return state.at - 1
end

function handle:close()
    state_of(self)
    states[self] = false
    return true
end
function handle:flush() return self end
function handle.setvbuf() return true end
handle.__tostring = function(self) return states[self] and "file (0x0)" or "file (closed)" end

-- The text of a file that specs may read. A path below the working directory is asked for as from there.
function files.read(path)
    if files.cwd and sub(path, 1, #files.cwd + 1) == files.cwd .. "/" then
        path = sub(path, #files.cwd + 2)
    end
    local text, why = host.read(path, "module")
    if not text then
        if not why or sub(path, 1, 1) ~= "/" then -- what may not be read is not there; a whole path may want to know why
            return nil, path .. ": No such file or directory", 2
        end
        return nil, sub(why, 1, #path + 2) == path .. ": " and why or path .. ": " .. why, 2
    end
    return text
end

-- For libraries that look at paths: what of LuaFileSystem does without writing.
function files.lfs()
    local lfs = {_VERSION = "LuaFileSystem 1.8.0"}
    function lfs.currentdir() return files.cwd or "/" end
    function lfs.attributes(path, what)
        local text, why = files.read(path)
        if not text then
            return nil, why, 2
        end
        local about = {mode = "file", size = #text}
        return what and type(what) == "string" and about[what] or about
    end
    lfs.symlinkattributes = lfs.attributes
    for _, name in ipairs {"chdir", "dir", "link", "lock", "mkdir", "rmdir", "setmode", "touch", "unlock"} do
        lfs[name] = function() error("lfs." .. name .. ": specs have no file system", 2) end
    end
    return lfs
end

-- A table like Lua's io. Files are in memory; nothing is ever written to disk.
function files.io()
    local io = {
        stdout = new_handle {text = "", at = 1, print = "stdout"},
        stderr = new_handle {text = "", at = 1, print = "stderr"},
        stdin = new_handle {text = "", at = 1},
    }
    local output = io.stdout
    function io.open(path, mode)
        if find(mode or "r", "[wa+]") then
            return nil, path .. ": specs cannot write files", 13
        end
        local text, why, code = files.read(path)
        if not text then
            return nil, why, code
        end
        return new_handle {text = text, at = 1}
    end
    function io.tmpfile() return new_handle {text = "", at = 1, writable = true} end
    function io.lines(path, ...)
        if path == nil then
            return io.stdin:lines(...)
        end
        local h, why = io.open(path)
        return (h or error(why, 2)):lines(...)
    end
    function io.read(...) return io.stdin:read(...) end
    function io.write(...) return output:write(...) end
    function io.output(h)
        output = states[h] and h or output
        return output
    end
    function io.input() return io.stdin end
    function io.close(h) return (h or output):close() end
    function io.type(h)
        if states[h] == nil then
            return nil
        end
        return states[h] and "file" or "closed file"
    end
    return io
end

return files
