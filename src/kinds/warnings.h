/* SPDX-License-Identifier: Apache-2.0 */
/*
 * warnings - how the warnings about an object are gathered. For siblings only.
 */
#ifndef KINDS_WARNINGS_H
#define KINDS_WARNINGS_H

#include "kinds/validate.h"

#define WARNINGS_MAX 32

struct warnings {
	struct arena *a;
	struct kinds_problem *first, **tail;
	int count;
};

/* Said once however often; past WARNINGS_MAX nothing is. */
void warn(struct warnings *w, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static inline bool warned_enough(const struct warnings *w)
{
	return w->count >= WARNINGS_MAX;
}

/* meta and spec of a pod or a template, which lie at at, "" or ending in a dot. warnings_pod.c */
void warn_pod(struct warnings *w, yyjson_mut_val *meta, yyjson_mut_val *spec, const char *at);
/* Paths of files in volumes that hide each other. warnings_volume.c */
void warn_volumes(struct warnings *w, yyjson_mut_val *spec, const char *at);
void warn_volume_source(struct warnings *w, const char *path, yyjson_mut_val *v);
/* The kinds of the core group that hold no pod. warnings_core.c */
void warn_core(struct warnings *w, const struct kinds_kind *k, yyjson_mut_val *v);

/* The kinds of other groups. warnings_groups.c */
void warn_groups(struct warnings *w, const struct kinds_kind *k, yyjson_mut_val *v, yyjson_mut_val *old);

void warn_ip(struct warnings *w, const char *path, const char *ip);
void warn_cidr(struct warnings *w, const char *path, const char *cidr);
/* What is to be said of a label of nodes that was renamed, NULL of any other. */
const char *warn_node_label(const char *label);
void warn_node_term(struct warnings *w, const char *path, yyjson_mut_val *term, bool check_values);
/* Parts of bytes, of the resources named "a|b". */
void warn_fraction(struct warnings *w, const char *path, yyjson_mut_val *amounts, const char *names);

#endif
