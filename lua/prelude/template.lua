-- template.render: texts with names in them. There is no code in a template, and what comes out of the data is
-- never looked at again: "{{" in it stays text.
--
--      {{labels.alertname}}                    a value by its path
--      {{labels.instance | default "?"}}       filters: default X, upper, lower, trim, truncate N, json
--      {{each members}}{{this.name}} {{end}}   once for each element; this is the element

local TEMPLATE_MAX, OUTPUT_MAX = 64 * 1024, 1024 * 1024
local TAG_MAX = 1024
local DEPTH_MAX, EACH_MAX = 4, 1000

local function fail(...)
    error("template.render: " .. string.format(...), 0)
end

local function shown(s)
    return text.truncate(s, 80, "...")
end

-- Reading a tag: "labels.instance | default \"?\""

local function read_string(tag, at)
    local out = {}
    local i = at + 1
    while true do
        local c = tag:sub(i, i)
        if c == "" then
            fail("a quote is not closed in {{%s}}", shown(tag))
        elseif c == '"' then
            return table.concat(out), i + 1
        elseif c == "\\" then
            i = i + 1
            c = tag:sub(i, i)
            if c == "n" then
                c = "\n"
            end
        end
        out[#out + 1] = c
        i = i + 1
    end
end

local function read_path(tag, at)
    local path = tag:match("^[%a_][%w_]*", at)
    if not path then
        fail("a name is expected in {{%s}}", shown(tag))
    end
    local steps, stop = {path}, at + #path
    while true do
        local step = tag:match("^%.([%w_]+)", stop)
        if not step then
            break
        end
        steps[#steps + 1] = step
        stop = stop + #step + 1
    end
    return steps, stop
end

local takes = {default = "any", truncate = "number", upper = "none", lower = "none", trim = "none",
    json = "none"}

local function read_filter(tag, at)
    local name, stop = tag:match("^%s*(%l+)()", at)
    if not name or not takes[name] then
        fail("the filters are default, upper, lower, trim, truncate and json: {{%s}}", shown(tag))
    end
    local argument
    local from = tag:match("^%s*()", stop)
    if takes[name] ~= "none" then
        local digits = tag:match("^-?%d+", from)
        if tag:sub(from, from) == '"' and takes[name] == "any" then
            argument, stop = read_string(tag, from)
        elseif digits and #digits < 10 then
            argument, stop = takes[name] == "any" and digits or math.tointeger(tonumber(digits)), from + #digits
        else
            fail("%s wants %s behind it: {{%s}}", name,
                takes[name] == "any" and "a text in quotes" or "a number", shown(tag))
        end
    end
    return {name = name, argument = argument}, stop
end

local function read_tag(tag)
    local word, rest = tag:match("^%s*(each)%s+()")
    local steps, at = read_path(tag, rest or tag:match("^%s*()"))
    local filters = {}
    if word then
        at = tag:match("^%s*()", at)
    else
        while true do
            local bar = tag:match("^%s*|()", at)
            if not bar then
                break
            end
            filters[#filters + 1], at = read_filter(tag, bar)
        end
    end
    if tag:match("^%s*()", at) <= #tag then
        fail("'%s' is not understood in {{%s}}", shown(text.trim(tag:sub(at))), shown(tag))
    end
    return {each = word, steps = steps, filters = filters, path = table.concat(steps, ".")}
end

-- Where the tag that starts behind `from` ends: the "}}" that is not in quotes.
local function tag_end(template, from)
    local at, quoted = from, false
    while at - from <= TAG_MAX do
        local c = template:byte(at)
        if not c then
            break
        elseif c == 34 then
            quoted = not quoted
        elseif c == 92 and quoted then
            at = at + 1
        elseif c == 125 and not quoted and template:byte(at + 1) == 125 then
            return at
        end
        at = at + 1
    end
    fail("the tag {{%s is not closed (or longer than %d bytes)", shown(template:sub(from, from + 80)), TAG_MAX)
end

-- A list of texts and tags; each holds the list up to its end.
local function parse(template)
    local top = {}
    local stack, at = {top}, 1
    while true do
        local open = template:find("{{", at, true)
        local here = stack[#stack]
        if not open then
            here[#here + 1] = template:sub(at)
            break
        end
        here[#here + 1] = template:sub(at, open - 1)
        local close = tag_end(template, open + 2)
        local inside = template:sub(open + 2, close - 1)
        at = close + 2
        if text.trim(inside) == "end" then
            if #stack == 1 then
                fail("{{end}} without {{each}}")
            end
            stack[#stack] = nil
        else
            local tag = read_tag(inside)
            here[#here + 1] = tag
            if tag.each then
                if #stack > DEPTH_MAX then
                    fail("each within each, more than %d deep", DEPTH_MAX)
                end
                tag.body = {}
                stack[#stack + 1] = tag.body
            end
        end
    end
    if #stack > 1 then
        fail("{{each}} without {{end}}")
    end
    return top
end

-- Values

local function index(value, key)
    return value[key]
end

-- One step of a path. A field that its owner refuses (alert.labels has it, alert does not) is as good as absent.
local function step(value, name)
    if type(value) ~= "table" and type(value) ~= "userdata" then
        return nil
    end
    local ok, found = pcall(index, value, name)
    if (not ok or found == nil) and name:find("^%d+$") and #name < 10 then
        ok, found = pcall(index, value, math.tointeger(tonumber(name)))
    end
    if ok then
        return found
    end
end

local function look_up(tag, data, this)
    local value, first = data, 1
    if tag.steps[1] == "this" and this.depth > 0 then
        value, first = this[this.depth], 2
    end
    for i = first, #tag.steps do
        value = step(value, tag.steps[i])
        if value == nil then
            return nil
        end
    end
    return value
end

local function as_text(tag, value)
    local kind = type(value)
    if kind == "string" then
        return value
    elseif kind == "number" or kind == "boolean" then
        return tostring(value)
    end
    fail("%s is a %s; use a field of it, the filter json, or each", shown(tag.path), kind)
end

local apply = {
    upper = function(s) return text.upper(s) end,
    lower = function(s) return text.lower(s) end,
    trim = function(s) return text.trim(s) end,
    truncate = function(s, n)
        if n < 0 then
            fail("truncate wants a number of bytes that is not negative")
        end
        return text.truncate(s, n)
    end,
}

local function value_text(tag, data, this)
    local value = look_up(tag, data, this)
    for _, filter in ipairs(tag.filters) do
        if filter.name == "default" then
            if value == nil or value == "" then
                value = filter.argument
            end
        elseif value ~= nil and filter.name == "json" then
            value = text.json(value)
        elseif value ~= nil then
            value = apply[filter.name](as_text(tag, value), filter.argument)
        end
    end
    if value == nil then
        fail("there is no %s; add | default \"\" if that is all right", shown(tag.path))
    end
    return as_text(tag, value)
end

-- Output

local function put(out, s)
    out.bytes = out.bytes + #s
    if out.bytes > OUTPUT_MAX then
        fail("the result is larger than %d bytes", OUTPUT_MAX)
    end
    out[#out + 1] = s
end

local function length(list)
    return #list
end

local run

local function run_each(out, tag, data, this)
    local list = look_up(tag, data, this)
    if type(list) ~= "table" and type(list) ~= "userdata" then
        fail("each wants a list; %s is %s", shown(tag.path), list == nil and "not there" or "a " .. type(list))
    end
    local ok, n = pcall(length, list)
    if not ok then
        fail("each wants a list; %s has no length", shown(tag.path))
    end
    if math.type(n) ~= "integer" or n > EACH_MAX then
        fail("each takes at most %d elements; %s has more", EACH_MAX, shown(tag.path))
    end
    this.depth = this.depth + 1
    for i = 1, n do
        this[this.depth] = list[i]
        run(out, tag.body, data, this)
    end
    this[this.depth] = nil
    this.depth = this.depth - 1
end

function run(out, nodes, data, this)
    for _, node in ipairs(nodes) do
        if type(node) == "string" then
            put(out, node)
        elseif node.each then
            run_each(out, node, data, this)
        else
            put(out, value_text(node, data, this))
        end
    end
end

local M = {}

function M.render(template, data)
    if type(template) ~= "string" then
        fail("argument 1 must be a text, got %s", type(template))
    elseif #template > TEMPLATE_MAX then
        fail("a template may have at most %d bytes", TEMPLATE_MAX)
    elseif type(data) ~= "table" and type(data) ~= "userdata" then
        fail("argument 2 must be a table (or an alert), got %s", type(data))
    end
    local out = {bytes = 0}
    run(out, parse(template), data, {depth = 0})
    return table.concat(out)
end

return M
