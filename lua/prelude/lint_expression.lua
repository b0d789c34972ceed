-- Expressions of a source into nodes; lint_parser says what the nodes are. `p` is the parser: tokens, where it stands,
-- how deep it is, the function and the names around it. lint_parser gives `block`.
local M = ...
local parse = {}

local lexer, scope = M.lint_lexer, M.lint_scope

-- Lua allows about 200 levels of C calls, and a few of them are taken before it begins to read.
local DEPTH_MAX = 200

local UNARY = {["not"] = true, ["-"] = true, ["~"] = true, ["#"] = true}
local UNARY_RANK = 12
-- How strongly an operator binds to its left and to its right.
local LEFT = {["+"] = 10, ["-"] = 10, ["*"] = 11, ["%"] = 11, ["^"] = 14, ["/"] = 11, ["//"] = 11, ["&"] = 6,
    ["|"] = 4, ["~"] = 5, ["<<"] = 7, [">>"] = 7, [".."] = 9, ["=="] = 3, ["<"] = 3, ["<="] = 3, ["~="] = 3,
    [">"] = 3, [">="] = 3, ["and"] = 2, ["or"] = 1}
local RIGHT = setmetatable({["^"] = 13, [".."] = 8}, {__index = LEFT})

local expression

local function shown(p)
    local kind, value = p.kinds[p.at], p.values[p.at]
    if kind == "eof" then
        return "the end of the file"
    elseif kind == "name" then
        return "'" .. value .. "'"
    elseif kind == "string" or kind == "number" then
        return "a " .. kind
    end
    return "'" .. string.gsub(kind, "[^\33-\126]", "?") .. "'"
end

local function refuse(p, sentence)
    lexer.refuse(p.lines[p.at], sentence)
end

local function accept(p, kind)
    if p.kinds[p.at] == kind then
        p.at = p.at + 1
        return true
    end
    return false
end

local function expect(p, kind, opened)
    if not accept(p, kind) then
        local since = opened and opened ~= p.lines[p.at] and " (to close line " .. opened .. ")" or ""
        refuse(p, "'" .. kind .. "' is expected near " .. shown(p) .. since)
    end
end

local function expect_name(p)
    local name = p.values[p.at]
    if p.kinds[p.at] ~= "name" then
        refuse(p, "a name is expected near " .. shown(p))
    end
    p.at = p.at + 1
    return name
end

local function enter(p)
    p.depth = p.depth + 1
    if p.depth > DEPTH_MAX then
        refuse(p, "nested more than " .. DEPTH_MAX .. " deep")
    end
end

local function leave(p)
    p.depth = p.depth - 1
end

local function node(p, tag)
    return {tag = tag, line = p.lines[p.at]}
end

-- Expressions

local function expressions(p)
    local list = {expression(p)}
    while accept(p, ",") do
        list[#list + 1] = expression(p)
    end
    return list
end

-- From the "(" of the parameters to the `end`. A method's `self` comes first.
local function function_body(p, line, has_self)
    local f = {tag = "function", line = line, params = {}, parent = p.func}
    p.func = f
    scope.open(p, f)
    if has_self then
        f.params[1] = scope.declare(p, "self", line)
    end
    expect(p, "(")
    if p.kinds[p.at] ~= ")" then
        repeat
            if accept(p, "...") then
                f.vararg = true
            else
                f.params[#f.params + 1] = scope.declare(p, expect_name(p), line)
            end
        until f.vararg or not accept(p, ",")
    end
    expect(p, ")")
    f.body = parse.block(p)
    f.last = p.lines[p.at]
    expect(p, "end", line)
    scope.close(p)
    p.func = f.parent
    return f
end

local function table_field(p)
    local item = {line = p.lines[p.at]}
    if p.kinds[p.at] == "name" and p.kinds[p.at + 1] == "=" then
        item.name = expect_name(p)
        p.at = p.at + 1
    elseif accept(p, "[") then
        item.key = expression(p)
        expect(p, "]")
        expect(p, "=")
        if item.key.tag == "string" then
            item.name = item.key.value
        end
    end
    item.value = expression(p)
    return item
end

local function table_constructor(p)
    local t = node(p, "table")
    t.items = {}
    expect(p, "{")
    while p.kinds[p.at] ~= "}" do
        t.items[#t.items + 1] = table_field(p)
        if not accept(p, ",") and not accept(p, ";") then
            break
        end
    end
    expect(p, "}", t.line)
    return t
end

local function arguments(p)
    local kind, line = p.kinds[p.at], p.lines[p.at]
    if kind == "string" then
        local text = node(p, "string")
        text.value = p.values[p.at]
        p.at = p.at + 1
        return {text}
    elseif kind == "{" then
        return {table_constructor(p)}
    end
    expect(p, "(")
    if accept(p, ")") then
        return {}
    end
    local list = expressions(p)
    expect(p, ")", line)
    return list
end

local function primary(p)
    local e
    if p.kinds[p.at] == "name" then
        e = node(p, "name")
        e.name = expect_name(p)
        scope.resolve(p, e)
        return e
    elseif p.kinds[p.at] == "(" then
        e = node(p, "paren")
        p.at = p.at + 1
        e.value = expression(p)
        expect(p, ")", e.line)
        return e
    end
    refuse(p, "unexpected " .. shown(p))
end

local function suffixed(p)
    local e = primary(p)
    while true do
        local kind = p.kinds[p.at]
        local outer = {line = p.lines[p.at], left = e}
        if kind == "." then
            p.at = p.at + 1
            outer.tag = "index"
            outer.key = {tag = "string", line = p.lines[p.at], value = expect_name(p)}
        elseif kind == "[" then
            p.at = p.at + 1
            outer.tag = "index"
            outer.key = expression(p)
            expect(p, "]")
        elseif kind == ":" then
            p.at = p.at + 1
            outer.tag = "method"
            outer.name = expect_name(p)
            outer.args = arguments(p)
        elseif kind == "(" or kind == "string" or kind == "{" then
            outer.tag = "call"
            outer.args = arguments(p)
        else
            return e
        end
        e = outer
    end
end

local LITERALS = {["nil"] = "nil", ["true"] = "true", ["false"] = "false", ["..."] = "vararg"}

local function simple(p)
    local kind = p.kinds[p.at]
    if kind == "number" or kind == "string" then
        local e = node(p, kind)
        e.value = p.values[p.at]
        p.at = p.at + 1
        return e
    elseif LITERALS[kind] then
        if kind == "..." and not p.func.vararg then
            refuse(p, "'...' outside a function that takes it")
        end
        local e = node(p, LITERALS[kind])
        p.at = p.at + 1
        return e
    elseif kind == "{" then
        return table_constructor(p)
    elseif kind == "function" then
        local line = p.lines[p.at]
        p.at = p.at + 1
        return function_body(p, line)
    end
    return suffixed(p)
end

-- An expression of operators that bind more strongly than `rank`.
local function operators(p, rank)
    enter(p)
    local e
    if UNARY[p.kinds[p.at]] then
        e = node(p, "unary")
        e.op = p.kinds[p.at]
        p.at = p.at + 1
        e.value = operators(p, UNARY_RANK)
    else
        e = simple(p)
    end
    local op = p.kinds[p.at]
    while LEFT[op] and LEFT[op] > rank do
        local outer = {tag = "op", op = op, line = p.lines[p.at], left = e}
        p.at = p.at + 1
        outer.right = operators(p, RIGHT[op])
        e = outer
        op = p.kinds[p.at]
    end
    leave(p)
    return e
end

function expression(p)
    return operators(p, 0)
end

parse.expression, parse.expressions, parse.suffixed = expression, expressions, suffixed
parse.function_body, parse.node = function_body, node
parse.refuse, parse.accept, parse.expect, parse.expect_name = refuse, accept, expect, expect_name
parse.enter, parse.leave, parse.shown, parse.depth_max = enter, leave, shown, DEPTH_MAX

return parse
