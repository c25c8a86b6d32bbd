/* SPDX-License-Identifier: Apache-2.0 */
/*
 * validate_rules - what kinds of one group share: webhooks and admission policies, claims
 * and slices of devices. For siblings only.
 */
#ifndef KINDS_VALIDATE_RULES_H
#define KINDS_VALIDATE_RULES_H

#include "kinds/validate.h"

/* Operations, groups, versions, resources. */
void v_admission_rule(struct vcheck *c, const struct vpath *p, yyjson_mut_val *rule);
void v_match_conditions(struct vcheck *c, const struct vpath *p, yyjson_mut_val *list);
/* One of url and service. */
void v_webhook_client(struct vcheck *c, const struct vpath *p, yyjson_mut_val *config);

/* ---- resource.k8s.io (validate_claim.c) ---- */
#define DEVICE_BINDING_CONDITIONS_MAX 4
/* A list of at most max; false: longer, which was told, and its items are not looked at. */
bool v_list_limit(struct vcheck *c, const struct vpath *p, yyjson_mut_val *list, size_t max);
void v_pool_name(struct vcheck *c, const struct vpath *p, const char *name);
/* "name" or "domain/name", the name an identifier of C. */
void v_device_property(struct vcheck *c, const struct vpath *p, const char *s);
/* bindingConditions and bindingFailureConditions of m. */
void v_device_binding(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m);

#endif
