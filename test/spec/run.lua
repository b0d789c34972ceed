-- run.lua: the spec runner under a stock lua5.4, with files instead of an engine, printing TAP. For the runner's own
-- tests and for a quick look; `alertspawner spec` is the real thing.
--
--      lua5.4 test/spec/run.lua [OPTION]... FILE...        options as busted's, see parse() below
--
-- Policies under test are asked through policy-probe when POLICY_PROBE names it.

local here = string.match(arg[0], "^(.*)/[^/]*$") or "."
local directory = os.getenv "SPEC_LUA" or here .. "/../../lua/spec"

local function slurp(path)
    local f = io.open(path, "rb")
    local text = f and f:read "a"
    if f then f:close() end
    return text
end

local function new_runner()
    local loaded = {}
    local function need(name)
        if loaded[name] == nil then
            local text = assert(slurp(directory .. "/" .. name .. ".lua"), "there is no " .. name .. ".lua")
            loaded[name] = assert(load(text, "=(spec) " .. name .. ".lua", "t"))(need)
        end
        return loaded[name]
    end
    return need "main"
end

-- What the engine does

local options = {mode = "run", timeout = 2, tags = {}, exclude_tags = {}, filter = {}, filter_out = {}, name = {}, helpers = {},
    helper_args = {}, seed = 1, file = nil}
local files, verbose, rounds = {}, false, 1

local function add(list, text, comma)
    for part in string.gmatch(text, comma and "[^,]+" or ".+") do list[#list + 1] = part end
end

-- Words as busted has them: "--tags=a,b" or "--tags a,b".
local FLAGS = {
    ["-v"] = function() verbose = true end,
    ["--list"] = function() options.mode = "list" end,
    ["--shuffle-tests"] = function() options.shuffle = true end,
    ["--sort-tests"] = function() options.sort = true end,
    ["--lazy"] = function() options.lazy = true end,
    ["--no-keep-going"] = function() options.keep_going = false end,
    ["--suppress-pending"] = function() options.suppress_pending = true end,
    ["--exact-tags"] = function() options.exact_tags = true end,
}
local VALUES = {
    ["--seed"] = function(text) options.seed = tonumber(text) end,
    ["--timeout"] = function(text) options.timeout = tonumber(text) end,
    ["--repeat"] = function(text) rounds = tonumber(text) end,
    ["--tags"] = function(text) add(options.tags, text, true) end,
    ["--exclude-tags"] = function(text) add(options.exclude_tags, text, true) end,
    ["--filter"] = function(text) add(options.filter, text) end,
    ["--filter-out"] = function(text) add(options.filter_out, text) end,
    ["--name"] = function(text) add(options.name, text) end,
    ["--helper"] = function(text)
        options.helpers[#options.helpers + 1] = {name = text, source = assert(slurp(text), text)}
    end,
    ["-Xhelper"] = function(text) add(options.helper_args, text, true) end,
    ["-o"] = function() end, ["--pattern"] = function() end,
}

local function parse(words)
    local i = 1
    while words[i] do
        local name, value = string.match(words[i], "^(%-%-[%w-]+)=(.*)$")
        name = name or words[i]
        if FLAGS[name] then
            FLAGS[name]()
        elseif VALUES[name] then
            if not value then
                i = i + 1
                value = words[i]
            end
            VALUES[name](value)
        else
            files[#files + 1] = words[i]
        end
        i = i + 1
    end
end

local counter, failed = 0, 0
local host = {null = setmetatable({}, {__tostring = function() return "null" end})}

local function print_failure(e)
    failed = failed + 1
    print(string.format("not ok %d - %s", counter, e.name))
    if e.short then
        print("# " .. e.short .. " @ " .. e.line)
    end
    if e.seed then
        print("# Random seed: " .. e.seed)
    end
    print("# Failure message: " .. (string.gsub(e.message, "\n", "\n# ")))
    if verbose and e.trace then
        print("# " .. (string.gsub(e.trace, "\n", "\n# ")))
    end
end

local events = {}
function events.test_start(e)
    if verbose and e.short then
        print("# " .. e.short .. " @ " .. e.line .. ": " .. e.name)
    end
end
function events.test_end(e)
    counter = counter + 1
    if e.status == "success" then
        print(string.format("ok %d - %s", counter, e.name))
    elseif e.status == "pending" then
        print(string.format("ok %d - # SKIP %s", counter, e.pending or e.name))
    else
        print_failure(e)
    end
end
function events.problem(e)
    counter = counter + 1
    print_failure(e)
end
function events.test_listed(e) print(e.file .. ":" .. e.line .. ": " .. e.name) end
function events.warning(e) io.stderr:write(e.file, ":", e.line, ": warning: ", e.message, "\n") end
function events.helper_error(e)
    io.stderr:write("cannot run the helper ", e.file, ": ", e.message, "\n")
    os.exit(2)
end
function host.event(kind, e)
    if events[kind] then
        events[kind](e)
    end
end

local spec_directory
local FOLDERS = {
    policy = {"%s", os.getenv "POLICY_DIR" or "policies"}, fixture = {"%s", "%s/fixtures"}, golden = {"%s"}, spec = {"%s"},
    module = {false},
}
function host.read(path, how)
    for _, folder in ipairs(FOLDERS[how or "spec"]) do
        local at = folder and string.gsub(folder, "%%s", spec_directory) .. "/" .. path or path
        local text = slurp(at)
        if text then
            return text, at
        end
    end
    return nil, "No such file or directory"
end
function host.write_golden() return nil, "goldens are written with --update-golden only" end
function host.print(text, stream) io[stream or "stdout"]:write(text) end
function host.compile(text, name, environment) return load(text, name, "t", environment) end
local system = pcall(require, "system") and require "system" or {}
host.now = system.monotime or os.clock
host.time = system.gettime or os.time
local deadline
function host.expired() return deadline ~= nil and host.now() > deadline end
function host.guard(seconds, handler, f)
    local outer = deadline
    deadline = seconds and host.now() + seconds or outer
    local function late()
        if host.expired() then
            debug.sethook(late, "", 1)
            error(string.format("the test ran longer than %g s", seconds or 0), 2)
        end
    end
    if seconds then
        debug.sethook(late, "", 1000)
    end
    local results = table.pack(xpcall(f, function(e)
        debug.sethook()
        return handler(e)
    end))
    debug.sethook()
    deadline = outer
    return table.unpack(results, 1, results.n)
end
function host.userdata(metatable) return debug.setmetatable(io.tmpfile(), metatable) end

-- Policies, by policy-probe

local function probe(request)
    local json = require "dkjson"
    local program = os.getenv "POLICY_PROBE" or error("POLICY_PROBE does not name policy-probe", 0)
    local path = os.tmpname()
    local f = assert(io.open(path, "wb"))
    f:write(json.encode(request), "\n")
    f:close()
    local pipe = assert(io.popen(string.format("'%s' < '%s' 2>&1", program, path)))
    local text = pipe:read "a"
    pipe:close()
    os.remove(path)
    local answer = json.decode(text)
    return type(answer) == "table" and answer or error(text, 0)
end
local function object(t)
    return t and setmetatable(t, {__jsontype = "object"})
end
local sessions = {}
function host.session(setup)
    local answer = probe {
        files = object(setup.files), named = setup.named, config = object(setup.config), lint = setup.lint,
    }
    sessions[#sessions + 1] = setup
    return #sessions, answer
end
function host.ask(id, question)
    local json, request = require "dkjson", {}
    for k, v in pairs(sessions[id]) do request[k] = v end
    for k, v in pairs(question) do request[k] = v end
    object(request.files)
    request.config, request.state, request.created = object(request.config), object(request.state), object(request.created)
    request.alert = json.decode(request.alert)
    for _, list in ipairs {"group", "firing"} do
        for i, text in ipairs(request[list] or {}) do request[list][i] = json.decode(text) end
    end
    return probe(request)
end
function host.free(id) sessions[id] = false end
function host.moment(text)
    local ok, answer = pcall(probe, {moment = text})
    return ok and answer.moment or nil, not ok and answer or nil
end
function host.fingerprint(labels)
    local names, h = {}, 0xcbf29ce484222325
    for name in pairs(labels) do names[#names + 1] = name end
    table.sort(names)
    local function add_text(s)
        for i = 1, #s do h = (h ~ s:byte(i)) * 0x100000001b3 end
        h = (h ~ 0xff) * 0x100000001b3
    end
    for _, name in ipairs(names) do
        add_text(name)
        add_text(labels[name])
    end
    return string.format("%016x", h)
end

parse(arg)
options.cwd = os.getenv "PWD"
for round = 1, rounds do
    counter = 0
    for _, file in ipairs(files) do
        if failed > 0 and options.keep_going == false then
            break
        end
        spec_directory = string.match(file, "^(.*)/[^/]*$") or "."
        options.file, options.source = file, assert(slurp(file), "cannot read " .. file)
        options.round, options.rounds = round, rounds
        new_runner()(host, options)
    end
    if options.mode ~= "list" then
        print("1.." .. counter)
    end
end
os.exit(failed == 0 and 0 or 1)
