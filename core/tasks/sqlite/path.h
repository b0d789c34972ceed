/* Where the store's file is, and the lock beside it. */
#pragma once

#include "base/err.h"

#include <stdbool.h>

/* "sqlite:PATH" or NULL (see local_open) to an absolute path without symbolic links, so that one file has one lock
 * however it is spelled. `create`: the default directory is made. *path_r: free(). */
int path_resolve(const char *spec, bool create, char **path_r, struct err *e);

/* Takes the engine's lock, "<path>.lock": an flock, gone with the process, never stale. ERR_CONFLICT names the holder.
 * *fd_r: close it to let go. The file stays: removing it would let two engines lock two files of one name. */
int path_lock(const char *path, int *fd_r, struct err *e);
