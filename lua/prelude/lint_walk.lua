-- A walk over the tree in the order of the source. `l.visit[tag]` is a list of functions (node, l) that are called after
-- what the node holds; `l.enter[tag]` before.
--
-- l.func is the function in which the node stands, l.hook the hook in which it stands (nil outside of all),
-- l.clock counts nodes.
local walk = {}

local expression, block

local function call(list, e, l)
    l.clock = l.clock + 1
    for _, f in ipairs(list or {}) do
        f(e, l)
    end
end

local function expressions(list, l)
    for _, e in ipairs(list) do
        expression(e, l)
    end
end

local function function_body(f, l)
    local func, hook = l.func, l.hook
    l.func = f
    l.hook = f.hook and f or hook
    call(l.enter["function"], f, l)
    block(f.body, l)
    call(l.visit["function"], f, l)
    l.func, l.hook = func, hook
end

-- What hangs on a node besides `left`.
local rest = {
    index = function(e, l) expression(e.key, l) end,
    call = function(e, l) expressions(e.args, l) end,
    method = function(e, l) expressions(e.args, l) end,
    op = function(e, l) expression(e.right, l) end,
    unary = function(e, l) expression(e.value, l) end,
    paren = function(e, l) expression(e.value, l) end,
    table = function(e, l)
        for _, item in ipairs(e.items) do
            if item.key and not item.name then
                expression(item.key, l)
            end
            expression(item.value, l)
        end
    end,
}

function expression(e, l)
    -- down the left side without recursion: a chain there may be as long as the file
    local chain, n = {}, 0
    while e.left do
        n = n + 1
        chain[n] = e
        call(l.enter[e.tag], e, l)
        e = e.left
    end
    for i = n, 0, -1 do
        if e.tag == "function" then
            function_body(e, l)
        else
            if rest[e.tag] then
                rest[e.tag](e, l)
            end
            call(l.visit[e.tag], e, l)
        end
        e = chain[i]
    end
end

local statements = {
    ["local"] = function(s, l) expressions(s.values, l) end,
    assign = function(s, l)
        expressions(s.values, l)
        expressions(s.targets, l)
    end,
    call_statement = function(s, l) expression(s.value, l) end,
    ["do"] = function(s, l) block(s.body, l) end,
    ["while"] = function(s, l)
        expression(s.value, l)
        block(s.body, l)
    end,
    ["repeat"] = function(s, l)
        block(s.body, l)
        expression(s.value, l)
    end,
    ["if"] = function(s, l)
        for _, clause in ipairs(s.clauses) do
            expression(clause.value, l)
            block(clause.body, l)
        end
        block(s.otherwise or {}, l)
    end,
    ["for"] = function(s, l)
        expressions(s.values, l)
        block(s.body, l)
    end,
    ["return"] = function(s, l) expressions(s.values, l) end,
}

function block(list, l)
    for _, s in ipairs(list) do
        call(l.enter[s.tag], s, l)
        if statements[s.tag] then
            statements[s.tag](s, l)
        end
        call(l.visit[s.tag], s, l)
    end
end

function walk.chunk(main, l)
    l.clock = 0
    function_body(main, l)
end

return walk
