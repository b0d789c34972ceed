-- Fields and hooks of the returned table.
--- case a misspelled hook
return {
    api = 1,
    filtr = function() return true end, --> error: unknown field 'filtr'; did you mean 'filter'?
}
--- case in extend, by a string key, and a field that is nothing at all
return policy.extend(policy.base, {
    api = 1,
    ["titel"] = function() return "x" end, --> error: unknown field 'titel'; did you mean 'title'?
    owner_of_this_policy = "me", --> error: unknown field 'owner_of_this_policy'
})
--- case a table that is built in steps
local p = { api = 1 }
p.matches = 'a="b"' --> error: unknown field 'matches'; did you mean 'match'?
function p.retriger() return false end --> error: unknown field 'retriger'; did you mean 'retrigger'?
return p
--- case extended, then added to
local p = policy.extend(policy.base, { api = 1 })
p.prio = 3 --> error: unknown field 'prio'
return p
--- case elements without a name
return { api = 1, "payments" } --> error: unknown field '[1]'
--- case limits
return {
    api = 1,
    limits = {
        per_hour = 3,
        per_dya = 10, --> error: unknown field 'limits.per_dya'; did you mean 'per_day'?
        reserve = { slots = 1, prority = 10 }, --> error: unknown field 'limits.reserve.prority'; did you mean 'priority'?
    },
}
--- case all that there is
return {
    api = 1, name = "payments", match = 'team="payments"', reasons = { late = "too late" }, describe = "all",
    limits = { per_hour = 1, per_day = 2, ramp = 3, reserve = { slots = 1, priority = 100 } },
    mode = "shadow", zones = { "Europe/Rome" }, state_version = 2,
    filter = function(alert, ctx, super) return false, "late" end,
    key = function(alert) return alert.fingerprint end,
    priority = function() return 3 end,
    title = function() return "t" end,
    body = function() return "b" end,
    retrigger = function() return false end,
    on_resolve = function() return "keep" end,
}
--- case the parent's fields are the parent's
local parent = { nonsense = 1 }
return policy.extend(parent, { api = 1 })
--- case a table that cannot be seen is not guessed at
local function make() return { nonsense = 1 } end
return make()
--- case a library returns what it likes
--- file lib_hours.lua
return { nonsense = 1, open = function(ctx) return ctx.now end }
--- case other tables are nobody's business
local t = { filtr = 1 }
return { api = 1, describe = t.filtr and "x" or "y" }
