/* SPDX-License-Identifier: Apache-2.0 */
/*
 * other_servers - the cloud's other servers, by the endpoints of the Service default/kubernetes
 * as they change: told as lines of URLs without the own one.
 * Thread: loop thread.    Tests: tests/flow/16_rolling.sh
 */
#ifndef OTHER_SERVERS_H
#define OTHER_SERVERS_H

struct cache;
struct loop;
struct other_servers;

/* fn takes lines (malloc'd). own: this server's URL. 0 or -ERR_NOMEM. */
typedef void other_servers_fn(void *arg, char *lines);
int other_servers_open(struct other_servers **ret, struct loop *l, struct cache *c, const char *own, other_servers_fn *fn,
	void *arg);
void other_servers_close(struct other_servers *o);     /* accepts NULL; before the cache */

#endif
