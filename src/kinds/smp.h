/* SPDX-License-Identifier: Apache-2.0 */
/*
 * smp - the two halves of strategic merge: maps (smp.c) and lists (smp_list.c).
 * For siblings only.
 */
#ifndef KINDS_SMP_H
#define KINDS_SMP_H

#include "kinds/shape.h"

#define SMP_PATCH "$patch"
#define SMP_RETAIN "$retainKeys"
#define SMP_DELETE "$deleteFromPrimitiveList"
#define SMP_ORDER "$setElementOrder"

struct smp {
	yyjson_mut_doc *d;
	struct arena *a;
	struct err *err;
};

/* Merge patch into the object into (NULL: nothing there) of that shape. */
int smp_map(struct smp *c, struct shape s, yyjson_mut_val *into, yyjson_val *patch, yyjson_mut_val **ret);
/* v without directives and nulls, copied; *ret NULL when v deletes itself. */
int smp_clean(struct smp *c, yyjson_val *v, yyjson_mut_val **ret);

/* Merge a list; key NULL: its elements are scalars or the field has no merge key. */
int smp_list(struct smp *c, struct shape element, const char *key, yyjson_mut_val *into,
	yyjson_val *patch, yyjson_mut_val **ret);
/* into without the scalars listed in patch. */
int smp_list_delete(struct smp *c, yyjson_mut_val *into, yyjson_val *patch, yyjson_mut_val **ret);
/* What the patch has must come in the order its $setElementOrder says. */
int smp_list_check_order(struct smp *c, const char *key, yyjson_val *patch, yyjson_val *order);
/* Bring merged into that order; what only the server has stays near its neighbours in `server`. */
int smp_list_order(struct smp *c, const char *key, yyjson_mut_val *merged, yyjson_val *order,
	yyjson_mut_val *server, yyjson_mut_val **ret);

int smp_over(struct smp *c);
int smp_bad_directive(struct smp *c, yyjson_val *value, yyjson_val *in);

#endif
