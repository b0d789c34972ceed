/* Opening what stands in a directory, and nothing else, whatever links lie there and whatever the name says. */
#pragma once

/* As openat(2), with O_CLOEXEC. `name` is relative and may have several parts; no link, and no "..", leads out of the directory
 * (errno EXDEV then). On a kernel without openat2(2) only a single part can be opened, and no link is followed. */
int beneath_open(int dir, const char *name, int flags, unsigned mode);
