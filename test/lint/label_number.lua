-- Labels against numbers.
--- case every comparison
return {
    api = 1,
    filter = function(alert)
        local level = alert.labels.level
        if alert.labels.count > 3 or level == 1 then --> warning: the label is a string, so comparing it with a number fails --> warning: is never equal
            return false, "x"
        end
        return 5 <= alert:annotation("value", "0") and alert:label("level") ~= -1 --> warning: the annotation is a string --> warning: the label is a string
    end,
}
--- case tonumber, and strings
return {
    api = 1,
    filter = function(alert)
        local level = tonumber(alert.labels.level)
        if level == 1 or (tonumber(alert.labels.count) or 0) > 3 then
            return false, "x"
        end
        return alert.labels.level == "1" and #alert.labels.level > 3
    end,
}
--- case a local that is assigned to again
return {
    api = 1,
    filter = function(alert)
        local level = alert.labels.level
        level = tonumber(level)
        return level == 1
    end,
}
