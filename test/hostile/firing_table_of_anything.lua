-- expect: judge: drop policy.filter [0 of 6]
-- Tables that are no labels: objects that raise, far too many, megabytes, themselves.
local raising = setmetatable({}, { __index = error, __pairs = error, __len = error })
local itself = {}
itself.itself = itself
local many = {}
for i = 1, 100000 do many["n" .. i] = "x" end

return {
    api = 1, match = 'alertname!=""',

    filter = function(_, ctx)
        local tables, n = { raising, itself, many, { x = ("y"):rep(1000000) }, { [("x"):rep(1000000)] = "" }, ctx.config }, 0
        for i = 1, 6 do
            if pcall(ctx.firing, tables[i]) then n = n + 1 end
        end
        return false, n .. " of " .. #tables
    end,
}
