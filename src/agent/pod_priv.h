/* SPDX-License-Identifier: Apache-2.0 */
/* pod_priv - between pod.c and podopen.c. */
#ifndef AGENT_POD_PRIV_H
#define AGENT_POD_PRIV_H

#include "agent/agent_priv.h"

void pod_free(struct pod *p);
void pod_woken(void *arg);                        /* its timer */
/* The grace was shortened while stops are under way. */
void pod_hurry(struct pod *p);
/* What an ended instance leaves: of a live end and of one found at adoption. */
void ctr_record_end(struct ctr *c, const struct runtime_status *st);
/* When it may be started again. */
void ctr_back_off(struct ctr *c);
/* The back-off an earlier life of the agent had come to. */
void ctr_back_off_restore(struct ctr *c);

#endif
