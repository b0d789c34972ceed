-- expect: judge: keep
-- CVE-2022-28805: code generation for a constant _ENV.
return {
    api = 1, match = 'alertname!=""',
    filter = function()
        local _ENV <const> = { ok = true }
        return ok
    end,
}
