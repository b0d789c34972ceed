-- Joining what may be absent.
--- case labels and annotations
return {
    api = 1,
    title = function(alert)
        return "pod " .. alert.labels.pod --> warning: the label 'pod' may be absent, and .. then fails; use alert:label("pod", "")
    end,
    body = function(a)
        local annotations = a.annotations
        return annotations.summary .. "\n" .. a.annotations["description"] --> warning: use alert:annotation("summary", "") --> warning: use alert:annotation("description", "")
    end,
}
--- case with a default, checked before, or by the helper
return {
    api = 1,
    title = function(alert)
        return "pod " .. (alert.labels.pod or "?") .. alert:label("node", "")
    end,
    body = function(alert)
        if alert.annotations.summary then
            return alert.annotations.summary .. "."
        end
        local node = alert.labels.node and " on " .. alert.labels.node or ""
        local team = alert.labels.team
        if not team then
            return nil
        end
        return team .. node
    end,
}
--- case a label that match asks for is there
return {
    api = 1,
    match = 'team="payments"',
    title = function(alert) return "team " .. alert.labels.team end,
}
--- case what was checked in one hook is not checked in the next
return {
    api = 1,
    filter = function(alert) return alert.labels.pod ~= nil end,
    title = function(alert) return alert.labels.pod .. "!" end, --> warning: the label 'pod' may be absent
}
--- case a helper function outside of the hooks
local function where(alert)
    return alert.labels.node .. "/" .. tostring(alert.labels.pod) --> warning: the label 'node' may be absent
end
return { api = 1, title = function(alert) return where(alert) end }
--- case tables of one's own
local t = { labels = { pod = "x" } }
return { api = 1, title = function() return "pod " .. t.labels.pod end }
--- case alerts of the group
return {
    api = 1,
    title = function(alert, ctx)
        return "first: " .. ctx.group[1].labels.pod --> warning: the label 'pod' may be absent
    end,
}
