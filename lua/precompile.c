/* precompile IN OUT CHUNKNAME: a tool of the build. Compiles one of our own Lua files, so that a worker, which lives for one
 * cycle, need not: reading Lua's own form takes a tenth of the time. OUT begins with the release of the Lua that wrote it
 * (lua_ident) and a NUL; embedded.h loads the text instead where the worker runs with another one. */
#include <lauxlib.h>
#include <stdio.h>
#include <string.h>

static int write_out(lua_State *L, const void *bytes, size_t len, void *out)
{
    (void)L;
    return fwrite(bytes, 1, len, out) == len ? 0 : 1;
}

static int compile(const char *in, const char *out, const char *chunk)
{
    static char text[1 << 20];
    FILE *f = fopen(in, "rb");
    size_t len = f != NULL ? fread(text, 1, sizeof text, f) : 0;
    if (f == NULL || len == sizeof text || ferror(f)) {
        perror(in);
        return 1;
    }
    fclose(f);
    lua_State *L = luaL_newstate();
    int rc = luaL_loadbufferx(L, text, len, chunk, "t");
    if (rc != LUA_OK)
        fprintf(stderr, "%s: %s\n", in, lua_tostring(L, -1));
    FILE *o = rc == LUA_OK ? fopen(out, "wb") : NULL;
    if (o != NULL)
        rc = fwrite(lua_ident, 1, strlen(lua_ident) + 1, o) != strlen(lua_ident) + 1 || lua_dump(L, write_out, o, 0) != 0;
    if (rc == LUA_OK && (o == NULL || fclose(o) != 0)) {
        perror(out);
        rc = 1;
    }
    lua_close(L);
    return rc != LUA_OK;
}

int main(int argc, char **argv)
{
    if (argc == 4)
        return compile(argv[1], argv[2], argv[3]);
    fputs("usage: precompile IN OUT CHUNKNAME\n", stderr);
    return 2;
}
