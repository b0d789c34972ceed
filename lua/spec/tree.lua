-- tree: the elements of a run (suite, file, describe, it, before_each ...) and their variables.
--
-- An element has a descriptor, a name, attributes, `run` (its function) and `trace` (where it stands); lists of what stands
-- in it under their descriptors; and `env`, the global variables that were set in it. A global variable is looked up in the
-- element that runs, then outwards, then in _G; it is set in the element that runs. attributes.envmode changes that:
--
--      "insulate"  what the element does to _G and package.loaded is taken back after it
--      "unwrap"    (before_each and the like) variables are set in the block around it
--      "expose"    variables are set two blocks further out, and the block around it does not insulate any more

local need = ...
local globals, modules = need "globals", need "modules"

local tree = {}

local root, current
local parents, children, stack, saved = {}, {}, {}, {}

-- Begins anew.
function tree.clear()
    root = {descriptor = "suite", attributes = {}, env = {}}
    current = root
    parents, children, stack, saved = {}, {}, {}, {}
end
tree.clear()

function tree.root() return root end
-- The element that runs.
function tree.current() return current end
function tree.parent(element) return parents[element] end
-- What stands in an element, in the order in which it will run. Never nil.
function tree.children(element) return children[element] or {} end

-- Puts a new element into the one that runs.
function tree.attach(element)
    parents[element] = current
    children[current] = children[current] or {}
    table.insert(children[current], element)
    local list = current[element.descriptor]
    if not list then
        list = {}
        current[element.descriptor] = list
    end
    list[#list + 1] = element
end

-- "suite describe it": the names outwards up to the file, which does not count.
function tree.full_name(element)
    local names = {tostring(element.name or element.descriptor)}
    local outer = parents[element]
    while outer and outer.descriptor ~= "file" do
        table.insert(names, 1, tostring(outer.name or outer.descriptor))
        outer = parents[outer]
    end
    return table.concat(names, " ")
end

-- The name that an element will have in the element that runs.
function tree.future_name(name)
    local outer = current
    if outer.descriptor == "file" then
        return tostring(name)
    end
    return tree.full_name(outer) .. " " .. tostring(name)
end

-- The file that an element stands in.
function tree.file_of(element)
    while element and element.descriptor ~= "file" do element = parents[element] end
    return element
end

-- The variables

local function look_up(element, key)
    while element do
        local value = element.env and element.env[key]
        if value then
            return value
        end
        element = parents[element]
    end
    return globals.table[key]
end

-- What spec files have for _ENV.
tree.env = setmetatable({}, {
    __index = function(_, key) return look_up(current, key) end,
    __newindex = function(_, key, value)
        current.env = current.env or {}
        current.env[key] = value
    end,
})

-- Sets a variable of an element.
function tree.set(element, key, value)
    element.env = element.env or {}
    element.env[key] = value
end

local function set_outside(element, levels)
    local outer = element
    for _ = 1, levels do outer = outer and parents[outer] end
    element.env = element.env or {}
    setmetatable(element.env, {__newindex = function(_, key, value)
        if outer then
            tree.set(outer, key, value)
        else
            globals.table[key] = value
        end
    end})
end

local function save()
    local g, loaded = {}, {}
    for k, v in next, globals.table do g[k] = v end
    for k, v in next, modules.loaded do loaded[k] = v end
    return {g = g, loaded = loaded, mt = debug.getmetatable(globals.table)}
end

local function put_back(t, was)
    for k in next, t do
        if was[k] == nil then
            rawset(t, k, nil)
        end
    end
    for k, v in next, was do rawset(t, k, v) end
end

local function restore(state)
    debug.setmetatable(globals.table, state.mt)
    put_back(globals.table, state.g)
    put_back(modules.loaded, state.loaded)
end

-- The element runs from now on.
function tree.push(element)
    if element ~= current then
        local mode = element.attributes.envmode
        if mode == "unwrap" then
            set_outside(element, 1)
        elseif mode == "expose" then
            set_outside(element, 2)
        end
        saved[#saved + 1] = mode == "insulate" and save() or false
    end
    stack[#stack + 1] = current
    current = element
end

-- ... and the one before it again.
function tree.pop()
    local ended = current
    current = table.remove(stack)
    if ended ~= current then
        local state = table.remove(saved)
        if ended.attributes.envmode == "expose" and saved[#saved] then
            saved[#saved] = save()
        end
        if state then
            restore(state)
        end
    end
end

return tree
