/* SPDX-License-Identifier: Apache-2.0 */
/* crd - what the two files about definitions share. */
#ifndef API_CRD_H
#define API_CRD_H

#define CRD_FINALIZER "customresourcecleanup.apiextensions.k8s.io"

#endif
