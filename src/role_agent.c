/* SPDX-License-Identifier: Apache-2.0 */
/* role_agent - one machine's part of the cloud: pods, images, volumes, network. */
#define LOG_MODULE "agent"
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "agent/agent.h"
#include "base/file.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/text.h"
#include "roles.h"
#include "roles_priv.h"

#define LEASE_MIN_S 4
#define LEASE_MAX_S 3600

struct run { struct loop *loop; bool failed; };

static void on_signal(void *arg, int signo)
{
	struct run *r = arg;

	(void)signo;
	log_info("stopping; containers run on");
	role_notify("STOPPING=1");
	loop_stop(r->loop);
}

static void on_ready(void *arg)
{
	(void)arg;
	log_info("ready");
	role_notify("READY=1");
}

static void on_failed(void *arg)
{
	struct run *r = arg;

	r->failed = true;
	loop_stop(r->loop);
}

/* A file of the directory the kubeconfig is in, where `sampan server` puts the agent's. */
static const char *beside(const char *kubeconfig, const char *name, char out[4300])
{
	const char *slash = strrchr(kubeconfig, '/');

	snprintf(out, 4300, "%.*s/%s", slash ? (int)(slash - kubeconfig) : 1, slash ? kubeconfig : ".", name);
	return file_exists(out) ? out : NULL;
}

static int run(int argc, char **argv)
{
	char node[256], kubeconfig[4300], client_key[4300], cert[4300], key[4300], ca[4300], data[4300];
	struct agent_config cfg = { .node_name = node, .ready = on_ready, .failed = on_failed };
	const char *lease = "40s";
	struct run r = { 0 };
	struct err e = { 0 };
	int64_t ns;
	struct agent *agent = NULL;
	const struct cli_option opts[] = {
		{ "server", "URL", "the API, instead of the kubeconfig's", &cfg.server, NULL },
		{ "kubeconfig", "FILE", "how to reach it (default " DEFAULT_DATA_DIR "/pki/agent.kubeconfig)", &cfg.kubeconfig, NULL },
		{ "data-dir", "DIR", "pods, volumes, images and logs (default " DEFAULT_DATA_DIR "/agent)", &cfg.data_dir, NULL },
		{ "run-dir", "DIR", "what ends with the boot (default /run/sampan)", &cfg.run_dir, NULL },
		{ "node-name", "NAME", "this node's name, else the machine's host name", &cfg.node_name, NULL },
		{ "address", "IP[,IP]", "this node's address, or one of each family, else those of the default routes", &cfg.address, NULL },
		{ "zone", "NAME", "this node's label topology.kubernetes.io/zone", &cfg.zone, NULL },
		{ "region", "NAME", "its label topology.kubernetes.io/region", &cfg.region, NULL },
		{ "labels", "KEY=VALUE,..", "further labels of it", &cfg.labels, NULL },
		{ "node-lease-duration", "DURATION", "how long this node's sign of life holds; given four times as often", &lease, NULL },
		{ "listen", "ADDR:PORT", "where logs, exec and metrics are served (default 0.0.0.0:10250)", &cfg.listen, NULL },
		{ "tls-cert", "FILE", "certificate for that, else the one beside the kubeconfig", &cfg.serving_cert, NULL },
		{ "tls-key", "FILE", "its key", &cfg.serving_key, NULL },
		{ "client-ca", "FILE", "who signs the server's client certificate", &cfg.client_ca, NULL },
		{ "pod-cidr", "CIDR[,CIDR]", "this node's pod addresses, else what the cluster gives it", &cfg.pod_cidr, NULL },
		{ "cluster-cidr", "CIDR[,CIDR]", "what pods' addresses are in, of whatever network: to Services they come as themselves, others as "
			"the node (default 10.244.0.0/16)", &cfg.cluster_cidr, NULL },
		{ "cni-dir", "DIR", "another network for pods, where a CNI configuration is in it (default /etc/cni/net.d; none: never)", &cfg.cni_dir, NULL },
		{ "cni-bin-dir", "DIR:..", "where its plugins are (default /opt/cni/bin:/usr/lib/cni)", &cfg.cni_bin_dir, NULL },
		{ "registry-mirror", "HOST", "asked before docker.io", &cfg.mirror, NULL },
		{ "insecure-registries", "HOST,..", "registries spoken to without TLS", &cfg.insecure_registries, NULL },
		{ "runtime", "NAME", "crun, or fake (runs nothing; for tests)", &cfg.runtime, NULL },
		{ NULL, NULL, NULL, NULL, NULL },
	};

	role_node_name(node);
	cli_parse(&cmd_agent, opts, argc, argv);
	if (text_parse_duration(lease, &ns) || ns < LEASE_MIN_S * 1000000000LL || ns > LEASE_MAX_S * 1000000000LL)
		cli_usage(&cmd_agent, "--node-lease-duration %s is not a duration from %ds to %ds, like 40s", lease, LEASE_MIN_S, LEASE_MAX_S);
	cfg.lease_s = (int)(ns / 1000000000);
	log_init("agent", -1);
	role_raise_files();
	signal(SIGPIPE, SIG_IGN);
	if (!cfg.kubeconfig) {
		snprintf(kubeconfig, sizeof(kubeconfig), "%s/pki/agent.kubeconfig", DEFAULT_DATA_DIR);
		cfg.kubeconfig = kubeconfig;
	}
	if (!cfg.data_dir) {
		snprintf(data, sizeof(data), "%s/agent", DEFAULT_DATA_DIR);
		cfg.data_dir = data;
	}
	/* Where the authority's key is, the server renews what is beside it; a machine that joined asks for itself. */
	cfg.client_key = beside(cfg.kubeconfig, "ca.key", ca) ? NULL : beside(cfg.kubeconfig, "agent.key", client_key);
	if (!cfg.serving_cert && !cfg.serving_key) {
		cfg.serving_cert = beside(cfg.kubeconfig, "agent-serving.crt", cert) || cfg.client_key ? cert : NULL;
		cfg.serving_key = beside(cfg.kubeconfig, "agent-serving.key", key) || cfg.client_key ? key : NULL;
	} else {
		cfg.client_key = NULL;
	}
	if (!cfg.client_ca)
		cfg.client_ca = beside(cfg.kubeconfig, "ca.crt", ca);
	if (role_lock(cfg.data_dir, "agent", &e))
		return role_fail(&cmd_agent, &e);
	if (loop_open(&r.loop))
		return err_set(&e, ERR_IO, "cannot make an event loop"), role_fail(&cmd_agent, &e);
	if (loop_adopt_orphans(r.loop))
		return err_set(&e, ERR_IO, "cannot be the reaper of orphans"), role_fail(&cmd_agent, &e);
	loop_signal(r.loop, SIGTERM, on_signal, &r);
	loop_signal(r.loop, SIGINT, on_signal, &r);
	cfg.arg = &r;
	int rc = agent_open(&agent, r.loop, &cfg, &e);
	if (!rc)
		loop_run(r.loop);
	agent_close(agent);
	loop_close(r.loop);
	return rc ? role_fail(&cmd_agent, &e) : r.failed;
}

const struct cli_command cmd_agent = { .name = "agent", .help = "run this machine's pods", .run = run };
