-- Items into trees of nodes (package text/template/parse, parse.go).
--
-- One cursor per {{define}}, {{block}} and the template itself; they share the lexer and the set of trees.
-- Each has its own look-ahead, its variables and its depth in {{range}}: so "{{break}} outside {{range}}"
-- holds inside a block in a range.
local M = ...
local parser = {}

local cursor, node = M.gotemplate_cursor, M.gotemplate_node
local number, quote = M.gotemplate_number, M.gotemplate_quote
local next_item, peek = cursor.next, cursor.peek
local backup, backup2, backup3 = cursor.backup, cursor.backup2, cursor.backup3
local next_non_space, peek_non_space = cursor.next_non_space, cursor.peek_non_space
local fail, unexpected, expect = cursor.fail, cursor.unexpected, cursor.expect

local MAX_PARENTHESES = 10000 -- Go's
local MAX_NESTING = 10000 -- ours, of if, with, range and block: what fits into Lua's stack

local functions = {}
for name in string.gmatch("and call html index slice js len not or print printf println urlquery " ..
    "eq ge gt le lt ne", "%w+") do
    functions[name] = true
end

-- Enter the finished tree into the set.
local function add(t)
    local trees = t.shared.trees
    local old = trees[t.name]
    if not old or node.is_empty(old) then
        trees[t.name] = t.root
    elseif not node.is_empty(t.root) then
        fail(t, "template: multiple definition of template " .. quote.quote(t.name))
    end
end

local function unquote(t, item)
    local s = quote.unquote(item.val)
    if not s then
        fail(t, "invalid syntax")
    end
    return s
end

local pipeline

local function use_variable(t, item)
    for _, name in ipairs(t.vars) do
        if name == item.val then
            return {type = "variable", pos = item.pos, ident = {item.val}}
        end
    end
    fail(t, "undefined variable " .. quote.quote(item.val))
end

-- A literal, function, ".", ".Field", "$x" or parenthesized pipeline; nil when the next item begins none.
local function term(t)
    local item = next_non_space(t)
    local typ = item.typ
    if typ == "identifier" then
        if not functions[item.val] then
            fail(t, "function " .. quote.quote(item.val) .. " not defined")
        end
        return {type = "identifier", pos = item.pos, name = item.val}
    elseif typ == "." then
        return {type = "dot", pos = item.pos}
    elseif typ == "nil" then
        return {type = "nil", pos = item.pos}
    elseif typ == "variable" then
        return use_variable(t, item)
    elseif typ == "field" then
        return {type = "field", pos = item.pos, ident = {string.sub(item.val, 2)}}
    elseif typ == "bool" then
        return {type = "bool", pos = item.pos, value = item.val == "true"}
    elseif typ == "charconst" or typ == "complex" or typ == "number" then
        local value, err = number.parse(item.val, typ)
        if err then
            fail(t, err)
        end
        return {type = "number", pos = item.pos, text = item.val, value = value}
    elseif typ == "leftparen" then
        if t.depth >= MAX_PARENTHESES then
            fail(t, "max expression depth exceeded")
        end
        t.depth = t.depth + 1
        local pipe = pipeline(t, "parenthesized pipeline", "rightparen")
        t.depth = t.depth - 1
        return pipe
    elseif typ == "string" or typ == "rawstring" then
        return {type = "string", pos = item.pos, quoted = item.val, value = unquote(t, item)}
    end
    backup(t)
    return nil
end

local constants = {bool = true, string = true, number = true, ["nil"] = true, dot = true}

-- A term and the fields that follow it.
local function operand(t)
    local n = term(t)
    if not n or peek(t).typ ~= "field" then
        return n
    end
    local pos, fields = peek(t).pos, {}
    while peek(t).typ == "field" do
        fields[#fields + 1] = string.sub(next_item(t).val, 2)
    end
    if n.type == "field" or n.type == "variable" then
        table.move(fields, 1, #fields, #n.ident + 1, n.ident)
        n.pos = pos -- errors point at the second name
        return n
    elseif constants[n.type] then
        fail(t, "unexpected . after term " .. quote.quote(node.text(n)))
    end
    return {type = "chain", pos = pos, node = n, field = fields}
end

-- Operands up to "|", which is consumed, or the end of the pipeline, which is not.
local function command(t)
    local cmd = {type = "command", pos = peek_non_space(t).pos, args = {}}
    while true do
        peek_non_space(t)
        cmd.args[#cmd.args + 1] = operand(t)
        local item = next_item(t)
        if item.typ == "right" or item.typ == "rightparen" then
            backup(t)
            break
        elseif item.typ == "pipe" then
            break
        elseif item.typ ~= "space" then
            unexpected(t, item, "operand")
        end
    end
    if #cmd.args == 0 then
        fail(t, "empty command")
    end
    return cmd
end

local function declare(t, pipe, item)
    pipe.decl[#pipe.decl + 1] = {type = "variable", pos = item.pos, ident = {item.val}}
    t.vars[#t.vars + 1] = item.val
end

-- "$x :=", "$x =", "$i, $x :=" before a pipeline, if there.
local function declarations(t, pipe, context)
    while true do
        local v = peek_non_space(t)
        if v.typ ~= "variable" then
            return
        end
        next_item(t)
        -- A space counts as an item, so "$x foo" must be read up to foo to know that $x is an argument; the
        -- space is pushed back with it.
        local after = peek(t)
        local item = peek_non_space(t)
        if item.typ == "assign" or item.typ == "declare" then
            pipe.assign = item.typ == "assign"
            next_non_space(t)
            declare(t, pipe, v)
            return
        elseif item.typ == "char" and item.val == "," then
            next_non_space(t)
            declare(t, pipe, v)
            if context ~= "range" or #pipe.decl >= 2 then
                fail(t, "too many declarations in " .. context)
            end
            local typ = peek_non_space(t).typ
            if typ ~= "variable" and typ ~= "right" and typ ~= "rightparen" then
                fail(t, "range can only initialize variables")
            end
        elseif after.typ == "space" then
            backup3(t, v, after)
            return
        else
            backup2(t, v)
            return
        end
    end
end

local starts_command = {
    bool = true, charconst = true, complex = true, ["."] = true, field = true, identifier = true,
    number = true, ["nil"] = true, rawstring = true, string = true, variable = true, leftparen = true,
}

pipeline = function(t, context, stop)
    local pipe = {type = "pipe", pos = peek_non_space(t).pos, decl = {}, assign = false, cmds = {}}
    declarations(t, pipe, context)
    while true do
        local item = next_non_space(t)
        if item.typ == stop then
            break
        elseif not starts_command[item.typ] then
            unexpected(t, item, context)
        end
        backup(t)
        pipe.cmds[#pipe.cmds + 1] = command(t)
    end
    if #pipe.cmds == 0 then
        fail(t, "missing value for " .. context)
    end
    for i = 2, #pipe.cmds do
        if constants[pipe.cmds[i].args[1].type] then
            fail(t, "non executable command in pipeline stage " .. i)
        end
    end
    return pipe
end

local text_or_action

-- Nodes up to {{end}} or {{else}}, which is returned second.
local function item_list(t)
    local list = {}
    while peek_non_space(t).typ ~= "eof" do
        local n = text_or_action(t)
        if n.type == "end" or n.type == "else" then
            return list, n
        end
        list[#list + 1] = n
    end
    fail(t, "unexpected EOF")
end

local function nest(t)
    t.shared.nesting = t.shared.nesting + 1
    if t.shared.nesting > MAX_NESTING then
        fail(t, "actions nested deeper than " .. MAX_NESTING)
    end
end

local function unnest(t)
    t.shared.nesting = t.shared.nesting - 1
end

-- if, with, range: the word is read.
local function control(t, context)
    nest(t)
    local variables = #t.vars
    local pipe = pipeline(t, context, "right")
    if context == "range" then
        t.range_depth = t.range_depth + 1
    end
    local list, stop = item_list(t)
    if context == "range" then
        t.range_depth = t.range_depth - 1
    end
    local else_list
    if stop.type == "else" then
        if context ~= "range" and peek(t).typ == context then
            -- "{{else if" is "{{else}}{{if" whose {{end}} is ours too
            next_item(t)
            else_list = {control(t, context)}
        else
            else_list, stop = item_list(t)
            if stop.type ~= "end" then
                fail(t, "expected end; found " .. node.text(stop))
            end
        end
    end
    for i = #t.vars, variables + 1, -1 do
        t.vars[i] = nil
    end
    unnest(t)
    return {type = context, pos = pipe.pos, pipe = pipe, list = list, else_list = else_list}
end

local function jump(t, item)
    local word = "{{" .. item.typ .. "}}"
    local after = next_non_space(t)
    if after.typ ~= "right" then
        unexpected(t, after, word)
    elseif t.range_depth == 0 then
        fail(t, word .. " outside {{range}}")
    end
    return {type = item.typ, pos = item.pos}
end

local function else_control(t)
    local item = peek_non_space(t)
    if item.typ ~= "if" and item.typ ~= "with" then
        item = expect(t, "right", "else")
    end
    return {type = "else", pos = item.pos}
end

-- The body of a define or block, under its own cursor; outer names who complains about {{else}}.
local function definition(t, name, context, outer)
    t.name = name
    nest(outer)
    local stop
    t.root, stop = item_list(t)
    if stop.type ~= "end" then
        fail(outer, "unexpected " .. node.text(stop) .. " in " .. context)
    end
    unnest(outer)
    add(t)
end

local function template_name(t, item, context)
    if item.typ ~= "string" and item.typ ~= "rawstring" then
        unexpected(t, item, context)
    end
    return unquote(t, item)
end

local function block(t)
    local item = next_non_space(t)
    local name = template_name(t, item, "block clause")
    local pipe = pipeline(t, "block clause", "right")
    definition(cursor.new(t.shared, name), name, "block clause", t)
    return {type = "template", pos = item.pos, name = name, pipe = pipe}
end

local function template(t)
    local item = next_non_space(t)
    local name = template_name(t, item, "template clause")
    local pipe
    if next_non_space(t).typ ~= "right" then
        backup(t)
        pipe = pipeline(t, "template clause", "right")
    end
    return {type = "template", pos = item.pos, name = name, pipe = pipe}
end

local function action(t)
    local item = next_non_space(t)
    local typ = item.typ
    if typ == "if" or typ == "with" or typ == "range" then
        return control(t, typ)
    elseif typ == "end" then
        return {type = "end", pos = expect(t, "right", "end").pos}
    elseif typ == "else" then
        return else_control(t)
    elseif typ == "break" or typ == "continue" then
        return jump(t, item)
    elseif typ == "block" then
        return block(t)
    elseif typ == "template" then
        return template(t)
    end
    backup(t)
    return {type = "action", pos = peek(t).pos, pipe = pipeline(t, "command", "right")}
end

text_or_action = function(t)
    local item = next_non_space(t)
    if item.typ == "text" then
        return {type = "text", pos = item.pos, text = item.val}
    elseif item.typ == "left" then
        t.action_line = item.line
        local n = action(t)
        t.action_line = 0
        return n
    end
    unexpected(t, item, "input")
end

-- The trees of a template's text by name, the template's own under `name`. Throws Go's error.
function parser.parse(name, text)
    local shared = {name = name, lex = M.gotemplate_lexer.new(text), trees = {}, nesting = 0}
    local t = cursor.new(shared, name)
    t.root = {}
    while peek(t).typ ~= "eof" do
        local is_define = false
        if peek(t).typ == "left" then
            local left = next_item(t)
            is_define = next_non_space(t).typ == "define"
            if is_define then
                local defined = cursor.new(shared, "definition")
                local defined_name = template_name(defined, next_non_space(defined), "define clause")
                expect(defined, "right", "define clause")
                definition(defined, defined_name, "define clause", defined)
            else
                backup2(t, left)
            end
        end
        if not is_define then
            local n = text_or_action(t)
            if n.type == "end" or n.type == "else" then
                fail(t, "unexpected " .. node.text(n))
            end
            t.root[#t.root + 1] = n
        end
    end
    add(t)
    return shared.trees
end

return parser
