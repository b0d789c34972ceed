-- A module for modules.lua, not a spec.
local M = {name = ..., loaded_at = debug.getinfo(1, "l").currentline}
module_global = "set by a module"
function M.fail(text) error(text) end
function M.fail_above(text) error(text, 2) end
function M.check(value) assert(value, "checked by a module") end
return M
