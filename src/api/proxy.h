/* SPDX-License-Identifier: Apache-2.0 */
/* proxy - one request passed on, for proxy.c and proxy_target.c. */
#ifndef API_PROXY_H
#define API_PROXY_H

#include <http_parser.h>

#include "api/call.h"
#include "api/tunnel.h"

struct http_raw;
struct proxy {
	struct call *c;
	struct tunnel *t;
	struct http_raw *raw;
	http_parser parser;
	char host[64], node[254];
	unsigned port;
	bool tls;
	struct buf request;            /* what the other side is asked */
	struct buf name, value;        /* of the answer's head being read */
	size_t head_bytes;
	bool in_value, begun, upgrade, switched, ended, paused_there, paused_here;
};

/* Fill host, port, node and tls; for what agents answer the request too. STEP_NEXT or
 * the failure. */
enum step proxy_target(struct proxy *px);
/* Write the head of the request to the other side. */
void proxy_request(struct proxy *px, const char *path, const char *query, size_t body_len);

#endif
