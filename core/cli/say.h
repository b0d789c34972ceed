/* One line to a person on standard error. Text in it may come from an alert: what could move a cursor or forge a line is
 * escaped. */
#pragma once

void say(const char *fmt, ...) __attribute__((format(printf, 1, 2))); /* without a newline at the end */
