/* GET /: what there is to ask. */
#pragma once

#include "net/server.h"

void index_route(struct http_server *s);
