-- Go's text/template, for prompts, branches, names, labels and annotations of Tasks.
--
--     local tmpl, err = gotemplate.parse("prompt", "{{.Title}}: {{.Alert.labels.pod}}")
--     local out, err = gotemplate.execute(tmpl, gotemplate.value.map({Title = "x", Alert = ...}))
--
-- Templates mean what they mean to Go 1.26 with Option("missingkey=error"): every action, function, verb of
-- printf and constant, and errors read the same to the byte ("template: prompt:1:2: executing ..."). The
-- rules come from the documentation of text/template, fmt and strconv; test/go-template.json and the oracle
-- under test/oracle hold this engine to them. What differs, and must:
--     - output, size of a single value, and steps are limited; Go has no such errors, the wording is ours
--     - %p of a map or list prints one fixed address
--     - if, with, range and block nested more than 10000 deep are refused
-- Data: see gotemplate_value. It is only read. Execution has no effects and no clock.
--
-- The modules are chunks that get one table of the modules before them and return their own, in this order:
-- fail, unicode, value, quote, float, number, printer, fmt, printf, lexer, node, cursor, parser, escape,
-- compare, funcs, eval, exec, this. Of the globals they use only: error getmetatable ipairs math next pcall
-- setmetatable string table tonumber tostring type utf8.
local M = ...
local gotemplate = {value = M.gotemplate_value}

local fail, node, parser, exec = M.gotemplate_fail, M.gotemplate_node, M.gotemplate_parser, M.gotemplate_exec

-- What holds where execute's limits say nothing. depth is Go's.
gotemplate.limits = {output = 1024 * 1024, steps = 2000000, depth = 100000}

local template = {}
template.__index = template

-- A parsed template, or nil and Go's error.
function gotemplate.parse(name, text)
    local trees, err = fail.guard("template: " .. name .. ": nested too deeply", parser.parse, name, text)
    if not trees then
        return nil, err
    end
    return setmetatable({name = name, text = text, trees = trees}, template)
end

-- The output, or nil and Go's error (or ours, when a limit is met). limits, optional: {output = bytes, also
-- of any one value, steps = nodes, calls and rounds, depth = templates within templates}.
function gotemplate.execute(tmpl, data, limits)
    local given = limits or {}
    local prefix = "template: " .. tmpl.name .. ": "
    return fail.guard(prefix .. "nested too deeply", exec.run, tmpl, data, {
        output = given.output or gotemplate.limits.output,
        steps = given.steps or gotemplate.limits.steps,
        depth = given.depth or gotemplate.limits.depth,
        prefix = prefix,
    })
end

-- Does the template, or one defined in it, refer to the top-level field `name`: .name, $.name, $x.name,
-- (...).name, or the string constant "name" (as in index . "name")? What a condition may skip counts.
function template:references(name)
    for _, list in next, self.trees do
        if node.list_refers(list, name) then
            return true
        end
    end
    return false
end

return gotemplate
