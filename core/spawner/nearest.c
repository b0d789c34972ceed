/* The nearest name: see nearest.h. */
#include "spawner/nearest.h"

#include <string.h>
#include <strings.h>

enum { SLIPS_MAX = 2 };

void nearest_init(struct nearest *n, const char *written)
{
    *n = (struct nearest){.written = written, .distance = SLIPS_MAX + 1};
}

static int min2(int a, int b)
{
    return a < b ? a : b;
}

/* Optimal string alignment: Damerau-Levenshtein in which no part is edited twice. */
static int slips(const char *a, const char *b)
{
    int rows[3][NEAREST_NAME_MAX + 1];
    int n = (int)strlen(a), m = (int)strlen(b);
    for (int j = 0; j <= m; j++)
        rows[0][j] = j;
    for (int i = 1; i <= n; i++) {
        int *row = rows[i % 3], *up = rows[(i + 2) % 3], *up2 = rows[(i + 1) % 3];
        row[0] = i;
        for (int j = 1; j <= m; j++) {
            row[j] = min2(min2(up[j] + 1, row[j - 1] + 1), up[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = min2(row[j], up2[j - 2] + 1);
        }
    }
    return rows[n % 3][m];
}

void nearest_offer(struct nearest *n, const char *name)
{
    size_t len = strlen(name);
    if (len == 0 || len > NEAREST_NAME_MAX || strlen(n->written) > NEAREST_NAME_MAX)
        return;
    int d = strcasecmp(n->written, name) == 0 ? 0 : slips(n->written, name);
    if (d >= n->distance || (size_t)d >= len)
        return;
    n->distance = d;
    memcpy(n->best, name, len + 1);
}
