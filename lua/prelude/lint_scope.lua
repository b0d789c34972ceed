-- Which variable a name means, and what an expression is about: the alert, its labels, a library's function.
local scope = {}

-- While parsing. `p` is the parser; a frame holds the names of one block, {vars, outer, func}.

function scope.open(p)
    p.names = {vars = {}, outer = p.names}
end

function scope.close(p)
    p.names = p.names.outer
end

-- A variable: name, line, func (whose local it is), attrib, init (its one initial value), assigned (it gets
-- others), written (fields that are assigned to: {key, value, line, func}).
function scope.new_var(p, name, line)
    return {name = name, line = line, func = p.func}
end

function scope.declare_var(p, var)
    p.names.vars[var.name] = var
    if var.name == "_ENV" then
        p.uses_env = true
    end
    return var
end

function scope.declare(p, name, line)
    return scope.declare_var(p, scope.new_var(p, name, line))
end

-- Gives a name node its variable; without one it is a global.
function scope.resolve(p, name)
    local frame = p.names
    repeat
        name.var = frame.vars[name.name]
        frame = frame.outer
    until name.var or not frame
    if name.name == "_ENV" then
        p.uses_env = true
    end
end

-- The name at the root of a.b.c[d], or nil.
function scope.root(e)
    while e.tag == "index" do
        e = e.left
    end
    return e.tag == "name" and e or nil
end

-- An assignment to a name or field.
function scope.assign(p, target, value)
    target.target = true
    if target.tag == "name" then
        if target.var then
            target.var.assigned = true
        end
        return
    end
    local left = target.left
    if left.tag == "name" and left.var then
        local written = left.var.written or {}
        left.var.written = written
        written[#written + 1] = {key = target.key, value = value, line = target.line, func = p.func}
    end
end

-- After parsing.

function scope.unwrap(e)
    while e.tag == "paren" do
        e = e.value
    end
    return e
end

-- The expression that a local stands for when it always stands for the same; else the expression itself.
function scope.constant(e)
    for _ = 1, 8 do
        e = scope.unwrap(e)
        local var = e.tag == "name" and e.var
        if not var or var.assigned or not var.init then
            return e
        end
        e = var.init
    end
    return e
end

-- "string.find" for what is rooted in a global (also through a local), at most three names; else nil.
function scope.path(e)
    e = scope.constant(e)
    if e.tag == "name" then
        return not e.var and e.name or nil
    elseif e.tag ~= "index" or e.key.tag ~= "string" then
        return nil
    end
    local left = scope.constant(e.left)
    if left.tag == "name" then
        return not left.var and left.name .. "." .. e.key.value or nil
    elseif left.tag == "index" and left.key.tag == "string" then
        local first = scope.constant(left.left)
        if first.tag == "name" and not first.var then
            return first.name .. "." .. left.key.value .. "." .. e.key.value
        end
    end
    return nil
end

-- A text that is written out (also in a local): its value and its node.
function scope.text(e)
    local literal = e and scope.constant(e)
    if literal and literal.tag == "string" then
        return literal.value, literal
    end
    return nil
end

local FIELDS = {
    alert = {labels = "labels", annotations = "annotations"},
    ctx = {group = "group", firing = "firing", rate = "rate", state = "state"},
}
local ELEMENTS = {labels = "label", annotations = "annotation", group = "alert"}

-- What an expression is about: "alert", "ctx", "super", "labels", "annotations", "label", "annotation" (then also
-- its name, when written out), "group", "firing", "rate", "state"; nil for all else. A parameter is known by its place
-- in a hook or by its name.
function scope.about(e)
    e = scope.constant(e)
    if e.tag == "name" then
        return e.var and (e.var.role or (not e.var.init and (e.var.name == "alert" or e.var.name == "ctx")
            and e.var.name)) or nil
    end
    local inner = {}
    while e.tag == "index" and #inner < 4 do
        inner[#inner + 1] = e
        e = scope.constant(e.left)
    end
    local method = e.tag == "method" and e or nil
    if method then
        e = scope.constant(method.left)
    end
    local what = e.tag == "name" and scope.about(e) or nil
    if method then
        local is_text = method.name == "label" or method.name == "annotation"
        if what ~= "alert" or not is_text or #inner > 0 then
            return nil
        end
        return method.name, scope.text(method.args[1])
    end
    local name
    for i = #inner, 1, -1 do
        name = scope.text(inner[i].key)
        if ELEMENTS[what] then
            what = ELEMENTS[what]
        else
            what = FIELDS[what] and name and FIELDS[what][name] or nil
        end
    end
    return what, name
end

return scope
