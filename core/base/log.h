/* The engine's log: one line an event on stderr, for people and for grep:
 *
 *   2026-11-24T10:00:00.123Z warn  spawner=default/oom-remediator poll failed: ... 
 *
 * Control bytes of the message are escaped (alert text must not forge lines). Only the one who decides logs. */
#pragma once

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

void log_set_level(enum log_level level);        /* default LOG_INFO */
int log_level_parse(const char *s, enum log_level *level_r); /* "debug|info|warn|error"; -1 if none */

/* `who` is "namespace/name" of the spawner, or NULL for the engine itself. */
void log_line(enum log_level level, const char *who, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
#define log_debug(who, ...) log_line(LOG_DEBUG, who, __VA_ARGS__)
#define log_info(who, ...)  log_line(LOG_INFO, who, __VA_ARGS__)
#define log_warn(who, ...)  log_line(LOG_WARN, who, __VA_ARGS__)
#define log_error(who, ...) log_line(LOG_ERROR, who, __VA_ARGS__)
