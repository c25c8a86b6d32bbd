/* SPDX-License-Identifier: Apache-2.0 */
/*
 * flow_objects - the priority levels and flow schemas every cluster starts with. The
 * mandatory ones keep their spec for good: rules compare with it, bootstrap writes it.
 * Source: apiserver pkg/apis/flowcontrol/bootstrap/default.go.
 */
#ifndef KINDS_FLOW_OBJECTS_H
#define KINDS_FLOW_OBJECTS_H

#include <stdbool.h>
#include <stddef.h>

struct buf;

struct kinds_flow_object {
	const char *kind, *name;   /* kind of flowcontrol.apiserver.k8s.io/v1 */
	bool mandatory;
	const char *spec;          /* JSON in normal form, all defaults set */
};
extern const struct kinds_flow_object kinds_flow_objects[];
extern const size_t kinds_flow_object_count;

/* The whole object, as it is created. */
void kinds_flow_object_json(struct buf *out, const struct kinds_flow_object *o);

#endif
