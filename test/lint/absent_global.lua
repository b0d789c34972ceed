-- Globals that are not there.
--- case what a policy must not have, each with what to write instead
local now = os.time() --> error: 'os.time' does not exist in a policy; use ctx.now
local day = os.date("%A") --> error: use time.format(ctx.now, ...)
local f = io.open("/etc/passwd") --> error: 'io' does not exist in a policy
local lib = require "lib_hours" --> error: use include "lib_x" for lib_x.lua
