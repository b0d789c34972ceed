#include "render.h"

#include "lua/gotemplate.h"
#include "vm.h"

#include "embedded.h"
#include "base/mem.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdlib.h>
#include <string.h>

extern const struct embed_file render_prelude[]; /* render.lua */

struct render {
    struct render_template *templates;
    size_t n;
    struct vm *vm; /* NULL: no template needs one */
    int render_ref;
    uint64_t serial; /* of the data that the VM holds; 0: none */
    uint64_t spent;
    volatile struct black_box *box;
};

struct step {
    struct render *r;
    size_t i;
    const struct render_data *data;
    struct buf *out;
    bool failed; /* out is Go's sentence */
};

static void announce(struct render *r, size_t i, uint32_t id)
{
    if (!r->box)
        return;
    r->box->hook = HOOK_NONE;
    r->box->id = id;
    r->box->policy = UINT32_MAX;
    r->box->calls = r->box->calls + 1;
    r->box->hook = r->templates[i].is_name ? HOOK_NAME : HOOK_TEMPLATE;
}

static void announce_end(struct render *r)
{
    if (r->box)
        r->box->hook = HOOK_NONE;
}

static int open_engine(lua_State *L)
{
    struct render *r = vm_arg(L);
    /* only our own Lua runs here: the plain libraries, without those that reach outside */
    static const luaL_Reg libraries[] = {{LUA_GNAME, luaopen_base},
                                         {LUA_STRLIBNAME, luaopen_string},
                                         {LUA_TABLIBNAME, luaopen_table},
                                         {LUA_MATHLIBNAME, luaopen_math},
                                         {LUA_UTF8LIBNAME, luaopen_utf8}};
    for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++) {
        luaL_requiref(L, libraries[i].name, libraries[i].func, 1);
        lua_pop(L, 1);
    }
    const struct embed_file *f = render_prelude;
    if (embedded_load(L, f, "=(prelude)") != LUA_OK)
        lua_error(L);
    gotemplate_open(L);
    lua_call(L, 1, 1);
    r->render_ref = luaL_ref(L, LUA_REGISTRYINDEX);
    return 0;
}

static int parse(lua_State *L)
{
    struct step *s = vm_arg(L);
    struct render_template *t = &s->r->templates[s->i];
    lua_rawgeti(L, LUA_REGISTRYINDEX, s->r->render_ref);
    lua_getfield(L, -1, "parse");
    lua_pushinteger(L, (lua_Integer)s->i);
    lua_pushstring(L, t->which);
    lua_pushlstring(L, t->text.s, t->text.len);
    lua_call(L, 3, 5);
    if (!lua_isnil(L, -5)) {
        size_t len;
        const char *sentence = luaL_tolstring(L, -5, &len);
        text_clean(s->out, sentence, len, WIRE_TEXT_SHOWN - 128);
        s->failed = true;
        return 0;
    }
    if (t->is_name && lua_toboolean(L, -4)) {
        buf_adds(s->out, "a name cannot refer to Context: it must be known before the context is fetched");
        s->failed = true;
    }
    t->uses_title = lua_toboolean(L, -3);
    t->uses_body = lua_toboolean(L, -2);
    t->uses_alert = lua_toboolean(L, -1);
    return 0;
}

static const char *end_sentence(const struct vm *vm, enum vm_end end, struct buf *space)
{
    if (end == VM_TIMEOUT) {
        buf_addf(space, "it used more than %d instructions", RENDER_INSTRUCTIONS);
        return space->data;
    }
    return vm->message.data;
}

static void parse_all(struct render *r)
{
    struct buf out = {0}, space = {0};
    for (size_t i = 0; i < r->n; i++) {
        struct render_template *t = &r->templates[i];
        if (t->literal)
            continue;
        buf_clear(&out);
        buf_clear(&space);
        struct step s = {.r = r, .i = i, .out = &out};
        announce(r, i, 0);
        enum vm_end end = vm_call(r->vm, parse, &s);
        announce_end(r);
        if (end != VM_OK)
            t->problem = xasprintf("failed to render %s template: failed to parse template: %s", t->label,
                                   end_sentence(r->vm, end, &space));
        else if (s.failed)
            t->problem =
                xasprintf("failed to render %s template: failed to parse template: %s", t->label, out.data);
    }
    buf_free(&out);
    buf_free(&space);
}

struct render *render_open(struct render_template *templates, size_t n, volatile struct black_box *box)
{
    struct render *r = xcalloc(1, sizeof *r);
    r->templates = templates;
    r->n = n;
    r->box = box;
    bool needed = false;
    for (size_t i = 0; i < n; i++) {
        templates[i].literal = !memmem(templates[i].text.s, templates[i].text.len, "{{", 2);
        needed = needed || !templates[i].literal;
    }
    if (!needed)
        return r;
    struct vm_limits limits = {.memory = RENDER_MEMORY,
                               .call_instructions = RENDER_INSTRUCTIONS,
                               .total_instructions = UINT64_MAX,
                               .total_used = &r->spent};
    r->vm = vm_create(&limits, box);
    const char *why = "there is no memory for the template engine";
    if (r->vm && vm_call(r->vm, open_engine, r) != VM_OK) {
        why = xstrdup(r->vm->message.data);
        vm_free(&r->vm);
    }
    if (r->vm) {
        parse_all(r);
        return r;
    }
    for (size_t i = 0; i < n; i++)
        if (!templates[i].literal)
            templates[i].problem = xasprintf("failed to render %s template: %s", templates[i].label, why);
    return r;
}

static void set_string(lua_State *L, const char *name, const char *s, size_t len)
{
    lua_pushlstring(L, s ? s : "", len);
    lua_setfield(L, -2, name);
}

static void push_span(lua_State *L, const struct alert *a, struct span s)
{
    struct buf *space = &vm_of(L)->scratch;
    buf_clear(space);
    if (!span_absent(s))
        alert_text(a, s, space);
    lua_pushlstring(L, space->data ? space->data : "", space->len);
}

static void set_span(lua_State *L, const char *name, const struct alert *a, struct span s)
{
    push_span(L, a, s);
    lua_setfield(L, -2, name);
}

static void push_pairs(lua_State *L, const struct alert *a, const struct pair *pairs, uint32_t n)
{
    lua_createtable(L, 0, (int)n);
    for (uint32_t i = 0; i < n; i++) {
        push_span(L, a, pairs[i].name);
        push_span(L, a, pairs[i].value);
        lua_rawset(L, -3);
    }
}

static void push_alert(lua_State *L, const struct alert *a)
{
    const struct alert_index *x = a->index;
    lua_createtable(L, 0, 10);
    push_pairs(L, a, a->labels, x->n_labels);
    lua_setfield(L, -2, "labels");
    push_pairs(L, a, a->annotations, x->n_annotations);
    lua_setfield(L, -2, "annotations");
    lua_createtable(L, (int)x->n_receivers, 0);
    for (uint32_t i = 0; i < x->n_receivers; i++) {
        push_span(L, a, a->receivers[i]);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_setfield(L, -2, "receivers");
    set_span(L, "startsAt", a, x->field[ALERT_STARTS_AT]);
    set_span(L, "endsAt", a, x->field[ALERT_ENDS_AT]);
    set_span(L, "updatedAt", a, x->field[ALERT_UPDATED_AT]);
    set_span(L, "generatorURL", a, x->field[ALERT_GENERATOR_URL]);
    set_span(L, "fingerprint", a, x->field[ALERT_FINGERPRINT]);
    set_span(L, "state", a, x->field[ALERT_STATE]);
}

/* The label names, sorted, joined with ", ". */
static void push_label_names(lua_State *L, const struct alert *a)
{
    lua_getfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_getfield(L, -1, LUA_TABLIBNAME);
    lua_getfield(L, -1, "concat");
    lua_getfield(L, -2, "sort");
    lua_createtable(L, (int)a->index->n_labels, 0);
    for (uint32_t i = 0; i < a->index->n_labels; i++) {
        push_span(L, a, a->labels[i].name);
        lua_rawseti(L, -2, (lua_Integer)i + 1);
    }
    lua_pushvalue(L, -1);
    lua_insert(L, -3);
    lua_call(L, 1, 0); /* sort, leaving concat and the list */
    lua_pushliteral(L, ", ");
    lua_call(L, 2, 1);
    lua_replace(L, -3);
    lua_pop(L, 1);
}

static void push_data(lua_State *L, const struct render_data *d, bool with_alert)
{
    static const char *const empty[] = {"Comments",       "Branch", "ReviewState",
                                        "ReviewComments", "Time",   "Schedule"};
    const struct alert *a = d->alert;
    lua_createtable(L, 0, 20);
    set_string(L, "ID", d->id, strlen(d->id));
    lua_pushinteger(L, d->number);
    lua_setfield(L, -2, "Number");
    set_string(L, "Title", d->title->data, d->title->len);
    set_string(L, "Body", d->body->data, d->body->len);
    set_span(L, "URL", a, a->index->field[ALERT_GENERATOR_URL]);
    push_label_names(L, a);
    lua_setfield(L, -2, "Labels");
    set_string(L, "Kind", "Alert", 5);
    for (size_t i = 0; i < sizeof empty / sizeof *empty; i++)
        set_string(L, empty[i], "", 0);
    set_span(L, "Fingerprint", a, a->index->field[ALERT_FINGERPRINT]);
    set_span(L, "StartsAt", a, a->index->field[ALERT_STARTS_AT]);
    set_span(L, "Severity", a, alert_label(a, "severity"));
    if (!with_alert)
        return;
    push_alert(L, a);
    lua_setfield(L, -2, "Alert");
}

static int output_max(size_t i)
{
    return i == 0 ? WIRE_PROMPT_MAX : WIRE_VALUE_MAX; /* the prompt is the first */
}

/* What is not UTF-8 grows when it is repaired. */
static int check_size(const struct render *r, size_t i, struct buf *out)
{
    if (out->len <= (size_t)output_max(i))
        return 0;
    buf_clear(out);
    buf_addf(out, "failed to render %s template: the result is larger than %d bytes", r->templates[i].label,
             output_max(i));
    return -1;
}

static int execute(lua_State *L)
{
    struct step *s = vm_arg(L);
    size_t len;
    lua_rawgeti(L, LUA_REGISTRYINDEX, s->r->render_ref);
    if (s->r->serial != s->data->serial) {
        s->r->serial = 0;
        lua_getfield(L, -1, "set");
        /* names are rendered for every alert, and most need only its ID: the map is the dearest of the data
         */
        const struct render_template *t = &s->r->templates[s->i];
        push_data(L, s->data, !t->is_name || t->uses_alert);
        lua_call(L, 1, 0);
        s->r->serial = s->data->serial;
    }
    lua_getfield(L, -1, "execute");
    lua_pushinteger(L, (lua_Integer)s->i);
    lua_pushinteger(L, output_max(s->i));
    lua_call(L, 2, 2);
    s->failed = lua_type(L, -2) != LUA_TSTRING;
    const char *text = luaL_tolstring(L, s->failed ? -1 : -2, &len);
    if (s->failed)
        text_clean(s->out, text, len, WIRE_TEXT_SHOWN - 128);
    else
        text_repair(s->out, text, len);
    return 0;
}

int render_execute(struct render *r, size_t i, uint32_t id, const struct render_data *data, struct buf *out)
{
    const struct render_template *t = &r->templates[i];
    buf_clear(out);
    if (t->literal) {
        text_repair(out, t->text.s, t->text.len);
        return check_size(r, i, out);
    }
    if (t->problem) {
        buf_adds(out, t->problem);
        return -1;
    }
    struct step s = {.r = r, .i = i, .data = data, .out = out};
    announce(r, i, id);
    enum vm_end end = vm_call(r->vm, execute, &s);
    announce_end(r);
    if (end == VM_OK && !s.failed && t->is_name &&
        memmem(out->data ? out->data : "", out->len, "<no value>", 10)) {
        buf_clear(out);
        buf_addf(out, "failed to render %s template: a value is missing: the result holds \"<no value>\"",
                 t->label);
        return -1;
    }
    if (end == VM_OK && !s.failed)
        return check_size(r, i, out);
    struct buf space = {0};
    char *sentence = xasprintf("failed to render %s template: failed to execute template: %s", t->label,
                               end == VM_OK ? out->data : end_sentence(r->vm, end, &space));
    buf_clear(out);
    buf_adds(out, sentence);
    free(sentence);
    buf_free(&space);
    return -1;
}

void render_free(struct render **r)
{
    if (!*r)
        return;
    for (size_t i = 0; i < (*r)->n; i++)
        free((*r)->templates[i].problem);
    vm_free(&(*r)->vm);
    free(*r);
    *r = NULL;
}
