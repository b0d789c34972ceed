-- Group by owner: one Task for everything that fires for one owner, with all of it listed in the body.
--
-- Use it where one fault sets off many alerts and one agent should see them together. The alerts of one owner
-- share a key, so they share a Task; the first of them by priority and age leads, the others are `skip
-- group.member`. An alert that joins while the Task runs gets none of its own. An alert without any of the
-- labels stays alone.
--
--      metadata:
--        annotations:
--          alerts.kelos.dev/policy: group_by_owner
--          alerts.kelos.dev/policy-config: '{"group_by": ["team", "cluster"]}'
--
-- policy-config   group_by   labels whose values make a group (default ["owner", "namespace"])

local KEY_MAX = 200

-- "owner=payments namespace=shop"; nil when the alert has none of the labels.
local function group_of(alert, ctx)
    local parts = {}
    for _, label in ipairs(ctx.config.group_by or {"owner", "namespace"}) do
        local value = alert:label(label, "")
        if value ~= "" then
            parts[#parts + 1] = label .. "=" .. value
        end
    end
    if #parts > 0 then
        return table.concat(parts, " ")
    end
end

return policy.extend(policy.base, {
    api = 1,
    name = "group_by_owner",
    describe = "one Task for all alerts of one owner and namespace",

    key = function(alert, ctx)
        local group = group_of(alert, ctx)
        if group and #group > KEY_MAX then
            group = text.truncate(group, KEY_MAX - 33) .. " " .. hash.hex(group)
        end
        return group -- nil: the base's key, the alert's own
    end,

    title = function(alert, ctx, super)
        local group = group_of(alert, ctx)
        if not group or ctx.group.count < 2 then
            return super()
        end
        return text.truncate(ctx.group.count .. " alerts of " .. group, 200)
    end,

    body = function(alert, ctx)
        return report.body(alert, ctx)
    end,
})
