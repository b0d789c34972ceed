-- expect: load: include_missing.lua:5: include: there is no lib_passwd.lua beside the policies, and no other library
-- Libraries that are not there, names that are paths, and include from inside a hook.
for _, name in ipairs { "../lib_x", "/etc/passwd", "lib_a/../b", "lib_a\0", "", ("lib_"):rep(100), "lib_%s%n" } do
    assert(not pcall(include, name)) end
include "lib_passwd"
