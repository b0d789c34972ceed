-- Lua patterns written out: how their cost grows with the text, which strangers write.
--
-- The matcher tries every way to share the text among the items that repeat (* + -), from every start unless ^
-- holds it: n bytes and k such items take up to n^(k+1) steps.
local M = ...
local pattern = {visit = {}, enter = {}}

local scope = M.lint_scope

local find, sub = string.find, string.sub

-- Past one item (a class, a set, an escape) at `at`; and whether it fits any byte.
local function item_end(p, at)
    local c = sub(p, at, at)
    if c == "%" then
        if sub(p, at + 1, at + 1) == "b" then
            return at + 4
        elseif sub(p, at + 1, at + 1) == "f" then
            return at + 2
        end
        return at + 2
    elseif c == "[" then
        at = at + 1
        if sub(p, at, at) == "^" then
            at = at + 1
        end
        repeat
            at = at + (sub(p, at, at) == "%" and 2 or 1)
        until at > #p or sub(p, at, at) == "]"
        return at + 1
    end
    return at + 1, c == "."
end

-- anchored, items that repeat, those of them that fit anything, and whether it trims blanks at the end.
function pattern.analyse(p)
    local found = {anchored = sub(p, 1, 1) == "^", items = 0, any = 0}
    local at = found.anchored and 2 or 1
    while at <= #p do
        local c = sub(p, at, at)
        if c == "(" or c == ")" then
            at = at + 1
        else
            local after, is_any = item_end(p, at)
            local suffix = sub(p, after, after)
            if suffix == "*" or suffix == "+" or suffix == "-" then
                found.items = found.items + 1
                found.any = found.any + (is_any and 1 or 0)
                after = after + 1
            elseif suffix == "?" then
                after = after + 1
            end
            at = after
        end
    end
    found.trims = find(p, "%%s[*+]%)?%$$") ~= nil
    return found
end

local function check(l, line, text)
    if #text > 200 then
        text = sub(text, 1, 200)
    end
    local found = pattern.analyse(text)
    if found.trims then
        l.report("trim_pattern", line, "the pattern '" .. M.lint_show(text) ..
            "' is slow on a text with many spaces; use text.trim or text.trim_end")
    elseif not found.anchored and found.items >= 2 or found.anchored and found.any >= 3 then
        l.report("slow_pattern", line, "the pattern '" .. M.lint_show(text) ..
            "' can take very long on a long text; anchor it with ^, or use text.split, text.contains or a plain find")
    end
end

local FUNCTIONS = {["string.find"] = true, ["string.match"] = true, ["string.gmatch"] = true, ["string.gsub"] = true}
local METHODS = {find = "string.find", match = "string.match", gmatch = "string.gmatch", gsub = "string.gsub"}

local function is_plain(path, flag)
    return path == "string.find" and flag and flag.tag ~= "false" and flag.tag ~= "nil"
end

function pattern.visit.call(e, l)
    local path = scope.path(e.left)
    local text = FUNCTIONS[path] and scope.text(e.args[2])
    if text and not is_plain(path, e.args[4]) then
        check(l, e.line, text)
    end
end

function pattern.visit.method(e, l)
    local path = METHODS[e.name]
    local text = path and scope.text(e.args[1])
    if text and not is_plain(path, e.args[3]) then
        check(l, e.line, text)
    end
end

return pattern
