/* Which requests may come from a page in somebody's browser. A browser on this machine reaches loopback, so any page it
 * shows could ask us; these two checks keep it from reading an answer. Pure. */
#pragma once

#include <stdbool.h>

/* May the Host header be ours? An address, localhost, a name that no public DNS can give to a stranger (a single label,
 * .localhost, .svc, .cluster.local, .internal), or one of `names` (NULL-ended; what --listen and this machine are called).
 * Everything else could be a stranger's name that was pointed at us (DNS rebinding). NULL (HTTP/1.0) is fine: browsers
 * send one. */
bool guard_host(const char *host, const char *const names[]);

/* May the one who asks read the answer? `origin` and `site` (Sec-Fetch-Site), `mode` (Sec-Fetch-Mode) as sent, or NULL.
 * Programs send none of them; a browser sends them for a page of ours, or another's. Following a link to us is fine. */
bool guard_origin(const char *origin, const char *host, const char *site, const char *mode);
