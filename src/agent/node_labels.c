/* SPDX-License-Identifier: Apache-2.0 */
/*
 * node_labels - what the operator says of a machine: --labels, --zone, --region. Which labels a
 * node may give itself is the API's to say (src/api/admit_node.c).
 */
#include <stdlib.h>
#include <string.h>

#include "agent/agent_priv.h"
#include "base/text.h"

#define LABELS_MAX 4096            /* bytes of --labels */

static int add(struct buf *b, const char *flag, const char *key, const char *value, struct err *reterr)
{
	const char *bad = text_bad_qualified_name(key);

	if (!bad)
		bad = text_bad_label_value(value);
	if (bad)
		return err_set(reterr, ERR_BAD_REQUEST, "--%s %s=%s: %s", flag, key, value, bad);
	if (b->len)
		buf_addc(b, ',');
	buf_add_json(b, key, strlen(key));
	buf_addc(b, ':');
	buf_add_json(b, value, strlen(value));
	return 0;
}

static int add_list(struct buf *b, const char *list, struct err *reterr)
{
	char *copy = strdup(list), *save = NULL;
	int rc = copy ? 0 : err_set(reterr, ERR_NOMEM, "out of memory");

	for (char *at = copy ? strtok_r(copy, ",", &save) : NULL; at && !rc; at = strtok_r(NULL, ",", &save)) {
		char *value = strchr(at, '=');

		if (!value) {
			rc = err_set(reterr, ERR_BAD_REQUEST, "--labels %s is not KEY=VALUE", at);
			break;
		}
		*value = 0;
		rc = add(b, "labels", at, value + 1, reterr);
	}
	free(copy);
	return rc;
}

int node_labels(char **ret, const struct agent_config *cfg, struct err *reterr)
{
	struct buf b = { 0 };
	int rc = 0;

	if (cfg->labels && strlen(cfg->labels) > LABELS_MAX)
		rc = err_set(reterr, ERR_SIZE, "--labels are more than %d bytes", LABELS_MAX);
	if (!rc && cfg->labels)
		rc = add_list(&b, cfg->labels, reterr);
	if (!rc && cfg->zone)
		rc = add(&b, "zone", "topology.kubernetes.io/zone", cfg->zone, reterr);
	if (!rc && cfg->region)
		rc = add(&b, "region", "topology.kubernetes.io/region", cfg->region, reterr);
	if (!rc && (b.failed || !(*ret = strdup(b.len ? b.p : ""))))
		rc = err_set(reterr, ERR_NOMEM, "out of memory");
	buf_finish(&b);
	return rc;
}
