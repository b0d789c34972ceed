-- The lint of policy files and libraries. Pure: it reads the source and runs nothing of it.
--
--     lint(source, file, options) -> list of {line, kind = "error" | "warning", code, sentence}, by line
--
-- options, each of which may be absent (its rules are then silent):
--     globals   the environment of a policy: name -> value; a library is a table of its functions
--     fields    of a policy's table: name -> type ("function" is a hook)
--     members   of fields that are tables: "limits" -> {name -> type}, "limits.reserve" -> ...
--     checks    {matcher, duration, window, zone}: text -> nil, or a sentence that says what is wrong
--     syntax    source -> nil, or line and sentence: what Lua itself thinks of it
--     labels    list of label names that alerts are known to have
--
-- Time and memory are linear in the source. A warning is answered by a comment on its line:
-- "-- lint: allow CODE".
local M = ...

local lexer, parser, walk, rules = M.lint_lexer, M.lint_parser, M.lint_walk, M.lint_rules

local FINDINGS_MAX = 100 -- of each kind
local MODULES = {M.lint_names, M.lint_policy, M.lint_literals, M.lint_pattern, M.lint_alert, M.lint_hooks}

-- tag -> all functions that modules have for it, made once.
local function collect(which)
    local all = {}
    for _, module in ipairs(MODULES) do
        for tag, f in next, module[which] do
            all[tag] = all[tag] or {}
            table.insert(all[tag], f)
        end
    end
    return all
end
local VISIT, ENTER = collect("visit"), collect("enter")

local function before(a, b)
    if a.line ~= b.line then
        return a.line < b.line
    end
    return a.number < b.number
end

local function sorted_names(t)
    local names = {}
    for name in pairs(t) do
        if type(name) == "string" then
            names[#names + 1] = name
        end
    end
    table.sort(names)
    return names
end

local function new_state(file, options, main)
    local l = {file = file, options = options, main = main, visit = VISIT, enter = ENTER, findings = {},
        is_library = string.find(file, "^lib_") ~= nil, allowed = {}, count = {error = 0, warning = 0},
        absent = {}, written_globals = {}, extended = {}, checked = {}, mentioned = {}, meant = {}, strings = {}, built = 0,
        suggested = 0, sorted_names = {}}

    function l.report(code, line, sentence)
        local kind = assert(rules.kinds[code], code)
        if kind == "warning" and l.allowed[line] and l.allowed[line][code] then
            return
        end
        l.count[kind] = l.count[kind] + 1
        if l.count[kind] <= FINDINGS_MAX then
            local findings = l.findings
            findings[#findings + 1] = {line = line, kind = kind, code = code, sentence = sentence, number = #findings}
        end
    end

    -- Comparing words is the one dear thing here: it is done for as many as can be shown.
    function l.may_suggest()
        l.suggested = l.suggested + 1
        return l.suggested <= 2 * FINDINGS_MAX
    end

    -- "; did you mean 'filter'?", or nothing. known: name -> anything.
    function l.suggest(word, known)
        if not l.may_suggest() then
            return ""
        end
        l.sorted_names[known] = l.sorted_names[known] or sorted_names(known)
        return M.suggest(word, l.sorted_names[known])
    end

    -- True when the checker of that kind refuses the text.
    function l.check(kind, code, line, text, where)
        local checker = options.checks and options.checks[kind]
        local wrong = checker and checker(text)
        if wrong then
            l.report(code, line, (where or "") .. wrong)
            return true
        end
        return false
    end
    return l
end

-- The tree, or nil, line and sentence.
local function parse(source)
    local ok, tokens = pcall(lexer.scan, source)
    local main = tokens
    if ok then
        ok, main = pcall(parser.parse, tokens)
    end
    if ok then
        return main, tokens
    elseif getmetatable(main) ~= lexer.Refusal then
        error(main, 0)
    end
    return nil, main.line, main.sentence
end

local function look(source, l_file, options)
    local main, tokens, sentence = parse(source)
    if not main then
        return {{line = tokens, kind = "error", code = "syntax", sentence = sentence}}
    end
    local l = new_state(l_file, options, main)
    l.allowed = tokens.allowed
    M.lint_policy.look(main, l)
    walk.chunk(main, l)
    for _, module in ipairs(MODULES) do
        if module.finish then
            module.finish(l)
        end
    end
    table.sort(l.findings, before)
    local more = math.max(l.count.error - FINDINGS_MAX, 0) + math.max(l.count.warning - FINDINGS_MAX, 0)
    if more > 0 then
        table.insert(l.findings, {line = tokens.lines[#tokens.lines], kind = "warning", code = "not_looked_at",
            sentence = "there are " .. more .. " more findings than are shown"})
    end
    return l.findings
end

return function(source, file, options)
    local line, sentence
    if options.syntax then
        line, sentence = options.syntax(source)
        -- found at the end of the block, and said of a line before it
        local said = sentence and (string.match(sentence, "^no visible label .* at line (%d+)")
            or string.match(sentence, "^break outside a? ?loop at line (%d+)"))
        line = said and tonumber(said) or line
    end
    if line then
        return {{line = line, kind = "error", code = "syntax", sentence = sentence}}
    end
    local findings = look(source, file, options)
    if options.syntax and findings[1] and findings[1].code == "syntax" then
        -- Lua reads it and we do not: that is our fault, not the policy's
        findings[1].kind, findings[1].code = "warning", "not_looked_at"
    end
    return findings
end
