-- Reasons: declared and used.
--- case one that is not declared
return {
    api = 1,
    reasons = { weekend = "it is the weekend", noise = "below the threshold" },
    filter = function(alert)
        if alert.labels.a then return false, "noize" end --> warning: 'noize' looks like a reason code and is not declared in reasons; did you mean 'noise'?
        if alert.labels.b then return false, "noise" end
        return false, "weekend"
    end,
}
--- case one that is never used
return {
    api = 1,
    reasons = {
        weekend = "it is the weekend",
        ["noise"] = "below the threshold", --> warning: the reason 'noise' is declared and never used
    },
    filter = function(alert) return false, "weekend" end,
}
--- case all in order, and free texts
local NIGHT = "night"
return {
    api = 1,
    reasons = { weekend = "it is the weekend", night = "it is night" },
    filter = function(alert)
        if alert.labels.a then return false, "Not ours" end
        if alert.labels.b then return false, "no team label" end
        if alert.labels.c then return false, NIGHT end
        return false, "weekend", "until Monday"
    end,
}
--- case without declared reasons every text is free
return { api = 1, filter = function(alert) return false, "noise" end }
--- case the parent's reasons are inherited
local parent = policy.extend(policy.base, {
    reasons = { noise = "below the threshold" },
    filter = function(alert) return false, "noise" end,
})
return policy.extend(parent, {
    api = 1,
    reasons = { late = "too late" },
    retrigger = function(alert)
        if alert.name then return false, "noise" end
        return false, "late"
    end,
})
--- case a parent that cannot be seen may declare more
local shared = include "lib_shared"
return policy.extend(shared.base, {
    api = 1,
    reasons = { late = "too late" },
    filter = function(alert) return false, "noise" end,
})
