-- Fenced body: the alert's own text is marked as data for the agent, not as instructions.
--
-- Use it wherever labels and annotations can hold words from outside (an error message, a URL, a user's
-- name). The body puts them between two lines with a mark that the text cannot contain, and says what they
-- are. That makes an injected instruction easy to see through; it does not make it harmless: what the agent
-- may do is still yours to bound. The prompt must use {{.Body}}; {{.Alert...}} and {{.Title}} are not fenced,
-- so this title is short and plain.
--
--      metadata:
--        annotations:
--          alerts.kelos.dev/policy: fenced_body
--          alerts.kelos.dev/policy-config: '{"intro": "Find the cause and open a pull request."}'
--
-- policy-config   intro   what the agent should do, above the fence (default: nothing)
--                 outro   the same, below (default: nothing)

return policy.extend(policy.base, {
    api = 1,
    name = "fenced_body",
    describe = "the body with the alert's text in a fence",

    -- What is no letter, digit or one of "_.-" becomes one "-": a name can be read, a sentence stops being one.
    title = function(alert)
        local plain = string.gsub(text.truncate(alert.name or "", 60), "[^%w_.-]+", "-")
        return plain
    end,

    body = function(alert, ctx)
        return report.body(alert, ctx, {fence = true, intro = ctx.config.intro, outro = ctx.config.outro})
    end,
})
