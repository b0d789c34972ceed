-- The parser's place in the items of a template: three items of look-ahead, and its errors (parse.go of Go).
--
-- A cursor is {shared, name, token, peeked, vars, range_depth, depth, action_line}; shared, of all cursors of
-- one text, is {name, lex, trees, nesting}: the name of the whole template, for errors, the lexer, the trees
-- found so far, and how deep in actions the text is.
local M = ...
local cursor = {}

local lexer = M.gotemplate_lexer
local throw = M.gotemplate_fail.throw
local format = string.format

-- A cursor for the template `name`, which starts with the next item of the lexer.
function cursor.new(shared, name)
    return {
        shared = shared, lex = shared.lex, name = name, token = {}, peeked = 0,
        vars = {"$"}, range_depth = 0, depth = 0, action_line = 0,
    }
end

local function next_item(t)
    if t.peeked > 0 then
        t.peeked = t.peeked - 1
    else
        t.token[0] = lexer.next(t.lex)
    end
    return t.token[t.peeked]
end

local function backup(t)
    t.peeked = t.peeked + 1
end

-- Put back the item before the current one, too.
local function backup2(t, first)
    t.token[1] = first
    t.peeked = 2
end

local function backup3(t, first, second)
    t.token[1], t.token[2] = second, first
    t.peeked = 3
end

local function peek(t)
    if t.peeked > 0 then
        return t.token[t.peeked - 1]
    end
    t.peeked = 1
    t.token[0] = lexer.next(t.lex)
    return t.token[0]
end

local function next_non_space(t)
    local item
    repeat
        item = next_item(t)
    until item.typ ~= "space"
    return item
end

local function peek_non_space(t)
    local item = next_non_space(t)
    backup(t)
    return item
end

-- Throw Go's error: it names the line of the item last read.
local function fail(t, text)
    throw(format("template: %s:%d: %s", t.shared.name, t.token[0].line, text))
end

-- Throw the error about an item that has no place here.
local function unexpected(t, item, context)
    if item.typ == "error" then
        local extra = ""
        if t.action_line ~= 0 and t.action_line ~= item.line then
            extra = format(" in action started at %s:%d", t.shared.name, t.action_line)
            if string.find(item.val, " action$") then
                extra = string.sub(extra, #" in action" + 1)
            end
        end
        fail(t, item.val .. extra)
    end
    fail(t, "unexpected " .. lexer.item_text(item) .. " in " .. context)
end

-- The next item but spaces, which must be a typ.
local function expect(t, typ, context)
    local item = next_non_space(t)
    if item.typ ~= typ then
        unexpected(t, item, context)
    end
    return item
end

cursor.next, cursor.peek = next_item, peek
cursor.backup, cursor.backup2, cursor.backup3 = backup, backup2, backup3
cursor.next_non_space, cursor.peek_non_space = next_non_space, peek_non_space
cursor.fail, cursor.unexpected, cursor.expect = fail, unexpected, expect

return cursor
