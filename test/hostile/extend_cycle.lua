-- expect: load: extend_cycle.lua:4: policy.extend: at most 4 layers
local p = policy.base
while true do
    p = policy.extend(p, {})
end
