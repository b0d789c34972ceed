-- Labels as a list.
--- case # and ipairs
return {
    api = 1,
    filter = function(alert)
        for _, value in ipairs(alert.labels) do --> warning: alert.labels has names and no numbers; walk it with pairs
            print(value)
        end
        local annotations = alert.annotations
        return #annotations > 0 --> warning: alert.annotations has names and no numbers
    end,
}
--- case lists
return {
    api = 1,
    filter = function(alert, ctx)
        for name, value in pairs(alert.labels) do print(name, value) end
        for _, receiver in ipairs(alert.receivers) do print(receiver) end
        return #ctx.group > 0 and #alert.labels.pod > 3
    end,
}
