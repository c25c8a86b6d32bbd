/* SPDX-License-Identifier: Apache-2.0 */
/* podnet - what another network is told of a pod.
 * Source: the names that the container runtimes give (CNI_ARGS), and the capability portMappings
 * of CNI's CONVENTIONS.md. */
#include <string.h>

#include "agent/agent_priv.h"
#include "doc/doc.h"

#define CNI_PORTS_MAX 128

int pod_attach(struct pod *p, cni_added_fn *done)
{
	BUF_AUTO struct buf args = { 0 };
	struct cni_port ports[CNI_PORTS_MAX];
	struct cni_pod pod = { .id = p->uid, .netns_path = p->netns, .ports = ports };

	for (unsigned i = 0; i < p->ctr_count; i++) {
		yyjson_val *port;
		size_t k, n;

		yyjson_arr_foreach(yyjson_obj_get(p->ctrs[i].spec, "ports"), k, n, port) {
			const char *proto = doc_str(port, "protocol"), *ip = doc_str(port, "hostIP");

			if (!doc_int(port, "hostPort", 0))
				continue;
			if (pod.port_count == CNI_PORTS_MAX)
				return -ERR_SIZE;
			ports[pod.port_count++] = (struct cni_port){ !proto || !strcmp(proto, "TCP") ? "tcp" : !strcmp(proto, "UDP") ? "udp" : "sctp",
				ip ? ip : "", (int)doc_int(port, "hostPort", 0), (int)doc_int(port, "containerPort", 0) };
		}
	}
	buf_printf(&args, "IgnoreUnknown=1;K8S_POD_NAMESPACE=%s;K8S_POD_NAME=%s;K8S_POD_INFRA_CONTAINER_ID=%s;K8S_POD_UID=%s", p->ns, p->name,
		p->uid, p->uid);
	pod.args = args.p;
	return args.failed ? -ERR_NOMEM : cni_pod_add(p->a->cni, &pod, done, p);
}
