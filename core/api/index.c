/* What there is to ask: see index.h. */
#include "api/index.h"

static void get_index(void *arg, struct http_exchange *x)
{
    struct buf b = {0};
    buf_adds(&b, "alertspawner " AS_VERSION "\n\n");
    http_server_list(arg, &b);
    http_exchange_answer(x, 200, HTTP_TEXT, &b);
}

void index_route(struct http_server *s)
{
    http_server_route(s, &(struct http_route){"/", "this list", false, get_index, s});
}
