-- Tokens into a tree, after Lua's own parser (lparser.c), so that both accept the same sources.
--
-- A node is {tag = ..., line = ...}. Whatever can grow into a long chain to the left (calls, fields, operators
-- of one rank) hangs on the field `left`, so that a walk needs no recursion for it; all other nesting is
-- bounded by DEPTH_MAX, as in Lua.
--
--   expressions  nil true false vararg | number, string: value | name: name, var | paren: value
--                index: left, key | call: left, args | method: left, name, args | op: op, left, right
--                unary: op, value | table: items {name or key, value, line} | function: params, body, last
--   statements   local: vars, values | assign: targets, values | call_statement: value | do: body | while: value, body
--                repeat: body, value | if: clauses {value, body}, otherwise | for: vars, values, body, each
--                return: values | break | goto | label
--
-- What it does not check, and Lua does: that a goto has its label, and how many locals, upvalues, constants
-- and registers there are.
local M = ...
local parser = {}

local scope, parse = M.lint_scope, M.lint_expression
local refuse, accept, expect, expect_name = parse.refuse, parse.accept, parse.expect, parse.expect_name
local expression, expressions, node = parse.expression, parse.expressions, parse.node
local function_body = parse.function_body

local BLOCK_END = {["else"] = true, ["elseif"] = true, ["end"] = true, eof = true, ["until"] = true}

local statement

local function statement_list(p)
    local list = {}
    while true do
        while accept(p, ";") do
            -- an empty statement is of no interest
        end
        local kind = p.kinds[p.at]
        if BLOCK_END[kind] then
            return list
        end
        list[#list + 1] = statement(p)
        if kind == "return" then
            return list
        end
    end
end

-- A block in a scope of its own, in which `vars` (a loop's) are declared.
local function block(p, vars)
    scope.open(p)
    for _, v in ipairs(vars or {}) do
        scope.declare_var(p, v)
    end
    local list = statement_list(p)
    scope.close(p)
    return list
end
parse.block = block

local function loop_block(p, vars, loop)
    local outside = p.loops
    p.loops = {loop = loop, func = p.func}
    local list = block(p, vars)
    p.loops = outside
    return list
end

local statements = {}

statements["if"] = function(p, s)
    s.clauses = {}
    repeat
        p.at = p.at + 1
        local clause = {value = expression(p)}
        expect(p, "then")
        clause.body = block(p)
        s.clauses[#s.clauses + 1] = clause
    until p.kinds[p.at] ~= "elseif"
    if accept(p, "else") then
        s.otherwise = block(p)
    end
    expect(p, "end", s.line)
end

statements["while"] = function(p, s)
    p.at = p.at + 1
    s.value = expression(p)
    expect(p, "do")
    s.body = loop_block(p, nil, s)
    expect(p, "end", s.line)
end

statements["do"] = function(p, s)
    p.at = p.at + 1
    s.body = block(p)
    expect(p, "end", s.line)
end

statements["for"] = function(p, s)
    p.at = p.at + 1
    s.vars = {scope.new_var(p, expect_name(p), s.line)}
    if accept(p, "=") then
        s.values = {expression(p)}
        expect(p, ",")
        s.values[2] = expression(p)
        if accept(p, ",") then
            s.values[3] = expression(p)
        end
    else
        while accept(p, ",") do
            s.vars[#s.vars + 1] = scope.new_var(p, expect_name(p), s.line)
        end
        expect(p, "in")
        s.each = true
        s.values = expressions(p)
    end
    expect(p, "do")
    s.body = loop_block(p, s.vars, s)
    expect(p, "end", s.line)
end

statements["repeat"] = function(p, s)
    p.at = p.at + 1
    local outside = p.loops
    p.loops = {loop = s, func = p.func}
    scope.open(p) -- the condition sees the block's locals
    s.body = statement_list(p)
    p.loops = outside
    expect(p, "until", s.line)
    s.value = expression(p)
    scope.close(p)
end

statements["function"] = function(p, s)
    p.at = p.at + 1
    local target = node(p, "name")
    target.name = expect_name(p)
    scope.resolve(p, target)
    local is_method = false
    while not is_method and (p.kinds[p.at] == "." or p.kinds[p.at] == ":") do
        is_method = p.kinds[p.at] == ":"
        p.at = p.at + 1
        target = {tag = "index", line = p.lines[p.at], left = target,
            key = {tag = "string", line = p.lines[p.at], value = expect_name(p)}}
    end
    s.tag = "assign"
    s.targets, s.values = {target}, {function_body(p, s.line, is_method)}
    scope.assign(p, target, s.values[1])
end

local function local_function(p, s)
    local v = scope.declare(p, expect_name(p), s.line)
    v.init = function_body(p, s.line)
    s.vars, s.values = {v}, {v.init}
end

statements["local"] = function(p, s)
    p.at = p.at + 1
    if accept(p, "function") then
        return local_function(p, s)
    end
    s.vars, s.values = {}, {}
    local closes = false
    repeat
        local v = scope.new_var(p, expect_name(p), s.line)
        s.vars[#s.vars + 1] = v
        if accept(p, "<") then
            v.attrib = expect_name(p)
            expect(p, ">")
            if v.attrib ~= "const" and v.attrib ~= "close" then
                refuse(p, "unknown attribute '" .. v.attrib .. "'")
            elseif v.attrib == "close" and closes then
                refuse(p, "more than one <close> variable in one local statement")
            end
            closes = closes or v.attrib == "close"
        end
    until not accept(p, ",")
    if accept(p, "=") then
        s.values = expressions(p)
    end
    for i, v in ipairs(s.vars) do
        v.init = s.values[i]
        scope.declare_var(p, v)
    end
end

statements["return"] = function(p, s)
    p.at = p.at + 1
    s.values = {}
    if not BLOCK_END[p.kinds[p.at]] and p.kinds[p.at] ~= ";" then
        s.values = expressions(p)
    end
    accept(p, ";")
    s.func = p.func
    if p.func.returns then
        p.func.returns[#p.func.returns + 1] = s
    else
        p.func.returns = {s}
    end
end

statements["break"] = function(p, s)
    if not p.loops or p.loops.func ~= p.func then
        refuse(p, "'break' outside a loop")
    end
    p.loops.loop.has_break = true
    p.at = p.at + 1
end

statements["goto"] = function(p, s)
    p.at = p.at + 1
    s.name = expect_name(p)
end

statements["::"] = function(p, s)
    p.at = p.at + 1
    s.tag, s.name = "label", expect_name(p)
    expect(p, "::")
end

local function check_target(p, target)
    if target.tag ~= "name" and target.tag ~= "index" then
        refuse(p, "only a variable or a field can be assigned to, near " .. parse.shown(p))
    end
    if target.var and target.var.attrib then
        refuse(p, "'" .. target.name .. "' is <" .. target.var.attrib .. "> and cannot be assigned to")
    end
end

local function expression_statement(p, s)
    local e = parse.suffixed(p)
    if p.kinds[p.at] ~= "=" and p.kinds[p.at] ~= "," then
        if e.tag ~= "call" and e.tag ~= "method" then
            refuse(p, "unexpected " .. parse.shown(p))
        end
        s.tag, s.value = "call_statement", e
        return
    end
    s.tag, s.targets = "assign", {e}
    check_target(p, e)
    while accept(p, ",") do
        local target = parse.suffixed(p)
        check_target(p, target)
        s.targets[#s.targets + 1] = target
        if #s.targets > parse.depth_max then
            refuse(p, "more than " .. parse.depth_max .. " variables are assigned to at once")
        end
    end
    expect(p, "=")
    s.values = expressions(p)
    for i, target in ipairs(s.targets) do
        scope.assign(p, target, s.values[i])
    end
end

function statement(p)
    parse.enter(p)
    local kind = p.kinds[p.at]
    local s = node(p, kind)
    if statements[kind] then
        statements[kind](p, s)
    else
        expression_statement(p, s)
    end
    parse.leave(p)
    return s
end

-- The main chunk as a function node. Raises lexer.Refusal.
function parser.parse(tokens)
    local main = {tag = "function", line = 1, params = {}, vararg = true}
    local p = {kinds = tokens.kinds, values = tokens.values, lines = tokens.lines, at = 1, depth = 0, func = main}
    scope.open(p, main)
    main.body = block(p)
    main.last = p.lines[p.at]
    if p.kinds[p.at] ~= "eof" then
        refuse(p, "unexpected " .. parse.shown(p))
    end
    main.uses_env = p.uses_env
    return main
end

return parser
