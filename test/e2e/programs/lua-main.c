/* Runs one Lua script with the standard libraries; the script's path is the only argument. Exit status: the script's
 * returned integer, or 1 with Lua's message on standard error. */
#include <stdio.h>
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

int main(int argc, char **argv) {
  if (argc != 2) {
    fprintf(stderr, "usage: %s SCRIPT\n", argv[0]);
    return 2;
  }
  lua_State *L = luaL_newstate();
  if (L == NULL) return 3;
  luaL_openlibs(L);
  if (luaL_loadfile(L, argv[1]) != LUA_OK || lua_pcall(L, 0, 1, 0) != LUA_OK) {
    fprintf(stderr, "%s\n", lua_tostring(L, -1));
    lua_close(L);
    return 1;
  }
  int status = (int)lua_tointeger(L, -1);
  lua_close(L);
  return status;
}
