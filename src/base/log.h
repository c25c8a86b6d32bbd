/* SPDX-License-Identifier: Apache-2.0 */
/*
 * log - one line per event to stderr: human on a terminal, JSON otherwise.
 *
 * Thread: any. Log an error once, where it stops.
 * Tests: tests/unit/base/test_log.c
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

/* Call once at start. json: -1 decide by isatty(2). Level from $SAMPAN_LOG
 * (error, warn, info, debug), default info. component: "server", "agent". */
void log_init(const char *component, int json);
void log_set_level(enum log_level level);
int log_enabled(enum log_level level);
void log_write(enum log_level level, const char *module, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* LOG_MODULE is defined by each .c file before including this header. */
#define log_error(...) log_write(LOG_ERROR, LOG_MODULE, __VA_ARGS__)
#define log_warn(...)  log_write(LOG_WARN, LOG_MODULE, __VA_ARGS__)
#define log_info(...)  log_write(LOG_INFO, LOG_MODULE, __VA_ARGS__)
#define log_debug(...) do { if (log_enabled(LOG_DEBUG)) \
	log_write(LOG_DEBUG, LOG_MODULE, __VA_ARGS__); } while (0)

#endif
