-- The nodes of a parsed template, and how they read in errors (package text/template/parse, node.go).
--
-- Every node is {type, pos, ...}; pos counts bytes of the text from 0. Lists of nodes are plain arrays.
--     text       text
--     action     pipe
--     pipe       decl (variables), assign (is it "="?), cmds
--     command    args
--     field      ident (names)              .a.b
--     variable   ident ("$x" and names)     $x.a
--     chain      node, field (names)        (pipe).a
--     identifier name                       a function
--     dot  nil  bool (value)  number (text, value)  string (quoted, value)
--     if  with  range    pipe, list, else_list
--     template   name, pipe or nil
--     break  continue  end  else
local M = ...
local node = {}

local quote = M.gotemplate_quote.quote

local write

local function write_pipe(n, out)
    for i, variable in ipairs(n.decl) do
        out[#out + 1] = i > 1 and ", " or nil
        write(variable, out)
    end
    if #n.decl > 0 then
        out[#out + 1] = n.assign and " = " or " := "
    end
    for i, command in ipairs(n.cmds) do
        out[#out + 1] = i > 1 and " | " or nil
        write(command, out)
    end
end

local function write_parenthesized(n, out)
    if n.type == "pipe" then
        out[#out + 1] = "("
        write_pipe(n, out)
        out[#out + 1] = ")"
    else
        write(n, out)
    end
end

local writers = {
    pipe = write_pipe,
    action = function(n, out)
        out[#out + 1] = "{{"
        write_pipe(n.pipe, out)
        out[#out + 1] = "}}"
    end,
    command = function(n, out)
        for i, argument in ipairs(n.args) do
            out[#out + 1] = i > 1 and " " or nil
            write_parenthesized(argument, out)
        end
    end,
    field = function(n, out)
        out[#out + 1] = "." .. table.concat(n.ident, ".")
    end,
    variable = function(n, out)
        out[#out + 1] = table.concat(n.ident, ".")
    end,
    chain = function(n, out)
        write_parenthesized(n.node, out)
        out[#out + 1] = "." .. table.concat(n.field, ".")
    end,
    identifier = function(n, out)
        out[#out + 1] = n.name
    end,
    number = function(n, out)
        out[#out + 1] = n.text
    end,
    string = function(n, out)
        out[#out + 1] = n.quoted
    end,
    bool = function(n, out)
        out[#out + 1] = tostring(n.value)
    end,
    template = function(n, out)
        out[#out + 1] = "{{template " .. quote(n.name)
        if n.pipe then
            out[#out + 1] = " "
            write_pipe(n.pipe, out)
        end
        out[#out + 1] = "}}"
    end,
    dot = function(_, out) out[#out + 1] = "." end,
    ["nil"] = function(_, out) out[#out + 1] = "nil" end,
    ["end"] = function(_, out) out[#out + 1] = "{{end}}" end,
    ["else"] = function(_, out) out[#out + 1] = "{{else}}" end,
}

write = function(n, out)
    writers[n.type](n, out)
end

-- The node as Go writes it: not always as it was typed. Errors never show if, with, range and text.
function node.text(n)
    local out = {}
    write(n, out)
    return table.concat(out)
end

-- Is a list of nodes empty of everything but white space?
function node.is_empty(list)
    for _, n in ipairs(list) do
        if n.type ~= "text" or not M.gotemplate_unicode.is_blank(n.text) then
            return false
        end
    end
    return true
end

local function pipe_refers(n, name)
    if not n then
        return false
    end
    for _, command in ipairs(n.cmds) do
        for _, a in ipairs(command.args) do
            local kind = a.type
            if kind == "chain" then
                if a.field[1] == name then
                    return true
                end
                a = a.node
                kind = a.type
            end
            if kind == "field" and a.ident[1] == name or kind == "variable" and a.ident[2] == name or
                kind == "string" and a.value == name or kind == "pipe" and pipe_refers(a, name) then
                return true
            end
        end
    end
    return false
end

-- Does anything in a list of nodes refer to the field `name` of the data: as .name, $.name or the like of any
-- variable, (pipeline).name, or by the string constant "name" (index . "name")?
function node.list_refers(list, name)
    for _, n in ipairs(list) do
        if pipe_refers(n.pipe, name) or n.list and node.list_refers(n.list, name) or
            n.else_list and node.list_refers(n.else_list, name) then
            return true
        end
    end
    return false
end

return node
