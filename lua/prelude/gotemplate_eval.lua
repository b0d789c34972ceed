-- Pipelines, commands and their arguments, evaluated (package text/template, exec.go).
--
-- A state s is {tmpl, name, node, names, values, top, base, depth, steps, limits}. s.node is the node that an
-- error names, and it is simply the last one that was set: the assignments stand where Go's stand, so
-- that errors point where Go's point. Variables are names[base..top] and values[base..top]; the first is "$".
local M = ...
local eval = {}

local value, node = M.gotemplate_value, M.gotemplate_node
local quote, funcs = M.gotemplate_quote, M.gotemplate_funcs
local throw = M.gotemplate_fail.throw
local kind_of, type_name, concrete = value.kind, value.type_name, value.concrete
local INVALID, MISSING, NIL_INTERFACE = value.INVALID, value.MISSING, value.NIL_INTERFACE

-- Line and column (from 0, in bytes) of a byte of the text.
local function position(text, pos)
    local before = string.sub(text, 1, pos)
    local _, newlines = string.gsub(before, "\n", "")
    local column = #string.match(before, "[^\n]*$")
    return newlines + 1, column
end

-- Throw an error as Go words it, with the place and the node it happened at.
function eval.fail(s, text)
    local line, column = position(s.tmpl.text, s.node.pos)
    throw(string.format("template: %s:%d:%d: executing %s at <%s>: %s", s.tmpl.name, line, column,
        quote.quote(s.name), node.text(s.node), text))
end
local fail = eval.fail

-- Count n steps against the limit.
local function tick(s, n)
    local steps = s.steps + n
    s.steps = steps
    if steps > s.limits.steps then
        throw(s.limits.prefix .. "gave up after " .. s.limits.steps .. " steps")
    end
end
eval.tick = tick

function eval.push(s, name, v)
    local top = s.top + 1
    s.top = top
    s.names[top], s.values[top] = name, v
end

-- Forget the variables above mark, which s.top was once.
function eval.pop(s, mark)
    for i = s.top, mark + 1, -1 do
        s.names[i], s.values[i] = nil, nil
    end
    s.top = mark
end

local function find_variable(s, name)
    for i = s.top, s.base, -1 do
        if s.names[i] == name then
            return i
        end
    end
    fail(s, "undefined variable: " .. name)
end

function eval.set(s, name, v)
    s.values[find_variable(s, name)] = v
end

local evaluate_argument, evaluate_pipeline

local function refuse_arguments(s, args, final)
    if args and #args > 1 or final ~= MISSING then
        fail(s, "can't give argument to non-function " .. node.text(args[1]))
    end
end

-- receiver.name: an element of a map. There are no methods, so arguments are always wrong.
local function evaluate_field(s, name, has_args, receiver)
    if receiver == INVALID then
        fail(s, "nil data; no entry for key " .. quote.quote(name))
    elseif receiver == NIL_INTERFACE then
        fail(s, "nil pointer evaluating interface {}." .. name)
    end
    local inner = concrete(receiver)
    if kind_of(inner) ~= "map" then
        fail(s, "can't evaluate field " .. name .. " in type " .. type_name(receiver))
    elseif has_args then
        fail(s, name .. " is not a method but has arguments")
    end
    local v = value.field(inner, name)
    if not v then
        fail(s, "map has no entry for key " .. quote.quote(name))
    end
    return v
end

-- receiver.a.b.c with the names from ident[first] on; only the last may seem to have arguments.
local function evaluate_chain(s, receiver, ident, first, args, final)
    local has_args = args and #args > 1 or final ~= MISSING
    for i = first, #ident do
        receiver = evaluate_field(s, ident[i], has_args and i == #ident, receiver)
    end
    return receiver
end

local function evaluate_variable(s, n, args, final)
    s.node = n
    local v = s.values[find_variable(s, n.ident[1])]
    if #n.ident == 1 then
        refuse_arguments(s, args, final)
        return v
    end
    return evaluate_chain(s, v, n.ident, 2, args, final)
end

local function evaluate_constant(s, n)
    if n.type ~= "number" then
        return n.value
    end
    s.node = n
    if not n.value then
        fail(s, n.text .. " overflows int")
    end
    return n.value
end

-- v as an argument: "value" takes all, "any" the concrete value, "string" a string.
local function convert(s, v, param)
    if param == "value" then
        return v
    elseif param == "any" then
        return value.any(v)
    end
    if v == INVALID then
        fail(s, "invalid value; expected string")
    end
    local inner = v == NIL_INTERFACE and v or concrete(v)
    if type(inner) ~= "string" then
        fail(s, "wrong type for value; expected string; got " .. type_name(inner))
    end
    return inner
end

-- and, or: the first argument that decides, or the last; the rest is not evaluated.
local function evaluate_and_or(s, dot, name, args, final)
    local v
    for i = 2, #args do
        v = evaluate_argument(s, dot, "value", args[i])
        if value.truth(v) == (name == "or") then
            return v
        end
    end
    if final ~= MISSING then
        v = final
    end
    return v
end

-- How `call` names what it was asked to call.
local function callee_name(args, final)
    if #args > 1 then
        return node.text(args[2])
    elseif type(final) == "string" then
        return final
    elseif final == INVALID then
        return "<invalid Value>"
    end
    return "<" .. type_name(final) .. " Value>"
end

local function check_count(s, name, f, given, total)
    if not f.max then
        if total < f.min then
            fail(s, "wrong number of args for " .. name .. ": want at least " .. f.min .. " got " .. given)
        end
    elseif total ~= f.max then
        fail(s, "wrong number of args for " .. name .. ": want " .. f.max .. " got " .. total)
    end
end

local no_args = {}

-- A function: identifier n, args[2..], and what came through the pipe. at: the node its own errors name.
local function evaluate_function(s, dot, n, at, args, final)
    s.node = n
    tick(s, 1)
    local name = n.name
    local f = funcs[name]
    args = args or no_args
    local given = #args > 0 and #args - 1 or 0
    local total = given + (final ~= MISSING and 1 or 0)
    check_count(s, name, f, given, total)
    if not f.call then
        return evaluate_and_or(s, dot, name, args, final)
    end
    local values = {n = total}
    for i = 1, given do
        local param = f.params
        if param == "format" then
            param = i == 1 and "string" or "any"
        end
        values[i] = evaluate_argument(s, dot, param, args[i + 1])
    end
    if final ~= MISSING then
        local param = f.params
        if param == "format" then
            param = total == 1 and "string" or "any"
        end
        values[total] = convert(s, final, param)
    end
    if name == "call" then
        values.name = callee_name(args, final)
    end
    local result, err = f.call(s.limits, values)
    if err then
        s.node = at
        fail(s, "error calling " .. name .. ": " .. err)
    elseif type(result) == "string" then
        tick(s, #result // 256) -- time is bytes, too
    end
    return result
end

local function evaluate_chain_node(s, dot, n, args, final)
    s.node = n
    if n.node.type == "nil" then
        fail(s, "indirection through explicit nil in " .. node.text(n))
    end
    return evaluate_chain(s, evaluate_argument(s, dot, "value", n.node), n.field, 1, args, final)
end

evaluate_argument = function(s, dot, param, n)
    s.node = n
    local kind = n.type
    if kind == "dot" then
        return convert(s, dot, param)
    elseif kind == "nil" then
        if param == "string" then
            fail(s, "cannot assign nil to string")
        end
        return convert(s, INVALID, param)
    elseif kind == "field" then
        return convert(s, evaluate_chain(s, dot, n.ident, 1, nil, MISSING), param)
    elseif kind == "variable" then
        return convert(s, evaluate_variable(s, n, nil, MISSING), param)
    elseif kind == "pipe" then
        return convert(s, evaluate_pipeline(s, dot, n), param)
    elseif kind == "identifier" then
        return convert(s, evaluate_function(s, dot, n, n, nil, MISSING), param)
    elseif kind == "chain" then
        return convert(s, evaluate_chain_node(s, dot, n, nil, MISSING), param)
    elseif param == "string" and kind ~= "string" then
        fail(s, "expected string; found " .. node.text(n))
    end
    return evaluate_constant(s, n)
end

local function evaluate_command(s, dot, n, final)
    local word = n.args[1]
    local kind = word.type
    tick(s, 1)
    if kind == "field" then
        s.node = word
        return evaluate_chain(s, dot, word.ident, 1, n.args, final)
    elseif kind == "chain" then
        return evaluate_chain_node(s, dot, word, n.args, final)
    elseif kind == "identifier" then
        return evaluate_function(s, dot, word, n, n.args, final)
    elseif kind == "pipe" then
        refuse_arguments(s, n.args, final)
        return evaluate_pipeline(s, dot, word)
    elseif kind == "variable" then
        return evaluate_variable(s, word, n.args, final)
    end
    s.node = word
    refuse_arguments(s, n.args, final)
    if kind == "dot" then
        return dot
    elseif kind == "nil" then
        fail(s, "nil is not a command")
    end
    return evaluate_constant(s, word)
end

-- The value of a pipeline, never an interface. The variables it declares are pushed: pop them when done.
evaluate_pipeline = function(s, dot, pipe)
    s.node = pipe
    local v = MISSING
    for _, command in ipairs(pipe.cmds) do
        v = concrete(evaluate_command(s, dot, command, v))
    end
    for _, variable in ipairs(pipe.decl) do
        if pipe.assign then
            eval.set(s, variable.ident[1], v)
        else
            eval.push(s, variable.ident[1], v)
        end
    end
    return v
end
eval.pipeline = evaluate_pipeline

return eval
