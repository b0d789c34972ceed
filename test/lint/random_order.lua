-- Text in the order of pairs.
--- case lines of a body
local LINKS = { runbook = "https://r", dashboard = "https://d" }
return {
    api = 1,
    body = function(alert)
        local lines = {}
        for name, link in pairs(LINKS) do --> warning: the order of pairs over a table changes from run to run, and so will this text; collect the names and walk text.sorted(names)
            lines[#lines + 1] = name .. ": " .. link
        end
        return table.concat(lines, "\n")
    end,
}
--- case a list
return {
    api = 1,
    title = function(alert)
        local out = ""
        for _, word in pairs({ "a", "b" }) do --> warning: use ipairs
            out = out .. word
        end
        return out
    end,
}
--- case sorted afterwards
local LINKS = { runbook = "https://r", dashboard = "https://d" }
return {
    api = 1,
    body = function(alert)
        local names = {}
        for name in pairs(LINKS) do
            names[#names + 1] = name
        end
        local lines = {}
        for _, name in ipairs(text.sorted(names)) do
            lines[#lines + 1] = name .. ": " .. LINKS[name]
        end
        return table.concat(lines, "\n")
    end,
}
--- case labels are sorted by themselves, and a count has no order
local WANTED = { team = true, pod = true }
return {
    api = 1,
    body = function(alert)
        local lines, n = {}, 0
        for name, value in pairs(alert.labels) do
            lines[#lines + 1] = name .. "=" .. value
        end
        for name in pairs(WANTED) do
            if alert.labels[name] then n = n + 1 end
        end
        return n .. table.concat(lines)
    end,
}
--- case not while text is built
local WANTED = { team = "x", pod = "y" }
return {
    api = 1,
    filter = function(alert)
        local seen = {}
        for name, value in pairs(WANTED) do
            seen[#seen + 1] = name .. value
        end
        return #seen > 1
    end,
}
