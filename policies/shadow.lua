-- Shadow: everything is decided and shown, and nothing is done.
--
-- Use it on a new spawner: `plan`, `once` and `run` say skip policy.shadow for each alert that would have had
-- a Task. To try a policy of your own this way, give its file `mode = "shadow"`, or extend it here instead of
-- policy.base.
--
--      metadata:
--        annotations:
--          alerts.kelos.dev/policy: shadow

return policy.extend(policy.base, {
    api = 1,
    name = "shadow",
    describe = "decides like the default and makes no Task",
    mode = "shadow",
})
