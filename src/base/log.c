/* SPDX-License-Identifier: Apache-2.0 */
/* log - one write(2) per line, so that lines of threads and processes do not mix. */
#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/env.h"
#include "base/text.h"

enum { MESSAGE_MAX = 4096 };

static const struct {
	const char *name, *mark;
} levels[] = {
	[LOG_ERROR] = { "error", "ERR" },
	[LOG_WARN]  = { "warn", "WRN" },
	[LOG_INFO]  = { "info", "INF" },
	[LOG_DEBUG] = { "debug", "DBG" },
};

static _Atomic int level_max = LOG_INFO;
static const char *component_name = "sampan";
static int as_json;

void log_init(const char *component, int json)
{
	const char *want = getenv("SAMPAN_LOG");

	component_name = component;
	as_json = json < 0 ? !isatty(STDERR_FILENO) : json;
	for (size_t i = 0; want && i < sizeof(levels) / sizeof(levels[0]); i++)
		if (strcmp(want, levels[i].name) == 0)
			log_set_level((enum log_level)i);
}

void log_set_level(enum log_level level) { atomic_store(&level_max, (int)level); }
int log_enabled(enum log_level level) { return (int)level <= atomic_load(&level_max); }

/* A message may quote what came from outside: keep it on its line. */
static void add_human(struct buf *out, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c == '\n' && i + 1 == n)
			return;
		if (c < 0x20 || c == 0x7f)
			buf_printf(out, "\\x%02x", c);
		else
			buf_addc(out, s[i]);
	}
}

void log_write(enum log_level level, const char *module, const char *fmt, ...)
{
	BUF_AUTO struct buf line = { 0 };
	char msg[MESSAGE_MAX], when[TEXT_TIME_MAX];
	int saved = errno, n;
	size_t len;
	va_list ap;

	if (!log_enabled(level))
		return;
	va_start(ap, fmt);
	n = vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	len = n < 0 ? 0 : (size_t)n < sizeof(msg) ? (size_t)n : sizeof(msg) - 1;
	if (as_json) {
		text_microtime(when, env_wall_us());
		buf_printf(&line, "{\"ts\":\"%s\",\"level\":\"%s\",\"component\":\"%s\","
			"\"module\":\"%s\",\"msg\":", when, levels[level].name,
			component_name, module);
		buf_add_json(&line, msg, len);
		buf_adds(&line, "}\n");
	} else {
		text_time(when, env_wall_us());
		buf_printf(&line, "%s %s %s ", when, levels[level].mark, module);
		add_human(&line, msg, len);
		buf_addc(&line, '\n');
	}
	if (!line.failed) {
		ssize_t n_written = write(STDERR_FILENO, line.p, line.len);

		(void)n_written;   /* nobody could be told */
	}
	errno = saved;
}
