-- The policy that judges every alert which no other policy claims, and what every other policy extends.
--
-- By the time it is asked, the spawner's own selectors (alertNames, labels, severities, excludeLabels, and the
-- alert's state, silences and inhibitions) have already chosen the alert. What it decides:
--
--   one Task per alert         an alert is known by its fingerprint: the same labels are the same alert
--   every alert deserves one   filter keeps them all
--   which first                by the spawner's priorityLabels
--   when again                 the alert fires again after its Task has finished, or the Task is gone

local BODY_MAX = 64 * 1024

-- "name: value" as one line. A value of several lines stays readable: the further ones are indented.
local function add_line(lines, name, value)
    value = text.truncate(text.trim_end(value or "", "\n"), BODY_MAX + 8) -- the rest could never be seen
    if value ~= "" then
        lines[#lines + 1] = name .. ": " .. table.concat(text.split(value, "\n"), "\n  ")
    end
end

-- Does a priorityLabels entry ("team" or "severity=critical") fit the alert?
local function fits(labels, entry)
    if labels[entry] then
        return true
    end
    local equals = string.find(entry, "=", 1, true)
    return equals ~= nil and labels[entry:sub(1, equals - 1)] == entry:sub(equals + 1)
end

return {
    api = 1,
    name = "default",
    describe = "one Task per alert, again when the alert fires again after its Task has finished",

    filter = function()
        return true
    end,

    key = function(alert)
        return alert.fingerprint
    end,

    -- Lower runs first: the place of the first priorityLabels entry that fits.
    priority = function(alert, ctx)
        local wanted = ctx.priority_labels
        for i = 1, math.min(#wanted, 1000) do
            if fits(alert.labels, wanted[i]) then
                return i - 1
            end
        end
        return 1000
    end,

    title = function(alert)
        return alert.name or ""
    end,

    -- Summary and description, the other annotations, an empty line, the labels.
    body = function(alert)
        local annotations, labels = {}, {}
        add_line(annotations, "summary", alert.annotations.summary)
        add_line(annotations, "description", alert.annotations.description)
        for name, value in pairs(alert.annotations) do
            if name ~= "summary" and name ~= "description" then
                add_line(annotations, name, value)
            end
        end
        for name, value in pairs(alert.labels) do
            add_line(labels, name, value)
        end
        if #annotations > 0 and #labels > 0 then
            annotations[#annotations + 1] = ""
        end
        table.move(labels, 1, #labels, #annotations + 1, annotations)
        return text.truncate(table.concat(annotations, "\n"), BODY_MAX, "\n[truncated]")
    end,

    -- ctx.last is the alert's earlier Task; trigger_at, since when the alert (of a group: the earliest) fires. False
    -- leaves things as they are.
    retrigger = function(_, ctx)
        local last = ctx.last
        if last.gone then
            return true
        end
        local finished = last.phase == "Succeeded" or last.phase == "Failed"
        -- An alert dated in the future (a wrong clock) starts after every completion: without the last condition it
        -- would get a new Task each time one finishes. It has fired again only when startsAt has moved.
        return finished and last.completed_at > 0 and last.trigger_at > last.completed_at
            and last.trigger_at > last.starts_at
    end,

    -- Every alert of the key has resolved before its Task has started. The other answer is "cancel_pending".
    on_resolve = function()
        return "keep"
    end,
}
