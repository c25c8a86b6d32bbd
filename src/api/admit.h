/* SPDX-License-Identifier: Apache-2.0 */
/*
 * admit - built-in admission: the plug-ins of upstream's kube-apiserver, one file a
 * plug-in, all of them in one list in upstream's order (admit.c).
 *
 * A plug-in's mutate part runs in the mutate stage, before the object gets what only the
 * server writes and is validated; its validate part in the police stage, on the object as
 * it would be stored. Both run again in every round of compare-and-swap, and a mutate part
 * again after one that waited: what they did once they must find done. In a dry run they
 * decide the same and leave no trace.
 * Webhooks and policies have their place in the list before ResourceQuota, which is last:
 * nothing is counted that somebody would still refuse.
 * Tests: tests/unit/api/test_admit.c (each plug-in), tests/flow/api/admission.py, quota.py
 */
#ifndef API_ADMIT_H
#define API_ADMIT_H

#include "api/call.h"

enum admit_op { ADMIT_CREATE = 1, ADMIT_UPDATE = 2, ADMIT_DELETE = 4 };

/* What the write under way is to admission. */
enum admit_op admit_op(const struct call *c);
/* Is it of this kind, and of no subresource? */
bool admit_is(const struct call *c, const struct kinds_kind *k);
/* 403: `pods "x" is forbidden: ` and the text. An object whose name is still to be picked
 * goes by its generateName, one that has neither by "Unknown". cause may be NULL. */
enum step admit_refuse_for(struct call *c, const struct cause *cause, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
#define admit_refuse(c, ...) admit_refuse_for(c, NULL, __VA_ARGS__)
/* Is the pod in c->obj the mirror of one that a node runs by itself? */
bool admit_mirror_pod(const struct call *c);

/* Which plug-ins run: all but those that are off until asked for, and on and off, lists of
 * names with commas (NULL: none). -ERR_BAD_REQUEST for a name that is none. */
int admit_configure(struct api *a, const char *on, const char *off, struct err *reterr);
enum step admit_mutate(struct call *c);
enum step admit_validate(struct call *c);

/* ---- the plug-ins ---- */
enum step namespace_mutate(struct call *c);
enum step limits_mutate(struct call *c);
enum step limits_validate(struct call *c);
enum step account_mutate(struct call *c);
enum step account_validate(struct call *c);
enum step node_mutate(struct call *c);
enum step taint_mutate(struct call *c);
enum step security_validate(struct call *c);
enum step priority_mutate(struct call *c);
enum step priority_validate(struct call *c);
enum step tolerations_mutate(struct call *c);
enum step storage_class_mutate(struct call *c);
enum step in_use_mutate(struct call *c);
enum step owners_validate(struct call *c);
enum step resize_validate(struct call *c);
enum step runtime_mutate(struct call *c);
enum step runtime_validate(struct call *c);
enum step approval_validate(struct call *c);
enum step signing_validate(struct call *c);
enum step subject_validate(struct call *c);
enum step ingress_class_mutate(struct call *c);
enum step topology_mutate(struct call *c);
enum step quota_validate(struct call *c);

/* admit_node_token.c: the part of NodeRestriction about tokens. */
enum step node_token(struct call *c, const char *node);

/* admit_quota.c: the write did not happen, or it did and its event counts. */
void quota_undo(struct call *c);

/* pod_secrets.c: the Secrets and ConfigMaps a pod names. False stops the walk; the
 * walk's value is false when it was stopped. */
enum pod_ref { POD_SECRET, POD_CONFIG_MAP };
typedef bool pod_ref_fn(void *arg, enum pod_ref what, const char *name);
bool pod_refs(yyjson_mut_val *spec, pod_ref_fn *fn, void *arg);

#endif
