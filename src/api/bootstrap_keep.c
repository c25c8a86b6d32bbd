/* SPDX-License-Identifier: Apache-2.0 */
/*
 * bootstrap_keep - what no cloud can do without comes back when somebody deletes it: its
 * own namespaces, what joining machines read, the Services of the API and of DNS, the range of
 * Service addresses. The bootstrap simply runs again: it writes what is missing, and what was
 * refused is tried again, less and less often.
 * Source: kubernetes pkg/controlplane/controller (systemnamespaces, kubernetesservice,
 * defaultservicecidr).
 */
#define LOG_MODULE "api"
#include <stdlib.h>
#include <string.h>

#include "api/bootstrap_priv.h"
#include "base/log.h"

static const struct { const char *store, *ns, *name; } rows[] = {
	{ "core/namespaces", "", "default" },
	{ "core/namespaces", "", "kube-system" },
	{ "core/namespaces", "", "kube-public" },
	{ "core/namespaces", "", "kube-node-lease" },
	{ "core/configmaps", "kube-public", "cluster-info" },
	{ "core/services", "default", "kubernetes" },
	{ "core/services", "kube-system", "kube-dns" },
	{ "networking.k8s.io/servicecidrs", "", "kubernetes" },
};
static const char *const stores[] = { "core/namespaces", "core/configmaps", "core/services",
	"networking.k8s.io/servicecidrs" };
#define RETRY_MIN_MS 1000
#define RETRY_MAX_MS 300000
#define STORES (sizeof(stores) / sizeof(stores[0]))

struct bootstrap_keep {
	struct api *api;
	struct cache_observer *obs[STORES];
	struct loop_task task;
	struct loop_timer retry;
	int64_t retry_ms;
	bool again;                    /* something went while it ran */
};

static void run(void *arg);

static void ran(void *arg, int rc)
{
	struct bootstrap_keep *k = arg;

	if (rc)
		log_error("bootstrap: what was deleted could not be put back yet: %s", err_text(rc));
	if (k->again)
		loop_defer(k->api->loop, &k->task, run, k);
}

static void run(void *arg)
{
	struct bootstrap_keep *k = arg;

	k->again = k->api->bootstrap != NULL;
	if (!k->again)
		api_bootstrap(k->api, ran, k);
}

static void on_event(void *arg, const struct cache_event *ev)
{
	struct bootstrap_keep *k = arg;

	for (size_t i = 0; ev->type == CACHE_DELETED && i < sizeof(rows) / sizeof(rows[0]); i++)
		if (!strcmp(ev->obj->name, rows[i].name) && !strcmp(ev->obj->ns, rows[i].ns) &&
		    !strcmp(ev->obj->store, rows[i].store))
			loop_defer(k->api->loop, &k->task, run, k);
}

void bootstrap_keep_ran(struct bootstrap_keep *k, bool whole)
{
	if (whole) {
		loop_timer_stop(&k->retry);
		k->retry_ms = RETRY_MIN_MS;
		return;
	}
	loop_timer_set(&k->retry, k->retry_ms);
	k->retry_ms = k->retry_ms * 2 > RETRY_MAX_MS ? RETRY_MAX_MS : k->retry_ms * 2;
}

int bootstrap_keep_open(struct api *a)
{
	struct bootstrap_keep *k = calloc(1, sizeof(*k));

	if (!k)
		return -ERR_NOMEM;
	k->api = a;
	k->retry_ms = RETRY_MIN_MS;
	loop_timer_init(&k->retry, a->loop, run, k);
	for (size_t i = 0; i < STORES; i++)
		if (!(k->obs[i] = cache_observe(a->cache, stores[i], false, on_event, k))) {
			bootstrap_keep_close(k);
			return -ERR_NOMEM;
		}
	a->bootstrap_keep = k;
	return 0;
}

void bootstrap_keep_close(struct bootstrap_keep *k)
{
	if (!k)
		return;
	for (size_t i = 0; i < STORES; i++)
		if (k->obs[i])
			cache_unobserve(k->obs[i]);
	loop_defer_cancel(k->api->loop, &k->task);
	loop_timer_stop(&k->retry);
	free(k);
}
