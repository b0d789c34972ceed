-- main: the runner. `run(host, options)` runs one spec file, lists its tests, reads a .busted file, orders or chooses file
-- names; what comes of it goes to host.event. See docs/specs.md.

local need = ...
local host = need "host"

local function run_statement(text, environment)
    local f, why = host.compile(text, "=(command line)", environment)
    return (f or error(why, 0))()
end

-- A helper script: it may define setup and the like for all files, subscribe, and answer a function of (busted, helper,
-- options).
local function run_helper(helper, options)
    local globals, api = need "globals", need "api"
    local before = globals.table.arg
    local arguments = {}
    for i, each in ipairs(options.helper_args or {}) do arguments[i] = each end
    globals.table.arg = arguments
    local f, why = host.compile(helper.source, "@" .. helper.name, globals.table)
    local answer = (f or error(why, 0))()
    if type(answer) == "function" then
        assert(answer(api.busted, helper.name, {verbose = options.verbose, arguments = arguments}))
    end
    globals.table.arg = before
end

local function define_file(file, source, options)
    local tree, bus = need "tree", need "bus"
    local f, why
    if string.find(file, "_cases%.json$") then
        f, why = need "cases".chunk(file, source)
    else
        f, why = host.compile(source, "@" .. file, tree.env)
    end
    if not f then
        bus.publish({"error", "file"}, {descriptor = "file", name = file}, nil, why, {})
        return
    end
    local mode = options.insulate ~= false and "insulate" or nil
    tree.attach {descriptor = "file", name = file, run = f, attributes = {envmode = mode}}
end

local function prepare(options)
    local globals, modules = need "globals", need "modules"
    need "files".cwd = options.cwd
    modules.prefix(options.lpath or {"./src/?.lua", "./src/?/?.lua", "./src/?/init.lua"})
    globals.build(modules)
    need "filter".set(options)
    need "guard".timeout = options.timeout and options.timeout > 0 and options.timeout or nil
    local lifecycle = need "lifecycle"
    lifecycle.sort, lifecycle.shuffle, lifecycle.seed = options.sort, options.shuffle, options.seed or 0
    need "api".offer(options)
    need "policies".export(options)
end

-- For --list: no function of a test, or of what is around it, is run.
local function list_only()
    local words, report = need "words", need "report"
    words.executors["it"] = report.list
    words.executors.pending = report.list
    for _, word in ipairs {"strict_setup", "strict_teardown", "lazy_setup", "lazy_teardown", "before_each", "after_each"} do
        need "bus".subscribe({"register", word}, function() return nil, false end, {priority = 1})
    end
end

-- Runs what is defined.
local function run_all(options)
    local guard, lifecycle, tree = need "guard", need "lifecycle", need "tree"
    local root, round, rounds = tree.root(), options.round or 1, options.rounds or 1
    if round > 1 then
        guard.publish("suite", {"suite", "reset"}, root, round, rounds)
    end
    if guard.publish("suite", {"suite", "start"}, root, round, rounds, options.shuffle and options.seed or nil) then
        lifecycle.run_block(root)
    end
    guard.publish("suite", {"suite", "end"}, root, round, rounds)
    need "bus".publish {"exit"}
end

local function run_specs(options)
    local report, tree = need "report", need "tree"
    prepare(options)
    if options.mode == "list" then
        list_only()
    else
        if options.keep_going == false then
            need "lifecycle".stop_on_failure()
        end
        report.begin(options)
    end
    for _, text in ipairs(options.statements or {}) do run_statement(text, need "globals".table) end
    for _, helper in ipairs(options.helpers or {}) do
        local ok, why = pcall(run_helper, helper, options)
        if not ok then
            host.event("helper_error", {file = helper.name, message = tostring(why)})
            return
        end
    end
    define_file(options.file, options.source, options)
    for _, more in ipairs(options.more_files or {}) do define_file(more.file, more.source, options) end
    if options.mode == "list" then
        need "lifecycle".run_children(tree.root())
    else
        run_all(options)
    end
    need "words".warn_unfinished()
    report.finish()
end

local function read_config(options)
    local merged, why = need "config".merge(options.file, options.source, options.task, options.cli)
    if merged then
        host.event("config", {options = merged})
    else
        host.event("config_error", {message = why})
    end
end

local function order_files(options)
    local order, list = need "order", {table.unpack(options.files)}
    if options.sort then
        table.sort(list)
    elseif options.shuffle then
        order.shuffle(list, options.seed)
    end
    host.event("order", {files = list})
end

local function match_files(options)
    local function fits(name, patterns)
        for _, pattern in ipairs(patterns) do
            if pattern ~= "" and string.find(name, pattern) then
                return true
            end
        end
        return false
    end
    local files = {}
    for _, file in ipairs(options.files) do
        local name = string.match(file, "([^/]*)$")
        if fits(name, options.patterns) and not fits(name, options.exclude or {}) then
            files[#files + 1] = file
        end
    end
    host.event("match", {files = files})
end

return function(given, options)
    for name, f in pairs(given) do host[name] = f end
    if options.mode == "config" then
        read_config(options)
    elseif options.mode == "order" then
        order_files(options)
    elseif options.mode == "match" then
        match_files(options)
    else
        run_specs(options)
    end
end
