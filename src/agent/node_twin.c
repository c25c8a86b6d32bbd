/* SPDX-License-Identifier: Apache-2.0 */
/*
 * node_twin - does another agent write the same Node? Two machines that were given one name (a copied disk, say) would
 * correct each other for ever. The Node says which machine wrote its status last: seen newer than what this agent
 * wrote, and of another machine, it is a twin's.
 *
 *   ALONE --a newer status of another machine--> TWO (said once; nothing of the other's is corrected)
 *     ^------------none for TWIN_GONE_MS-----------'
 */
#define LOG_MODULE "node"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>

#include "agent/node_priv.h"
#include "doc/doc.h"

/* Twins that hold back still write every five minutes. */
#define TWIN_GONE_MS 660000

static int64_t revision(yyjson_val *node)
{
	const char *rev = doc_str(node, "metadata.resourceVersion");

	return rev ? strtoll(rev, NULL, 10) : 0;
}

static const char *address(yyjson_val *node)
{
	const char *s = doc_str(yyjson_arr_get_first(doc_get(node, "status.addresses")), "address");

	return s ? s : "";
}

static const char *info(yyjson_val *node, const char *field)
{
	const char *s = yyjson_get_str(yyjson_obj_get(doc_get(node, "status.nodeInfo"), field));

	return s ? s : "";
}

/* Where a status was written: of a machine, one boot of it and the port of one agent there. */
static void place(yyjson_val *node, struct buf *out)
{
	buf_printf(out, "machine %s, boot %s, port %d", *info(node, "machineID") ? info(node, "machineID") : info(node, "systemUUID"),
		info(node, "bootID"), (int)doc_int(node, "status.daemonEndpoints.kubeletEndpoint.Port", 0));
}

void twin_wrote(struct node_twin *t, yyjson_val *node)
{
	if (!node || !revision(node))
		return;
	t->own_rev = revision(node);
	buf_clear(&t->own);
	place(node, &t->own);
}

bool twin_seen(struct node_twin *t, struct agent *a, yyjson_val *node)
{
	BUF_AUTO struct buf other = { 0 };

	if (!t->own.p || t->own.failed || revision(node) <= t->own_rev)
		return false;
	place(node, &other);
	if (other.failed || !strcmp(other.p, t->own.p))
		return false;
	if (!twin_there(t, a)) {
		log_error("two agents are the Node %s: %s at %s writes its status, too; this is %s at %s. Give one of the machines "
			"another name and join it anew", a->node_name, other.p, address(node), t->own.p, a->address);
		event_node(a, "Warning", "NodeNameTaken", "two machines are this Node: %s at %s, and %s at %s", t->own.p, a->address,
			other.p, address(node));
	}
	t->there = true;
	t->seen_ms = loop_now_ms(a->loop);
	return true;
}

bool twin_there(struct node_twin *t, const struct agent *a)
{
	if (t->there && loop_now_ms(a->loop) - t->seen_ms >= TWIN_GONE_MS) {
		t->there = false;
		log_info("no other agent has written the Node %s for %d minutes", a->node_name, TWIN_GONE_MS / 60000);
	}
	return t->there;
}
