/* Stands in for the template engine until it is there: {{.Name}} only. */
#include "gotemplate.h"
#include <lauxlib.h>
static const char text[] =
"local value = {map=function(t) return t end, list=function(t) return t end}\n"
"local M = {value=value}\n"
"local T = {} T.__index = T\n"
"function T:references(n) return self.text:find('%.'..n) ~= nil end\n"
"function M.parse(name, text) if text:find('{{%s*$') then return nil, 'template: '..name..':1: unclosed action' end return setmetatable({name=name,text=text}, T) end\n"
"function M.execute(t, data, limits)\n"
"  local bad\n"
"  local out = t.text:gsub('{{(.-)}}', function(e) local v = data for n in e:gmatch('%.(%w+)') do v = v[n] if v == nil then bad = n break end end return bad and '' or tostring(v) end)\n"
"  if bad then return nil, 'template: '..t.name..':1:2: executing \"'..t.name..'\" at <.'..bad..'>: map has no entry for key \"'..bad..'\"' end\n"
"  return out end\n"
"return M\n";
int gotemplate_open(lua_State *L)
{
    if (luaL_loadstring(L, text) != LUA_OK)
        lua_error(L);
    lua_call(L, 0, 1);
    return 1;
}
