-- lifecycle: how elements run: setup, before_each, the test, finally, after_each, teardown.
--
-- A setup that fails skips what stands in its block; a before_each that fails skips the test (after_each is run for the
-- blocks whose before_each were all right). Teardown and after_each always run.

local need = ...
local bus, clock, failure, guard, order, tree, words =
    need "bus", need "clock", need "failure", need "guard", need "order", need "tree", need "words"

local lifecycle = {
    stop = false,   -- nothing more is run
    sort = false, shuffle = false, seed = 0,
}

-- Runs a function of a block, such as a before_each. Is all well?
local function run_support(element)
    words.reject_all(element)
    return guard.run(element.descriptor, element.run, element) == "success"
end

-- Runs all `descriptor`s that stand in the block, whatever becomes of them. Is all well?
local function run_own(descriptor, block)
    local fine = true
    for _, element in ipairs(block[descriptor] or {}) do
        fine = run_support(element) and fine
    end
    return fine
end

-- lazy_setup of the block and of those around it, once. Is all well?
local function lazy_setup(block)
    local outer = tree.parent(block)
    if outer and not lazy_setup(outer) then
        return false
    end
    block.lazy_setup = block.lazy_setup or {}
    local list = block.lazy_setup
    if list.success == nil then
        list.success = run_own("lazy_setup", block)
    end
    return list.success
end

local function lazy_teardown(block)
    if block.lazy_setup and block.lazy_setup.success ~= nil then
        run_own("lazy_teardown", block)
        block.lazy_setup.success = nil
    end
end

-- before_each from the outermost block inwards. Is all well, and the innermost block whose before_each were run.
local function before_each(block)
    local outer = tree.parent(block)
    if outer then
        local fine, reached = before_each(outer)
        if not fine then
            return false, reached
        end
    end
    return run_own("before_each", block), block
end

-- after_each from the block outwards.
local function after_each(block)
    while block do
        run_own("after_each", block)
        block = tree.parent(block)
    end
end

-- Runs what stands in an element.
function lifecycle.run_children(element)
    for _, child in ipairs({table.unpack(tree.children(element))}) do
        local run = words.executors[child.descriptor]
        if run and not lifecycle.stop then
            tree.push(child)
            run(child)
            tree.pop()
        end
    end
end

-- setup, the children, teardown.
function lifecycle.run_block(element)
    if run_own("strict_setup", element) then
        lifecycle.run_children(element)
    end
    lazy_teardown(element)
    run_own("strict_teardown", element)
end

-- Runs the body of a block, which defines what stands in it, and then that.
local function run_body(element)
    local shuffle, seed = lifecycle.shuffle, lifecycle.seed
    tree.set(element, "randomize", function(...)
        local first, second = ...
        shuffle = select("#", ...) == 0 or first
        if shuffle then
            seed = tonumber(first) or tonumber(second) or seed
        end
    end)
    if guard.run(element.descriptor, element.run, element) ~= "success" then
        return
    end
    local list = tree.children(element)
    if lifecycle.sort then
        order.sort(list)
    elseif shuffle then
        element.randomseed = seed
        order.shuffle(list, seed)
    end
    lifecycle.run_block(element)
end

function words.executors.file(file)
    if guard.publish("file", {"file", "start"}, file) then
        run_body(file)
    end
    guard.publish("file", {"file", "end"}, file)
end

function words.executors.describe(block)
    local outer = tree.parent(block)
    if guard.publish("describe", {"describe", "start"}, block, outer) then
        run_body(block)
    end
    guard.publish("describe", {"describe", "end"}, block, outer)
end

-- The first failure or error counts; a test that is left by pending() is pending unless something fails after it.
local function worse(status, new)
    if status == "success" or (status == "pending" and new ~= "success") then
        return new
    end
    return status
end

local function run_test(test, block)
    local finally
    words.reject_all(test)
    tree.set(test, "finally", function(f) finally = f end)
    tree.set(test, "pending", failure.pending)
    local fine, reached = before_each(block)
    if fine then
        local status = "error"
        if guard.publish("test", {"test", "start"}, test, block) then
            status = guard.run("it", test.run, test)
            if finally then
                words.reject(test, "pending")
                status = worse(status, (guard.run("finally", finally, test)))
            end
        end
        guard.publish("test", {"test", "end"}, test, block, status)
    end
    after_each(reached)
end

words.executors["it"] = function(test)
    local block = tree.parent(test)
    if lazy_setup(block) then
        local now = clock.save()
        run_test(test, block)
        clock.restore(now)
    end
end

function words.executors.pending(test)
    local block = tree.parent(test)
    local started = guard.publish("it", {"test", "start"}, test, block)
    guard.publish("it", {"test", "end"}, test, block, started and "pending" or "error")
end

-- Defines the words. options: lazy (setup and teardown are the lazy ones).
function lifecycle.define_words(options)
    words.register("describe", "describe")
    words.register("context", "describe", nil, true)
    words.register("insulate", "describe", {envmode = "insulate"}, true)
    words.register("expose", "describe", {envmode = "expose"}, true)
    words.register("it", "it")
    words.register("spec", "it", nil, true)
    words.register("test", "it", nil, true)
    words.register("pending", "pending", {default_fn = function() end})
    for _, word in ipairs {"before_each", "after_each", "lazy_setup", "lazy_teardown", "strict_setup", "strict_teardown"} do
        words.register(word, word, {envmode = "unwrap"})
    end
    local kind = options.lazy and "lazy_" or "strict_"
    words.register("setup", kind .. "setup", {envmode = "unwrap"}, true)
    words.register("teardown", kind .. "teardown", {envmode = "unwrap"}, true)
end

-- Stops the run after a failure.
function lifecycle.stop_on_failure()
    for _, status in ipairs {"error", "failure"} do
        bus.subscribe({status}, function()
            lifecycle.stop = true
            return nil, true
        end, {priority = 1})
    end
end

return lifecycle
