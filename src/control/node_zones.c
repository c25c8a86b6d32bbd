/* SPDX-License-Identifier: Apache-2.0 */
/* node_zones - see node_zones.h. */
#include "control/node_zones.h"

#include <stdio.h>

#define NEVER_MS    1000000000000  /* thirty years: a rate that is next to nothing */
#define PARTIAL_MIN 3u             /* fewer silent nodes are never a disruption */

static const char *label(yyjson_val *node, const char *key, const char *old_key)
{
	yyjson_val *labels = doc_get(node, "metadata.labels"), *v = yyjson_obj_get(labels, key);

	if (!v)
		v = yyjson_obj_get(labels, old_key);
	return yyjson_is_str(v) ? yyjson_get_str(v) : "";
}

void zone_key(char ret[ZONE_KEY_MAX], yyjson_val *node)
{
	snprintf(ret, ZONE_KEY_MAX, "%s/%s", label(node, "topology.kubernetes.io/region", "failure-domain.beta.kubernetes.io/region"),
		label(node, "topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone"));
}

enum zone_state zone_state_of(unsigned ready, unsigned not_ready, double unhealthy_share)
{
	if (!ready && not_ready)
		return ZONE_FULL;
	if (not_ready >= PARTIAL_MIN && (float)not_ready / (float)(ready + not_ready) >= (float)unhealthy_share)
		return ZONE_PARTIAL;
	return ready ? ZONE_NORMAL : ZONE_INITIAL;
}

double zone_rate(enum zone_state s, unsigned nodes, const struct control_node_death *d)
{
	if (s == ZONE_PARTIAL)
		return nodes > d->large_zone ? d->secondary_evictions_s : 0;
	return d->evictions_s;
}

static int64_t interval_ms(double rate)
{
	return 1000 / rate < NEVER_MS ? (int64_t)(1000 / rate + 0.5) : NEVER_MS;
}

void zone_pace_init(struct zone_pace *p, double rate, int64_t now_ms)
{
	*p = (struct zone_pace){ rate, rate > 0 ? now_ms : INT64_MAX };
}

void zone_pace_set(struct zone_pace *p, double rate, int64_t now_ms)
{
	if (p->rate == rate)
		return;
	bool drained = p->next_ms > now_ms;

	zone_pace_init(p, rate, now_ms);
	if (drained && rate > 0)
		p->next_ms = now_ms + interval_ms(rate);
}

bool zone_pace_take(struct zone_pace *p, int64_t now_ms, int64_t *ret_wait_ms)
{
	if (p->next_ms > now_ms) {
		*ret_wait_ms = p->next_ms == INT64_MAX ? 0 : p->next_ms - now_ms;
		return false;
	}
	p->next_ms = now_ms + interval_ms(p->rate);
	return true;
}
