-- expect: load: return_million_fields.lua
local t = {}
for i = 1, 150000 do t[i] = true end
return t
