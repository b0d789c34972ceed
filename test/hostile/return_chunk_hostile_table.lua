-- expect: load: return_chunk_hostile_table.lua: unknown field '
return setmetatable({ x = 1 }, { __index = error, __pairs = error, __len = error, __newindex = error })
