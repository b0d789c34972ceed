-- Drops without a reason.
--- case false alone
return {
    api = 1,
    filter = function(alert)
        if alert.labels.severity == "info" then
            return false --> warning: filter drops the alert and does not say why
        end
        return (false) --> warning: does not say why
    end,
}
--- case with a reason, computed, and of another hook
return {
    api = 1,
    filter = function(alert)
        if alert.labels.severity == "info" then
            return false, "too low"
        end
        return alert.labels.severity ~= "none"
    end,
    retrigger = function() return false end,
}
