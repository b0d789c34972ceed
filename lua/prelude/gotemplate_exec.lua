-- A tree of nodes walked, its output collected (package text/template, exec.go).
--
-- The walk keeps its own stack instead of recursing, so that a template that calls itself ends at Go's limit
-- of 100000 templates and not at that of Lua's stack. A frame is a list of nodes being walked; frames are
-- slots in parallel arrays. Kinds: "list" (of if, with, else), "range" (a body; loops[i] says what is next),
-- "template".
local M = ...
local exec = {}

local value, eval, printf = M.gotemplate_value, M.gotemplate_eval, M.gotemplate_printf
local fmt, printer = M.gotemplate_fmt, M.gotemplate_printer
local throw, quote = M.gotemplate_fail.throw, M.gotemplate_quote.quote
local evaluate, tick, fail = eval.pipeline, eval.tick, eval.fail
local push, pop, set = eval.push, eval.pop, eval.set
local INVALID = value.INVALID

local PIECES = 2048

local function write(s, text)
    local size = s.size + #text
    if size > s.limits.output then
        throw(s.limits.prefix .. "output is larger than " .. s.limits.output .. " bytes")
    end
    s.size = size
    local n = s.piece_count + 1
    if n > PIECES then -- many small pieces cost more than what they hold
        s.chunks[#s.chunks + 1] = table.concat(s.pieces)
        s.pieces, n = {}, 1
    end
    s.pieces[n] = text
    s.piece_count = n
end

local function print_value(s, v)
    if type(v) == "string" then
        write(s, v)
    elseif v == INVALID then
        write(s, "<no value>")
    else
        local p = printer.new(s.limits)
        fmt.print_argument(p, v, "v")
        local text = printer.finish(p)
        tick(s, p.n + #text // 256)
        write(s, text)
    end
end

local function push_frame(s, kind, list, dot, mark)
    local i = s.frame + 1
    s.frame = i
    s.kinds[i], s.lists[i], s.next[i], s.dots[i], s.marks[i] = kind, list, 1, dot, mark
end

local function drop_frame(s)
    local i = s.frame
    s.kinds[i], s.lists[i], s.next[i], s.dots[i], s.marks[i], s.loops[i] = nil, nil, nil, nil, nil, nil
    s.frame = i - 1
end

-- Begin the next round of the range in the top frame, or end the range.
local function next_round(s)
    local frame = s.frame
    local loop = s.loops[frame]
    pop(s, loop.mark)
    local i = loop.i
    if i >= loop.n then
        pop(s, s.marks[frame])
        drop_frame(s)
        return
    end
    loop.i = i + 1
    local index, element
    if loop.keys then
        index = loop.keys[i + 1]
        element = value.field(loop.over, index)
    elseif loop.over then
        index, element = i, value.element(loop.over, i)
    else
        index, element = INVALID, loop.bytes and value.uint8(i) or i
    end
    local decl = loop.decl
    local count = #decl
    if count > 0 and loop.assign then
        set(s, decl[1].ident[1], count > 1 and index or element)
        if count > 1 then
            set(s, decl[2].ident[1], element)
        end
    elseif count > 0 then
        s.values[s.top] = element
        if count > 1 then
            s.values[s.top - 1] = index
        end
    end
    s.next[frame], s.dots[frame] = 1, element
end

-- What a range goes over, or nil when that is nothing.
local function new_loop(s, n, v)
    local kind = value.kind(v)
    local loop = {i = 0, n = 0, decl = n.pipe.decl, assign = n.pipe.assign, mark = s.top}
    if kind == "int" or kind == "uint8" then
        if #n.pipe.decl > 1 then
            local text = printf.verb(s.limits, "v", v)
            fail(s, "can't use " .. text .. " to iterate over more than one variable")
        end
        loop.bytes = kind == "uint8"
        loop.n = loop.bytes and v.v or v
    elseif kind == "list" then
        loop.over, loop.n = v, v.n
    elseif kind == "map" then
        loop.over, loop.keys = v, value.keys(v)
        loop.n = #loop.keys
        tick(s, loop.n)
    elseif kind ~= "invalid" then
        fail(s, "range can't iterate over " .. printf.verb(s.limits, "v", v))
    end
    return loop.n > 0 and loop or nil
end

local walkers = {}

function walkers.text(s, n)
    write(s, n.text)
end

function walkers.action(s, n, dot)
    local v = evaluate(s, dot, n.pipe)
    if #n.pipe.decl == 0 then
        s.node = n
        print_value(s, v)
    end
end

walkers["if"] = function(s, n, dot)
    local mark = s.top
    local v = evaluate(s, dot, n.pipe)
    if value.truth(v) then
        push_frame(s, "list", n.list, n.type == "with" and v or dot, mark)
    elseif n.else_list then
        push_frame(s, "list", n.else_list, dot, mark)
    else
        pop(s, mark)
    end
end
walkers.with = walkers["if"]

function walkers.range(s, n, dot)
    local mark = s.top
    local loop = new_loop(s, n, evaluate(s, dot, n.pipe))
    if loop then
        push_frame(s, "range", n.list, dot, mark)
        s.loops[s.frame] = loop
        next_round(s)
    elseif n.else_list then
        push_frame(s, "list", n.else_list, dot, mark)
    else
        pop(s, mark)
    end
end

walkers["break"] = function(s)
    while s.kinds[s.frame] ~= "range" do
        drop_frame(s)
    end
    local loop = s.loops[s.frame]
    loop.i = loop.n
    next_round(s)
end

function walkers.continue(s)
    while s.kinds[s.frame] ~= "range" do
        drop_frame(s)
    end
    next_round(s)
end

function walkers.template(s, n, dot)
    s.node = n
    local list = s.tmpl.trees[n.name]
    if not list then
        fail(s, "template " .. quote(n.name) .. " not defined")
    elseif s.depth == s.limits.depth then
        fail(s, "exceeded maximum template depth (" .. s.limits.depth .. ")")
    end
    local v = INVALID
    if n.pipe then
        v = evaluate(s, dot, n.pipe)
    end
    push_frame(s, "template", list, v, s.top)
    s.bases[s.depth], s.callers[s.depth] = s.base, s.name
    s.depth = s.depth + 1
    s.base, s.name = s.top + 1, n.name
    push(s, "$", v)
end

local function end_frame(s)
    local kind = s.kinds[s.frame]
    if kind == "range" then
        next_round(s)
        return
    end
    pop(s, s.marks[s.frame])
    drop_frame(s)
    if kind == "template" then
        s.depth = s.depth - 1
        s.base, s.name = s.bases[s.depth], s.callers[s.depth]
        s.bases[s.depth], s.callers[s.depth] = nil, nil
    end
end

-- The output of tmpl ({name, text, trees}) over data. limits: {output, steps, depth, prefix}. Throws.
function exec.run(tmpl, data, limits)
    local s = {
        tmpl = tmpl, name = tmpl.name, limits = limits, steps = 0, depth = 0,
        names = {}, values = {}, top = 0, base = 1,
        frame = 0, kinds = {}, lists = {}, next = {}, dots = {}, marks = {}, loops = {},
        bases = {}, callers = {},
        pieces = {}, piece_count = 0, chunks = {}, size = 0,
    }
    if data == nil or data == value.null then
        data = INVALID
    end
    push(s, "$", data)
    push_frame(s, "list", tmpl.trees[tmpl.name], data, s.top)
    while s.frame > 0 do
        local frame = s.frame
        local i = s.next[frame]
        local n = s.lists[frame][i]
        tick(s, 1)
        if n then
            s.next[frame] = i + 1
            walkers[n.type](s, n, s.dots[frame])
        else
            end_frame(s)
        end
    end
    return table.concat(s.chunks) .. table.concat(s.pieces)
end

return exec
