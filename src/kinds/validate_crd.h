/* SPDX-License-Identifier: Apache-2.0 */
/*
 * validate_crd - the parts of the rules of CustomResourceDefinitions. s is a
 * JSONSchemaProps in normal form, p where it stands. For siblings only.
 */
#ifndef KINDS_VALIDATE_CRD_H
#define KINDS_VALIDATE_CRD_H

#include "kinds/validate.h"

/* What each schema may say (validate_crd_schema.c). */
void crd_schema(struct vcheck *c, const struct vpath *p, yyjson_mut_val *s);
/* Whether it, or one inside of it, has members that structural schemas cannot have. */
bool crd_schema_unsupported(yyjson_mut_val *s);
/* It is structural: what combinations talk of, properties declare (validate_crd_structural.c). */
void crd_structural(struct vcheck *c, const struct vpath *p, yyjson_mut_val *s);
/* It compiles, and defaults are what it says (validate_crd_default.c). */
void crd_defaults(struct vcheck *c, const struct vpath *p, yyjson_mut_val *s);

#endif
