/* Reading --alert: see alert_file.h. */
#include "cli/alert_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int alert_file_read(const char *path, struct buf *out, struct err *e)
{
    FILE *f = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    if (f == NULL)
        return err_set(e, ERR_IO, "%s: %s", path, strerror(errno));
    char piece[64 * 1024];
    size_t n;
    while ((n = fread(piece, 1, sizeof piece, f)) > 0 && out->len <= ALERT_FILE_MAX)
        buf_add(out, piece, n);
    int failed = ferror(f);
    if (f != stdin)
        fclose(f);
    if (failed)
        return err_set(e, ERR_IO, "%s: cannot be read", path);
    if (out->len > ALERT_FILE_MAX)
        return err_set(e, ERR_LIMIT, "%s: larger than %d bytes: give one alert", path, ALERT_FILE_MAX);
    buf_adds(out, "");
    return 0;
}
