-- expect: load: time_top_level.lua:4: used more than 2000000 instructions
-- expect: judge: error policy.load
local n = 0
repeat n = n + 1 until n < 0
return { api = 1 }
