-- bus: who is told what happens. Channels are lists of words; {"error", "it"} is a part of {"error"}.
--
-- Subscribers of a channel are called in order, then those of the channel it is part of. One answers (value, go_on): without
-- go_on nobody after it is told.

local bus = {}

local root = {subscribers = {}, parts = {}}
local last_id = 0

local function channel(words)
    local at = root
    for _, word in ipairs(words) do
        at.parts[word] = at.parts[word] or {subscribers = {}, parts = {}, whole = at}
        at = at.parts[word]
    end
    return at
end

-- Subscribes f. options: priority (its place among the subscribers, default the last), predicate (it is called only when that
-- answers true for the same arguments). Returns the subscription.
function bus.subscribe(words, f, options)
    local subscribers = channel(words).subscribers
    last_id = last_id + 1
    local subscription = {id = last_id, fn = f, options = options or {}}
    local place = subscription.options.priority
    if not place or place < 1 or place > #subscribers then
        place = #subscribers + 1
    end
    table.insert(subscribers, place, subscription)
    return subscription
end

local function remove(at, id)
    for i, subscription in ipairs(at.subscribers) do
        if subscription.id == id then
            return table.remove(at.subscribers, i)
        end
    end
    for _, part in pairs(at.parts) do
        local removed = remove(part, id)
        if removed then
            return removed
        end
    end
end

-- Ends a subscription of the channel or a part of it, and returns it.
function bus.unsubscribe(id, words)
    return remove(channel(words), id)
end

-- Tells everybody. Returns the values that were answered.
function bus.publish(words, ...)
    local answers = {}
    local at = channel(words)
    while at do
        for _, subscription in ipairs({table.unpack(at.subscribers)}) do
            local wanted = subscription.options.predicate
            if not wanted or wanted(...) then
                local value, go_on = subscription.fn(...)
                if value then
                    answers[#answers + 1] = value
                end
                if not go_on then
                    return answers
                end
            end
        end
        at = at.whole
    end
    return answers
end

return bus
