/* SPDX-License-Identifier: Apache-2.0 */
/* removed_node - see removed_node.h. */
#include "kinds/removed_node.h"

#include <stdio.h>
#include <string.h>

#include "base/text.h"

void removed_node_name(char ret[REMOVED_NODE_MAX], const char *node)
{
	uint8_t sum[32];
	char hex[33];

	text_sha256(sum, node, strlen(node));
	text_hex(hex, sum, 16);
	snprintf(ret, REMOVED_NODE_MAX, "removed-node-%s", hex);
}
