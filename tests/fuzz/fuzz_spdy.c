/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_spdy - bytes of a client into a SPDY/3.1 connection; the first byte says in which
 * pieces, and what the server's side does with its streams. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "http/spdy.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

struct run { unsigned mode; int open, closed; size_t sent; struct spdy_stream *last; };

static void out(void *io, const void *p, size_t n) { ((struct run *)io)->sent += n; }

static bool on_stream(void *arg, struct spdy_stream *st)
{
	struct run *r = arg;

	if (spdy_stream_header(st, "port") && r->mode & 1)
		return false;
	r->open++;
	r->last = st;
	if (r->mode & 2)
		spdy_stream_write(st, "hello", 5);
	return true;
}

static void on_data(void *arg, struct spdy_stream *st, const void *p, size_t n, bool fin)
{
	struct run *r = arg;

	if (r->mode & 4)
		spdy_stream_write(st, p, n);
	spdy_stream_consumed(st, n);
	if (r->mode & 8 && r->last)
		spdy_stream_reset(r->last);
	if (fin)
		spdy_stream_fin(st);
}

static void on_stream_closed(void *arg, struct spdy_stream *st)
{
	struct run *r = arg;

	r->open--;
	if (r->last == st)
		r->last = NULL;
}

static void on_closed(void *arg) { ((struct run *)arg)->closed++; }

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const struct spdy_ops ops = { .stream = on_stream, .data = on_data,
		.stream_closed = on_stream_closed, .closed = on_closed };
	struct run r = { 0 };
	struct spdy *s;
	size_t step;

	if (n < 2)
		return 0;
	r.mode = p[0] & 15;
	step = p[0] >> 4 ? p[0] >> 4 : 65536;
	s = spdy_open(out, &r, &ops, &r);
	if (!s)
		abort();
	for (size_t at = 1; at < n; at += step)
		spdy_feed(s, p + at, n - at < step ? n - at : step);
	spdy_close(s);
	assert(r.closed == 1 && r.open == 0);
	return 0;
}
