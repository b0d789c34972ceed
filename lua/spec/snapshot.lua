-- snapshot: what a spec changes about assertions (formatters, parameters, spies) and can take back.
--
-- Snapshots are a chain, the newest last: `previous` and `next`. What is looked up is looked for from the newest
-- on; reverting one takes everything back that came since it was made.

local NOTHING = {} -- a parameter that was set to nil

local newest

local snapshot = {}
local mt = {__call = function(self) self:revert() end}

-- Takes back what came since `self`, or since the newest one.
local function revert(self)
    if not self then
        self = newest
        if not self.previous then
            return
        end
    end
    if getmetatable(self) ~= mt then
        error("Value provided is not a valid snapshot", 2)
    end
    if self.next then
        self.next:revert()
    end
    self.formatters, self.parameters = {}, {}
    local spies = self.spies
    self.spies = {}
    for spy in pairs(spies) do spy:revert() end
    setmetatable(self, nil)
    newest = self.previous
    newest.next = nil
end

-- Begins a snapshot.
function snapshot.take()
    local new = setmetatable({
        formatters = {}, parameters = {}, spies = setmetatable({}, {__mode = "k"}), previous = newest, revert = revert,
    }, mt)
    if newest then
        newest.next = new
    end
    newest = new
    return new
end
snapshot.revert = revert

-- A formatter is asked for a value and answers its text, or nil. The last that was added is asked first.
function snapshot.add_formatter(f)
    table.insert(newest.formatters, 1, f)
end

function snapshot.remove_formatter(f)
    local at = newest
    while at do
        for i, each in ipairs(at.formatters) do
            if each == f then
                table.remove(at.formatters, i)
                break
            end
        end
        at = at.previous
    end
end

-- The text of a value, or nil when no formatter has one. `hints` is the formatters' second argument.
function snapshot.format(value, hints)
    local at = newest
    while at do
        for _, f in ipairs(at.formatters) do
            local text = f(value, hints)
            if text ~= nil then
                return text
            end
        end
        at = at.previous
    end
end

function snapshot.set_parameter(name, value)
    newest.parameters[name] = value == nil and NOTHING or value
end

function snapshot.get_parameter(name)
    local at = newest
    while at do
        local value = at.parameters[name]
        if value ~= nil then
            return value ~= NOTHING and value or nil
        end
        at = at.previous
    end
end

-- The spy will be reverted with the newest snapshot.
function snapshot.add_spy(spy)
    newest.spies[spy] = true
end

snapshot.take()

return snapshot
