/* SPDX-License-Identifier: Apache-2.0 */
/* status - one screen about the cloud: the server, nodes, pods, services. */
#ifndef CLI_STATUS_H
#define CLI_STATUS_H

#include "base/err.h"

/* Ask the server that kubeconfig names and print to stdout. Blocking; runs a loop of
 * its own. 0, or -ERR_* with what to do in reterr. */
int status_print(const char *kubeconfig, struct err *reterr);

#endif
