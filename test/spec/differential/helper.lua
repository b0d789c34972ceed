-- A helper for `helped.lua`, not a spec.
local busted = require "busted"
busted.setup(function() _G.from_helper = table.concat(arg or {}, "+") end)
busted.before_each(function() _G.count = (_G.count or 0) + 1 end)
busted.subscribe({"test", "end"}, function(element, parent, status)
    print("# told of " .. element.name .. ": " .. status .. " in " .. parent.name)
    return nil, true
end)
busted.subscribe({"describe", "start"}, function(element) print("# begins " .. element.name) return nil, true end)
_G.arguments = table.concat(arg or {}, " ")
