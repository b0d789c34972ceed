/* See spec_select.h. */
#include "spec/spec_select.h"

#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int add(struct spec_selection *s, char *path, bool named, struct err *e)
{
    if (s->n == SPEC_FILES_MAX) {
        free(path);
        return err_set(e, ERR_LIMIT, "there are more than %d files under the given directories", SPEC_FILES_MAX);
    }
    xgrow(&s->files, &s->cap, s->n + 1, sizeof *s->files);
    s->files[s->n++] = (struct spec_found){path, named};
    return 0;
}

static int is_shown(const struct dirent *d)
{
    return d->d_name[0] != '.';
}

static int by_bytes(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* Links to files are followed, links to directories are not: they may lead in circles. */
static int walk(const char *dir, bool recursive, int depth, struct spec_selection *s, struct err *e)
{
    struct dirent **entries;
    int n = scandir(dir, &entries, is_shown, by_bytes), rc = 0;
    if (n < 0)
        return err_set(e, ERR_IO, "%s: %s", dir, strerror(errno));
    for (int i = 0; i < n; i++) {
        struct stat st, link;
        char *path = strcmp(dir, "/") == 0 ? xasprintf("/%s", entries[i]->d_name)
                                           : xasprintf("%s/%s", dir, entries[i]->d_name);
        if (rc == 0 && stat(path, &st) == 0 && lstat(path, &link) == 0) {
            if (S_ISREG(st.st_mode)) {
                rc = add(s, path, false, e);
                path = NULL;
            } else if (S_ISDIR(link.st_mode) && recursive && depth < SPEC_DEPTH_MAX) {
                rc = walk(path, recursive, depth + 1, s, e);
            }
        }
        free(path);
        free(entries[i]);
    }
    free(entries);
    return rc;
}

int spec_select(const char *root, bool recursive, struct spec_selection *s, struct err *e)
{
    struct stat st;
    size_t n = strlen(root);
    while (n > 1 && root[n - 1] == '/')
        n--;
    char *path = xstrndup(root, n);
    int rc;
    if (stat(path, &st) != 0)
        rc = err_set(e, ERR_NOT_FOUND, "Cannot find file or directory: %s", root); /* in busted's words */
    else if (S_ISDIR(st.st_mode))
        rc = walk(path, recursive, 0, s, e);
    else
        rc = add(s, xstrdup(path), true, e);
    free(path);
    return rc;
}

void spec_selection_deinit(struct spec_selection *s)
{
    for (size_t i = 0; i < s->n; i++)
        free(s->files[i].path);
    free(s->files);
    *s = (struct spec_selection){0};
}
