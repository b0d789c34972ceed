#include "bind_alert.h"

#include "matcher.h"
#include "vm.h"

#include "alerts/identity.h"

#include <lauxlib.h>
#include <string.h>

#define ALERT "alert"
#define VIEW  "alert view"

struct alert_box {
    const struct alert *alert; /* NULL: gone */
};

/* alert.labels and the like. User value 1 is the alert, which it keeps alive. */
enum view_kind { LABELS, ANNOTATIONS, RECEIVERS, SILENCED_BY, INHIBITED_BY, VIEWS };
static const char *const view_names[VIEWS] = {"labels", "annotations", "receivers", "silenced_by",
                                              "inhibited_by"};

struct view {
    struct alert_box *box;
    enum view_kind kind;
};

struct alert_box *bind_alert_push(lua_State *L, const struct alert *alert)
{
    struct alert_box *box = lua_newuserdatauv(L, sizeof *box, VIEWS);
    box->alert = alert;
    luaL_setmetatable(L, ALERT);
    return box;
}

void alert_box_close(struct alert_box *box)
{
    box->alert = NULL;
}

static const struct alert *open_alert(lua_State *L, const struct alert_box *box)
{
    if (!box->alert)
        luaL_error(L, "this alert is gone: a policy must not keep alerts between calls");
    return box->alert;
}

static const struct alert *check_alert(lua_State *L, int arg)
{
    return open_alert(L, luaL_checkudata(L, arg, ALERT));
}

const struct alert *bind_alert_test(lua_State *L, int idx)
{
    const struct alert_box *box = luaL_testudata(L, idx, ALERT);
    return box ? open_alert(L, box) : NULL;
}

static void push_text(lua_State *L, const struct alert *a, struct span s)
{
    if (span_absent(s)) {
        lua_pushnil(L);
        return;
    }
    if (!(s.len & SPAN_ESCAPED)) {
        if (s.len > 256)
            vm_charge(L, s.len / 8);
        lua_pushlstring(L, a->bytes + s.off, s.len);
        return;
    }
    struct buf *space = &vm_of(L)->scratch; /* no memory is lost when the push raises */
    buf_clear(space);
    alert_text(a, s, space);
    vm_charge(L, space->len / 8);
    lua_pushlstring(L, space->data ? space->data : "", space->len);
}

/* The value of a name that Lua gave: any text, a NUL in it included. */
static struct span find(lua_State *L, const struct alert *a, int arg, bool annotation)
{
    size_t len;
    const char *name = luaL_checklstring(L, arg, &len);
    if (strlen(name) != len)
        return (struct span){SPAN_NONE, 0};
    vm_charge(L, annotation ? a->index->n_annotations : a->index->n_labels);
    return annotation ? alert_annotation(a, name) : alert_label(a, name);
}

/* Views: a map of names, or a list. */

static const struct span *list_of(const struct alert *a, enum view_kind kind, uint32_t *n)
{
    switch (kind) {
    case RECEIVERS:
        *n = a->index->n_receivers;
        return a->receivers;
    case SILENCED_BY:
        *n = a->index->n_silenced;
        return a->silenced_by;
    default:
        *n = a->index->n_inhibited;
        return a->inhibited_by;
    }
}

static int view_index(lua_State *L)
{
    struct view *v = luaL_checkudata(L, 1, VIEW);
    const struct alert *a = open_alert(L, v->box);
    if (v->kind == LABELS || v->kind == ANNOTATIONS) {
        if (lua_type(L, 2) != LUA_TSTRING) {
            lua_pushnil(L);
            return 1;
        }
        push_text(L, a, find(L, a, 2, v->kind == ANNOTATIONS));
        vm_tell_read(L, v->kind == LABELS ? "labels." : "annotations.", lua_tostring(L, 2));
        return 1;
    }
    uint32_t n;
    const struct span *list = list_of(a, v->kind, &n);
    int is_integer;
    lua_Integer i = lua_tointegerx(L, 2, &is_integer);
    if (lua_type(L, 2) == LUA_TNUMBER && is_integer && i >= 1 && i <= (lua_Integer)n)
        push_text(L, a, list[i - 1]);
    else
        lua_pushnil(L);
    return 1;
}

static int view_len(lua_State *L)
{
    struct view *v = luaL_checkudata(L, 1, VIEW);
    const struct alert *a = open_alert(L, v->box);
    uint32_t n;
    if (v->kind == LABELS || v->kind == ANNOTATIONS)
        return luaL_error(L, "alert.%s has names, no numbers: it has no length", view_names[v->kind]);
    list_of(a, v->kind, &n);
    lua_pushinteger(L, n);
    return 1;
}

static int next_list_element(lua_State *L)
{
    lua_Integer i = luaL_checkinteger(L, 2) + 1;
    lua_pushinteger(L, i);
    lua_geti(L, 1, i);
    return lua_isnil(L, -1) ? 1 : 2;
}

struct order {
    uint32_t n, at;
    uint32_t pair[]; /* numbers of pairs, by name */
};

/* Upvalues: the view, the order. */
static int next_pair(lua_State *L)
{
    struct view *v = lua_touserdata(L, lua_upvalueindex(1));
    struct order *o = lua_touserdata(L, lua_upvalueindex(2));
    const struct alert *a = open_alert(L, v->box);
    if (o->at == o->n) {
        lua_pushnil(L);
        return 1;
    }
    const struct pair *p = (v->kind == LABELS ? a->labels : a->annotations) + o->pair[o->at++];
    push_text(L, a, p->name);
    push_text(L, a, p->value);
    return 2;
}

/* Sorted by name, so that what a policy builds does not change from one run to the next. */
static int view_pairs(lua_State *L)
{
    struct view *v = luaL_checkudata(L, 1, VIEW);
    const struct alert *a = open_alert(L, v->box);
    if (v->kind != LABELS && v->kind != ANNOTATIONS) {
        lua_pushcfunction(L, next_list_element);
        lua_pushvalue(L, 1);
        lua_pushinteger(L, 0);
        return 3;
    }
    const struct pair *pairs = v->kind == LABELS ? a->labels : a->annotations;
    uint32_t n = v->kind == LABELS ? a->index->n_labels : a->index->n_annotations;
    vm_charge(L, (size_t)n * 16);
    lua_pushvalue(L, 1);
    struct order *o = lua_newuserdatauv(L, sizeof *o + n * sizeof *o->pair, 0);
    o->n = o->at = 0;
    for (uint32_t i = 0; i < n; i++) { /* insertion: they come sorted from Alertmanager, or nearly */
        uint32_t j = o->n++;
        while (j && alert_span_compare(a, pairs[o->pair[j - 1]].name, pairs[i].name) > 0) {
            o->pair[j] = o->pair[j - 1];
            j--;
        }
        o->pair[j] = i;
    }
    lua_pushcclosure(L, next_pair, 2);
    return 1;
}

static int view_newindex(lua_State *L)
{
    struct view *v = luaL_checkudata(L, 1, VIEW);
    return luaL_error(L, "alert.%s is read-only; return a value instead", view_names[v->kind]);
}

static int view_tostring(lua_State *L)
{
    struct view *v = luaL_checkudata(L, 1, VIEW);
    lua_pushfstring(L, "alert.%s", view_names[v->kind]);
    return 1;
}

static void push_view(lua_State *L, enum view_kind kind)
{
    if (lua_getiuservalue(L, 1, (int)kind + 1) == LUA_TUSERDATA)
        return;
    lua_pop(L, 1);
    struct view *v = lua_newuserdatauv(L, sizeof *v, 1);
    v->box = lua_touserdata(L, 1);
    v->kind = kind;
    luaL_setmetatable(L, VIEW);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, 1);
    lua_pushvalue(L, -1);
    lua_setiuservalue(L, 1, (int)kind + 1);
}

/* The alert itself. */

static int alert_get_label(lua_State *L)
{
    const struct alert *a = check_alert(L, 1);
    push_text(L, a, find(L, a, 2, false));
    vm_tell_read(L, "labels.", lua_tostring(L, 2));
    if (lua_isnil(L, -1))
        lua_settop(L, 3);
    return 1;
}

static int alert_get_annotation(lua_State *L)
{
    const struct alert *a = check_alert(L, 1);
    push_text(L, a, find(L, a, 2, true));
    vm_tell_read(L, "annotations.", lua_tostring(L, 2));
    if (lua_isnil(L, -1))
        lua_settop(L, 3);
    return 1;
}

bool bind_alert_fits(lua_State *L, const char *fn, const struct alert *a, const char *text, size_t len)
{
    struct vm *vm = vm_of(L);
    struct err e;
    const struct matcher *m = matcher_cached(&vm->matchers, text, len, &e);
    if (!m)
        luaL_error(L, "%s: %s", fn, e.msg);
    vm_charge(L, 64);
    return matcher_fits(m, a, &vm->scratch);
}

static int alert_matches(lua_State *L)
{
    size_t len;
    const struct alert *a = check_alert(L, 1);
    const char *text = luaL_checklstring(L, 2, &len);
    lua_pushboolean(L, bind_alert_fits(L, "alert:matches", a, text, len));
    vm_tell_read(L, "matches ", text);
    return 1;
}

static void push_moment(lua_State *L, const struct alert *a, enum alert_field f)
{
    moment_t t = alert_moment(a, f);
    if (t == MOMENT_NONE)
        lua_pushnil(L);
    else
        lua_pushnumber(L, (lua_Number)t / MOMENT_SECOND);
}

static const char *const fields[] = {"annotation",   "annotations", "ends_at",     "fingerprint",
                                     "inhibited_by", "label",       "labels",      "matches",
                                     "name",         "receivers",   "silenced_by", "starts_at",
                                     "state",        "updated_at",  "url",         NULL};
enum {
    F_ANNOTATION,
    F_ANNOTATIONS,
    F_ENDS_AT,
    F_FINGERPRINT,
    F_INHIBITED_BY,
    F_LABEL,
    F_LABELS,
    F_MATCHES,
    F_NAME,
    F_RECEIVERS,
    F_SILENCED_BY,
    F_STARTS_AT,
    F_STATE,
    F_UPDATED_AT,
    F_URL
};

static int no_field(lua_State *L, const struct alert *a, const char *name)
{
    if (!span_absent(alert_label(a, name)))
        return luaL_error(L, "alert has no field '%s'; did you mean alert.labels.%s?", name, name);
    if (!span_absent(alert_annotation(a, name)))
        return luaL_error(L, "alert has no field '%s'; did you mean alert.annotations.%s?", name, name);
    return luaL_error(
        L, "alert has no field '%s'; labels are in alert.labels, annotations in alert.annotations", name);
}

/* Upvalue 1: field name -> number. A typo raises instead of being nil: nil would be a decision nobody meant.
 */
static int alert_index_field(lua_State *L)
{
    const struct alert *a = check_alert(L, 1);
    const char *name = luaL_checkstring(L, 2);
    lua_pushvalue(L, 2);
    if (lua_rawget(L, lua_upvalueindex(1)) != LUA_TNUMBER)
        return no_field(L, a, name);
    char digits[IDENTITY_TEXT];
    switch (lua_tointeger(L, -1)) {
    case F_ANNOTATION:
        lua_pushcfunction(L, alert_get_annotation);
        break;
    case F_ANNOTATIONS:
        push_view(L, ANNOTATIONS);
        break;
    case F_ENDS_AT:
        push_moment(L, a, ALERT_ENDS_AT);
        break;
    case F_FINGERPRINT:
        identity_format(a->index->fingerprint, digits);
        lua_pushstring(L, digits);
        break;
    case F_INHIBITED_BY:
        push_view(L, INHIBITED_BY);
        break;
    case F_LABEL:
        lua_pushcfunction(L, alert_get_label);
        break;
    case F_LABELS:
        push_view(L, LABELS);
        break;
    case F_MATCHES:
        lua_pushcfunction(L, alert_matches);
        break;
    case F_NAME:
        push_text(L, a, alert_label(a, "alertname"));
        break;
    case F_RECEIVERS:
        push_view(L, RECEIVERS);
        break;
    case F_SILENCED_BY:
        push_view(L, SILENCED_BY);
        break;
    case F_STARTS_AT:
        push_moment(L, a, ALERT_STARTS_AT);
        break;
    case F_STATE:
        push_text(L, a, a->index->field[ALERT_STATE]);
        break;
    case F_UPDATED_AT:
        push_moment(L, a, ALERT_UPDATED_AT);
        break;
    default: /* F_URL: empty when there is none */
        push_text(L, a, a->index->field[ALERT_GENERATOR_URL]);
        if (lua_isnil(L, -1))
            lua_pushliteral(L, "");
    }
    vm_tell_read(L, "alert.", name);
    return 1;
}

static int alert_newindex(lua_State *L)
{
    return luaL_error(L, "alert is read-only; return a value instead");
}

static int alert_pairs(lua_State *L)
{
    return luaL_error(L, "pairs(alert) is not possible; walk alert.labels or alert.annotations");
}

static int alert_tostring(lua_State *L)
{
    struct alert_box *box = luaL_checkudata(L, 1, ALERT);
    if (!box->alert) {
        lua_pushliteral(L, "alert (gone)");
        return 1;
    }
    char digits[IDENTITY_TEXT];
    identity_format(box->alert->index->fingerprint, digits);
    lua_pushfstring(L, "alert %s", digits);
    return 1;
}

static const luaL_Reg alert_methods[] = {
    {"__newindex", alert_newindex}, {"__pairs", alert_pairs}, {"__tostring", alert_tostring}, {NULL, NULL}};
static const luaL_Reg view_methods[] = {{"__index", view_index},       {"__len", view_len},
                                        {"__newindex", view_newindex}, {"__pairs", view_pairs},
                                        {"__tostring", view_tostring}, {NULL, NULL}};

void bind_alert_open(lua_State *L)
{
    luaL_newmetatable(L, ALERT);
    luaL_setfuncs(L, alert_methods, 0);
    lua_newtable(L);
    for (int i = 0; fields[i]; i++) {
        lua_pushinteger(L, i);
        lua_setfield(L, -2, fields[i]);
    }
    lua_pushcclosure(L, alert_index_field, 1);
    lua_setfield(L, -2, "__index");
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    luaL_newmetatable(L, VIEW);
    luaL_setfuncs(L, view_methods, 0);
    lua_pushboolean(L, 0);
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 2);
}
