/* SPDX-License-Identifier: Apache-2.0 */
/* spdy_head - header blocks of SPDY/3: pairs of texts, deflated with a dictionary that
 * both sides know. Source: the SPDY/3 draft, section 2.6.10. */
#include <stdlib.h>
#include <string.h>

#include "http/spdy_priv.h"

/* The dictionary begins with these words, each behind its length in four bytes ... */
static const char words[] =
	"options\0head\0post\0put\0delete\0trace\0accept\0accept-charset\0accept-encoding\0"
	"accept-language\0accept-ranges\0age\0allow\0authorization\0cache-control\0connection\0"
	"content-base\0content-encoding\0content-language\0content-length\0content-location\0"
	"content-md5\0content-range\0content-type\0date\0etag\0expect\0expires\0from\0host\0"
	"if-match\0if-modified-since\0if-none-match\0if-range\0if-unmodified-since\0"
	"last-modified\0location\0max-forwards\0pragma\0proxy-authenticate\0"
	"proxy-authorization\0range\0referer\0retry-after\0server\0te\0trailer\0"
	"transfer-encoding\0upgrade\0user-agent\0vary\0via\0warning\0www-authenticate\0method\0"
	"get\0status\000200 OK\0version\0HTTP/1.1\0url\0public\0set-cookie\0keep-alive\0origin\0";
/* ... and ends with this text. */
static const char tail[] =
	"100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505"
	"203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request"
	"401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error501 Not Implemented"
	"503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 "
	"Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMTchunked,text/html,image/png,image/jpg,image/gif,"
	"application/xml,application/xhtml+xml,text/plain,text/javascript,publicprivatemax-age="
	"gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.";

const uint8_t *spdy_dictionary(void)
{
	static uint8_t dict[SPDY_DICTIONARY_BYTES];
	static bool made;
	uint8_t *p = dict;

	if (made)
		return dict;
	for (const char *w = words; *w; w += strlen(w) + 1) {
		size_t n = strlen(w);

		memcpy(p, (uint8_t[]){ 0, 0, 0, (uint8_t)n }, 4);
		memcpy(p + 4, w, n);
		p += 4 + n;
	}
	memcpy(p, tail, sizeof(tail) - 1);
	made = true;
	return dict;
}

int spdy_head_open(struct spdy_head *h)
{
	*h = (struct spdy_head){ 0 };
	if (inflateInit(&h->in) != Z_OK)
		return -ERR_NOMEM;
	/* Little is sent: small tables instead of zlib's 256 KiB. */
	if (deflateInit2(&h->out, Z_BEST_SPEED, Z_DEFLATED, 11, 1, Z_DEFAULT_STRATEGY) != Z_OK) {
		inflateEnd(&h->in);
		return -ERR_NOMEM;
	}
	deflateSetDictionary(&h->out, spdy_dictionary(), SPDY_DICTIONARY_BYTES);
	return 0;
}

void spdy_head_close(struct spdy_head *h)
{
	inflateEnd(&h->in);
	deflateEnd(&h->out);
}

/* All of p through the inflater; what is beyond SPDY_HEADERS_MAX is dropped. */
static int inflate_all(struct spdy_head *h, const uint8_t *p, size_t n, struct buf *ret, bool *ret_over)
{
	uint8_t piece[2048];
	size_t total = 0;

	h->in.next_in = (uint8_t *)(uintptr_t)p;
	h->in.avail_in = (unsigned)n;
	for (;;) {
		int rc;
		size_t got;

		h->in.next_out = piece;
		h->in.avail_out = sizeof(piece);
		rc = inflate(&h->in, Z_SYNC_FLUSH);
		if (rc == Z_NEED_DICT) {
			if (inflateSetDictionary(&h->in, spdy_dictionary(), SPDY_DICTIONARY_BYTES) != Z_OK)
				return -ERR_BAD_REQUEST;
			continue;
		}
		if (rc != Z_OK && rc != Z_BUF_ERROR)
			return -ERR_BAD_REQUEST;
		got = sizeof(piece) - h->in.avail_out;
		total += got;
		if (total > 64 * SPDY_HEADERS_MAX)   /* a bomb */
			return -ERR_BAD_REQUEST;
		if (total <= SPDY_HEADERS_MAX)
			buf_add(ret, piece, got);
		if (!h->in.avail_in && h->in.avail_out)
			break;
		if (rc == Z_BUF_ERROR && !got)
			return -ERR_BAD_REQUEST;
	}
	*ret_over = total > SPDY_HEADERS_MAX;
	return ret->failed ? -ERR_BAD_REQUEST : 0;
}

static bool take_text(const struct buf *b, size_t *at, const char **ret, size_t *ret_n)
{
	const uint8_t *p = (const uint8_t *)b->p + *at;
	size_t n;

	if (b->len - *at < 4)
		return false;
	n = (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
	if (n > b->len - *at - 4)
		return false;
	*ret = b->p + *at + 4;
	*ret_n = n;
	*at += 4 + n;
	return true;
}

static int parse(const struct buf *b, struct http_hdrs *ret)
{
	const uint8_t *p = (const uint8_t *)b->p;
	size_t at = 4;
	uint32_t count;

	if (b->len < 4)
		return -ERR_BAD_REQUEST;
	count = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
	while (count--) {
		const char *name, *value;
		size_t name_n, value_n, first;

		if (!take_text(b, &at, &name, &name_n) || !take_text(b, &at, &value, &value_n) ||
		    !name_n || memchr(name, 0, name_n))
			return -ERR_BAD_REQUEST;
		first = strnlen(value, value_n);   /* a NUL parts several values of one name */
		if (!http_hdrs_add(ret, name, name_n, value, first))
			return -ERR_SIZE;
	}
	return 0;
}

int spdy_head_read(struct spdy_head *h, const uint8_t *p, size_t n, struct http_hdrs *ret)
{
	BUF_AUTO struct buf plain = { 0 };
	bool over = false;
	int rc = inflate_all(h, p, n, &plain, &over);

	if (rc < 0)
		return rc;
	return over ? -ERR_SIZE : parse(&plain, ret);
}

int spdy_head_write_empty(struct spdy_head *h, struct buf *out)
{
	static const uint8_t none[4];
	uint8_t piece[128];

	h->out.next_in = (uint8_t *)(uintptr_t)none;
	h->out.avail_in = sizeof(none);
	h->out.next_out = piece;
	h->out.avail_out = sizeof(piece);
	if (deflate(&h->out, Z_SYNC_FLUSH) != Z_OK || h->out.avail_in || !h->out.avail_out)
		return -ERR_INTERNAL;
	buf_add(out, piece, sizeof(piece) - h->out.avail_out);
	return out->failed ? -ERR_NOMEM : 0;
}
