/* text.redact: see base/redact.h for what it takes. */
#include "lib.h"

#include "base/redact.h"
#include "vm.h"

static void to_buffer(void *arg, const char *bytes, size_t len)
{
    luaL_addlstring(arg, bytes, len);
}

int text_redact(lua_State *L)
{
    size_t len;
    luaL_Buffer out;
    const char *text = lib_text(L, "text.redact", 1, &len);
    vm_charge(L, len * 2);
    luaL_buffinit(L, &out);
    redact_text(text, len, to_buffer, &out);
    luaL_pushresult(&out);
    return 1;
}
