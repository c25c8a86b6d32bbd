/* SPDX-License-Identifier: Apache-2.0 */
/* text_time - instants and durations as text. */
#include "base/text.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/err.h"

static const int64_t SECOND_NS = 1000000000;

/* Days since 1970-01-01 of a proleptic Gregorian date: years counted from
 * March, so that the leap day is the last of its year. */
static int64_t days_of(int64_t year, int month, int day)
{
	int64_t y = month <= 2 ? year - 1 : year, era, yoe, doy;

	era = (y >= 0 ? y : y - 399) / 400;
	yoe = y - era * 400;
	doy = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

/* "2026-01-02T03:04:05"; *ret_us gets the rest below a second. */
static void seconds_text(char out[TEXT_TIME_MAX], int64_t wall_us, int *ret_us)
{
	int64_t s = wall_us / 1000000;
	struct tm tm;
	time_t t;

	*ret_us = (int)(wall_us % 1000000);
	if (*ret_us < 0) {
		*ret_us += 1000000;
		s--;
	}
	t = (time_t)s;
	if (!gmtime_r(&t, &tm))
		memset(&tm, 0, sizeof(tm));
	snprintf(out, TEXT_TIME_MAX, "%04d-%02d-%02dT%02d:%02d:%02d", tm.tm_year + 1900,
		tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
}

void text_time(char out[TEXT_TIME_MAX], int64_t wall_us)
{
	int us;

	seconds_text(out, wall_us, &us);
	strcat(out, "Z");
}

void text_microtime(char out[TEXT_TIME_MAX], int64_t wall_us)
{
	size_t n;
	int us;

	seconds_text(out, wall_us, &us);
	n = strlen(out);
	snprintf(out + n, TEXT_TIME_MAX - n, ".%06dZ", us);
}

void text_nanotime(char out[TEXT_TIME_MAX], int64_t wall_us, int nanos_rest)
{
	size_t n;
	int us;

	seconds_text(out, wall_us, &us);
	n = strlen(out);
	snprintf(out + n, TEXT_TIME_MAX - n, ".%06d%03dZ", us, nanos_rest);
}

/* Exactly n digits at *s, moved past; -1 otherwise. */
static int digits(const char **s, int n)
{
	int v = 0;

	for (; n--; (*s)++) {
		if (**s < '0' || **s > '9')
			return -1;
		v = v * 10 + (**s - '0');
	}
	return v;
}

static bool skip(const char **s, char c)
{
	if (**s != c)
		return false;
	(*s)++;
	return true;
}

/* Source: RFC 3339, section 5.6; upper-case T and Z only, as Go reads it. */
int text_parse_time(const char *s, int64_t *ret_wall_us)
{
	static const int month_days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int year, month, day, hour, min, sec, leap, us = 0, off = 0;

	if ((year = digits(&s, 4)) < 0 || !skip(&s, '-') || (month = digits(&s, 2)) < 1 ||
	    month > 12 || !skip(&s, '-') || (day = digits(&s, 2)) < 1 || !skip(&s, 'T') ||
	    (hour = digits(&s, 2)) < 0 || hour > 23 || !skip(&s, ':') ||
	    (min = digits(&s, 2)) < 0 || min > 59 || !skip(&s, ':') ||
	    (sec = digits(&s, 2)) < 0 || sec > 59)
		return -ERR_BAD_REQUEST;
	leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
	if (day > month_days[month - 1] + (month == 2 && leap))
		return -ERR_BAD_REQUEST;
	if (skip(&s, '.')) {
		int scale = 100000;

		if (*s < '0' || *s > '9')
			return -ERR_BAD_REQUEST;
		for (; *s >= '0' && *s <= '9'; s++, scale /= 10)
			us += (*s - '0') * scale;
	}
	if (!skip(&s, 'Z')) {
		int sign = *s == '-' ? -1 : 1, h, m;

		if (*s != '+' && *s != '-')
			return -ERR_BAD_REQUEST;
		s++;
		if ((h = digits(&s, 2)) < 0 || h > 23 || !skip(&s, ':') ||
		    (m = digits(&s, 2)) < 0 || m > 59)
			return -ERR_BAD_REQUEST;
		off = sign * (h * 3600 + m * 60);
	}
	if (*s)
		return -ERR_BAD_REQUEST;
	*ret_wall_us = (days_of(year, month, day) * 86400 + hour * 3600 + min * 60 + sec - off)
		* 1000000 + us;
	return 0;
}

/* Source: Go's time.ParseDuration. */
int text_parse_duration(const char *s, int64_t *ret_ns)
{
	static const struct {
		const char *name;
		int64_t ns;
	} units[] = {
		{ "ns", 1 }, { "us", 1000 }, { "\xc2\xb5s", 1000 }, { "\xce\xbcs", 1000 },
		{ "ms", 1000000 }, { "s", 1000000000 }, { "m", 60000000000 },
		{ "h", 3600000000000 },
	};
	bool minus = *s == '-';
	int64_t total = 0;

	if (*s == '-' || *s == '+')
		s++;
	if (strcmp(s, "0") == 0) {
		*ret_ns = 0;
		return 0;
	}
	if (!*s)
		return -ERR_BAD_REQUEST;
	while (*s) {
		int64_t whole = 0, part = 0, scale = 1, unit = 0, add;
		bool any = false;
		size_t i;

		for (; *s >= '0' && *s <= '9'; s++, any = true)
			if (__builtin_mul_overflow(whole, 10, &whole) ||
			    __builtin_add_overflow(whole, *s - '0', &whole))
				return -ERR_BAD_REQUEST;
		if (skip(&s, '.'))
			for (; *s >= '0' && *s <= '9'; s++, any = true)
				if (scale < 100000000000000) {
					part = part * 10 + (*s - '0');
					scale *= 10;
				}
		if (!any)
			return -ERR_BAD_REQUEST;
		for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
			size_t n = strlen(units[i].name);
			char after = strncmp(s, units[i].name, n) == 0 ? s[n] : 'x';

			/* "m" must not swallow the start of "ms". */
			if (!after || after == '.' || (after >= '0' && after <= '9')) {
				unit = units[i].ns;
				s += n;
				break;
			}
		}
		if (!unit || __builtin_mul_overflow(whole, unit, &add) ||
		    __builtin_add_overflow(total, add, &total) ||
		    __builtin_add_overflow(total,
			(int64_t)((__int128)part * unit / scale), &total))
			return -ERR_BAD_REQUEST;
	}
	*ret_ns = minus ? -total : total;
	return 0;
}

/* "1.5" of 1500 with unit 1000: no zeros at the end. */
static void fraction(char *out, size_t size, uint64_t v, uint64_t unit, const char *name)
{
	char part[16];
	size_t n;

	if (v % unit == 0) {
		snprintf(out, size, "%" PRIu64 "%s", v / unit, name);
		return;
	}
	n = (size_t)snprintf(part, sizeof(part), "%0*" PRIu64,
		unit == 1000 ? 3 : unit == 1000000 ? 6 : 9, v % unit);
	while (n && part[n - 1] == '0')
		part[--n] = 0;
	snprintf(out, size, "%" PRIu64 ".%s%s", v / unit, part, name);
}

/* Source: Go's time.Duration.String. */
void text_duration(char out[TEXT_TIME_MAX], int64_t ns)
{
	uint64_t v = ns < 0 ? -(uint64_t)ns : (uint64_t)ns, min = 60 * (uint64_t)SECOND_NS;
	size_t n = 0;

	if (!v) {
		strcpy(out, "0s");
		return;
	}
	if (ns < 0)
		out[n++] = '-';
	if (v < 1000)
		snprintf(out + n, TEXT_TIME_MAX - n, "%" PRIu64 "ns", v);
	else if (v < 1000000)
		fraction(out + n, TEXT_TIME_MAX - n, v, 1000, "\xc2\xb5s");
	else if (v < (uint64_t)SECOND_NS)
		fraction(out + n, TEXT_TIME_MAX - n, v, 1000000, "ms");
	if (v < (uint64_t)SECOND_NS)
		return;
	if (v >= 60 * min)
		n += (size_t)snprintf(out + n, TEXT_TIME_MAX - n, "%" PRIu64 "h", v / (60 * min));
	if (v >= min)
		n += (size_t)snprintf(out + n, TEXT_TIME_MAX - n, "%" PRIu64 "m", v / min % 60);
	fraction(out + n, TEXT_TIME_MAX - n, v % min, (uint64_t)SECOND_NS, "s");
}

/* big and small, small left out when zero */
static void two(char out[TEXT_TIME_MAX], int64_t big, char big_unit, int64_t small, char small_unit)
{
	if (small)
		snprintf(out, TEXT_TIME_MAX, "%" PRId64 "%c%" PRId64 "%c", big, big_unit, small,
			small_unit);
	else
		snprintf(out, TEXT_TIME_MAX, "%" PRId64 "%c", big, big_unit);
}

void text_age(char out[TEXT_TIME_MAX], int64_t ns)
{
	int64_t s = ns / SECOND_NS, m = s / 60, h = m / 60, d = h / 24;

	if (s < -1)
		strcpy(out, "<invalid>");
	else if (s < 0)
		strcpy(out, "0s");
	else if (s < 120)
		two(out, s, 's', 0, 0);
	else if (m < 10)
		two(out, m, 'm', s % 60, 's');
	else if (m < 180)
		two(out, m, 'm', 0, 0);
	else if (h < 8)
		two(out, h, 'h', m % 60, 'm');
	else if (h < 48)
		two(out, h, 'h', 0, 0);
	else if (d < 8)
		two(out, d, 'd', h % 24, 'h');
	else if (d < 365 * 2)
		two(out, d, 'd', 0, 0);
	else if (d < 365 * 8)
		two(out, d / 365, 'y', d % 365, 'd');
	else
		two(out, d / 365, 'y', 0, 0);
}
