/* SPDX-License-Identifier: Apache-2.0 */
/* bootstrap_table - the roles and bindings every cloud starts with, made at build time. */
#ifndef API_BOOTSTRAP_TABLE_H
#define API_BOOTSTRAP_TABLE_H

#include <stddef.h>

struct bootstrap_row {
	const char *plural, *ns, *name;
	const char *head;      /* up to the uid */
	const char *tail;      /* after creationTimestamp's value */
};
extern const struct bootstrap_row bootstrap_rows[];
extern const size_t bootstrap_row_count;

#endif
