-- words: describe, it, before_each ... as spec files have them. A word defines an element in the block that runs.

local need = ...
local bus, filter, frame, host, tree = need "bus", need "filter", need "frame", need "host", need "tree"

local words = {
    api = {},       -- what `require "busted"` has
    executors = {}, -- by descriptor: what runs an element; nil for before_each and the like
}

local kinds = {}    -- by word: {descriptor, attributes, alias}
local unfinished = {} -- words that were given a name and await their function

-- For specs and for `require "busted"`.
function words.export(name, value)
    words.api[name] = value
    tree.set(tree.root(), name, value)
end

local function define(kind, name, f, trace)
    if not filter.accepts(kind.descriptor, name) then
        return
    end
    bus.publish({"register", kind.descriptor}, name, f, trace, kind.attributes)
end

bus.subscribe({"register"}, function() return nil, true end)

local function subscribe_definition(descriptor)
    bus.subscribe({"register", descriptor}, function(name, f, trace, attributes)
        tree.attach {descriptor = descriptor, attributes = attributes or {}, name = name, run = f, trace = trace}
    end)
end

local known = {}

-- Makes a word for elements of a descriptor. attributes: envmode (see tree.lua), default_fn (when none is given). `alias`:
-- elements without a name have the word as theirs.
function words.register(word, descriptor, attributes, alias)
    local kind = {descriptor = descriptor, attributes = attributes or {}}
    kinds[word] = kind
    if not known[descriptor] then
        known[descriptor] = true
        subscribe_definition(descriptor)
    end
    local function f(name, body)
        if not body and type(name) == "function" then
            name, body = alias and word or nil, name
        elseif not body then
            body = kind.attributes.default_fn
        end
        local trace = tree.parent(tree.current()) and frame.trace(name) or nil
        if body then
            return define(kind, name, body, trace)
        end
        local waiting = {word = word, name = name, trace = trace}
        unfinished[#unfinished + 1] = waiting
        return function(late)
            waiting.done = true
            if late then
                define(kind, name, late, trace)
            else
                waiting.done = false
            end
        end
    end
    words.export(word, f)
end

-- Warns of words that never got their function: they define nothing.
function words.warn_unfinished()
    for _, waiting in ipairs(unfinished) do
        if not waiting.done and waiting.trace then
            host.event("warning", {
                file = waiting.trace.short_src, line = waiting.trace.currentline,
                message = string.format("%s(%q) has no function: it defines nothing", waiting.word,
                    tostring(waiting.name)),
            })
        end
    end
    unfinished = {}
end

-- In this element the words are errors.
function words.reject(element, word)
    tree.set(element, word, function()
        error(frame.where(2) .. "'" .. word .. "' not supported inside current context block", 0)
    end)
end

function words.reject_all(element)
    words.reject(element, "randomize")
    for word in pairs(kinds) do
        if tree.root().env[word] then
            words.reject(element, word)
        end
    end
end

return words
