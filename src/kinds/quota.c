/* SPDX-License-Identifier: Apache-2.0 */
/* quota - see quota.h. */
#include "kinds/quota.h"

#include <string.h>

#include "base/text.h"

#define REQUESTS     "requests."
#define LIMITS       "limits."
#define HUGE_PAGES   "hugepages-"
#define CLASS_SUFFIX ".storageclass.storage.k8s.io/"
#define DEVICE_SUFFIX ".deviceclass.resource.k8s.io/devices"
#define DEVICES_MAX  32        /* of a request for all there are: what an allocation may hold */
#define CLASS_NOTE   "volume.beta.kubernetes.io/storage-class"

static const struct quantity one = { (__int128)1000000000, QUANTITY_DECIMAL_SI };

/* Old names of the counts of some core kinds. */
static const char *const plain_counts[] = { "configmaps", "persistentvolumeclaims", "pods", "replicationcontrollers",
	"resourcequotas", "secrets", "services", NULL };

static bool starts(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

static bool core(const struct kinds_kind *k, const char *plural)
{
	return !*k->group && !strcmp(k->plural, plural);
}

bool quota_quantity(yyjson_val *list, const char *name, struct quantity *ret)
{
	yyjson_val *v = yyjson_obj_get(list, name);

	return yyjson_is_str(v) && !quantity_parse(yyjson_get_str(v), yyjson_get_len(v), ret);
}

/* ---- pods ---- */

static bool is_sidecar(yyjson_val *container)
{
	const char *p = doc_str(container, "restartPolicy");

	return p && !strcmp(p, "Always");
}

static bool pod_level(const char *resource)
{
	return !strcmp(resource, "cpu") || !strcmp(resource, "memory") || starts(resource, HUGE_PAGES);
}

static void raise_to(struct quantity *q, const struct quantity *least)
{
	if (quantity_cmp(q, least) < 0)
		*q = *least;
}

bool pod_resource(yyjson_val *spec, const char *list, const char *resource, bool overhead, struct quantity *ret)
{
	struct quantity sum = { 0 }, sidecars = { 0 }, worst = { 0 }, q;
	yyjson_val *c;
	size_t i, max;
	bool found = false;

	yyjson_arr_foreach(doc_get(spec, "containers"), i, max, c)
		if (quota_quantity(doc_get(doc_get(c, "resources"), list), resource, &q)) {
			quantity_add(&sum, &q);
			found = true;
		}
	yyjson_arr_foreach(doc_get(spec, "initContainers"), i, max, c) {
		q = (struct quantity){ 0 };
		found |= quota_quantity(doc_get(doc_get(c, "resources"), list), resource, &q);
		if (is_sidecar(c)) {
			quantity_add(&sidecars, &q);
			raise_to(&worst, &sidecars);
		} else {
			quantity_add(&q, &sidecars);
			raise_to(&worst, &q);
		}
	}
	quantity_add(&sum, &sidecars);
	raise_to(&sum, &worst);
	if (pod_level(resource) && quota_quantity(doc_get(doc_get(spec, "resources"), list), resource, &q)) {
		sum = q;
		found = true;
	}
	/* Overhead comes on top of a limit, but makes none where there is none. */
	if (overhead && (!strcmp(list, "requests") || sum.nano) && quota_quantity(doc_get(spec, "overhead"), resource, &q)) {
		quantity_add(&sum, &q);
		found = true;
	}
	*ret = sum;
	return found;
}

static bool finished(yyjson_val *pod)
{
	const char *phase = doc_str(pod, "status.phase");

	return phase && (!strcmp(phase, "Succeeded") || !strcmp(phase, "Failed"));
}

int64_t quota_free_at_us(yyjson_val *pod)
{
	const char *when = doc_str(pod, "metadata.deletionTimestamp");
	int64_t at_us, grace_s = doc_int(pod, "metadata.deletionGracePeriodSeconds", -1);

	/* Who asks for more than the clock can count never ends. */
	if (!when || grace_s < 0 || grace_s > INT64_MAX / 4000000 || text_parse_time(when, &at_us))
		return INT64_MAX;
	return at_us + grace_s * 1000000;
}

static bool computed(const char *name)
{
	static const char *const names[] = { "cpu", "memory", "ephemeral-storage", NULL };

	for (size_t i = 0; names[i]; i++)
		if (!strcmp(names[i], name))
			return true;
	return false;
}

/* The resource of a container that a quota's name stands for, and of which list; NULL: of none. */
static const char *pod_part(const char *name, const char **ret_list)
{
	const char *rest;

	*ret_list = "requests";
	if (computed(name) || starts(name, HUGE_PAGES))
		return name;
	if (starts(name, LIMITS)) {
		*ret_list = "limits";
		rest = name + strlen(LIMITS);
		return computed(rest) ? rest : NULL;
	}
	if (!starts(name, REQUESTS))
		return NULL;
	rest = name + strlen(REQUESTS);
	if (computed(rest) || starts(rest, HUGE_PAGES))
		return rest;
	/* Extended resources are counted by their requests only: they are never overcommitted. */
	return strchr(rest, '/') && !strstr(rest, "kubernetes.io/") ? rest : NULL;
}

bool quota_missing(yyjson_val *spec, yyjson_val *container, const char *name)
{
	static const char *const wanted[] = { "cpu", "limits.cpu", "limits.memory", "memory", "requests.cpu",
		"requests.memory", NULL };
	const char *list, *part = pod_part(name, &list);
	struct quantity q;

	for (size_t i = 0; wanted[i]; i++)
		if (!strcmp(wanted[i], name))
			return !quota_quantity(doc_get(doc_get(container, "resources"), list), part, &q) &&
				!quota_quantity(doc_get(doc_get(spec, "resources"), list), part, &q);
	return false;
}

static void pod_amount(yyjson_val *pod, const char *name, struct quantity *ret)
{
	const char *list, *part = pod_part(name, &list);

	if (finished(pod))
		return;
	if (!part)
		*ret = one;
	else
		pod_resource(doc_get(pod, "spec"), list, part, true, ret);
}

/* ---- services ---- */

static void service_amount(yyjson_val *service, const char *name, struct quantity *ret)
{
	yyjson_val *spec = doc_get(service, "spec"), *p;
	const char *type = doc_str(spec, "type");
	bool balancer = type && !strcmp(type, "LoadBalancer");
	size_t i, max;

	if (!strcmp(name, "services.loadbalancers")) {
		ret->nano = balancer ? one.nano : 0;
		return;
	}
	if (!balancer && !(type && !strcmp(type, "NodePort")))
		return;
	/* Ports are not handed out yet when this is asked: what counts is the wish. */
	yyjson_arr_foreach(doc_get(spec, "ports"), i, max, p)
		if (!balancer || doc_bool(spec, "allocateLoadBalancerNodePorts", true) || doc_int(p, "nodePort", 0))
			ret->nano += one.nano;
}

/* ---- claims ---- */

static void claim_amount(yyjson_val *claim, const char *name, struct quantity *ret)
{
	const char *suffix = strstr(name, CLASS_SUFFIX), *class = doc_str(claim, "spec.storageClassName");
	yyjson_val *note = yyjson_obj_get(doc_get(claim, "metadata.annotations"), CLASS_NOTE);
	struct quantity asked = { 0 }, given = { 0 };

	if (yyjson_is_str(note))
		class = yyjson_get_str(note);
	if (suffix) {
		size_t n = (size_t)(suffix - name);

		if (!class || strlen(class) != n || memcmp(class, name, n))
			return;
		name = suffix + strlen(CLASS_SUFFIX);
	}
	if (strcmp(name, "requests.storage")) {
		*ret = one;
		return;
	}
	if (!quota_quantity(doc_get(claim, "spec.resources.requests"), "storage", &asked))
		return;
	if (quota_quantity(doc_get(claim, "status.allocatedResources"), "storage", &given))
		raise_to(&asked, &given);
	*ret = asked;
	ret->nano = (asked.nano + one.nano - 1) / one.nano * one.nano;   /* whole bytes */
}

/* ---- claims of devices ---- */

static bool is_device_claim(const struct kinds_kind *k)
{
	return !strcmp(k->group, "resource.k8s.io") && !strcmp(k->plural, "resourceclaims");
}

/* Devices of one class that a request, or one of its alternatives, may get. */
static int64_t devices(yyjson_val *request, const char *class, size_t class_len)
{
	const char *name = doc_str(request, "deviceClassName"), *mode = doc_str(request, "allocationMode");

	if (!name || strlen(name) != class_len || memcmp(name, class, class_len))
		return 0;
	return mode && !strcmp(mode, "All") ? DEVICES_MAX : doc_int(request, "count", 1);
}

static void device_amount(yyjson_val *claim, const char *name, struct quantity *ret)
{
	size_t n = strlen(name) - strlen(DEVICE_SUFFIX), i, max, j, jmax;
	yyjson_val *r, *alternative;

	yyjson_arr_foreach(doc_get(claim, "spec.devices.requests"), i, max, r) {
		int64_t most = devices(doc_get(r, "exactly"), name, n);

		yyjson_arr_foreach(doc_get(r, "firstAvailable"), j, jmax, alternative) {
			int64_t one_of = devices(alternative, name, n);

			most = one_of > most ? one_of : most;
		}
		ret->nano += most * one.nano;
	}
}

static bool ends(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n > m && !strcmp(s + n - m, suffix);
}

/* ---- all kinds ---- */

static bool counted_as(const struct kinds_kind *k, const char *name)
{
	size_t n = strlen(k->plural);

	if (!starts(name, "count/") || strncmp(name += 6, k->plural, n))
		return false;
	return *k->group ? name[n] == '.' && !strcmp(name + n + 1, k->group) : !name[n];
}

bool quota_counts(const struct kinds_kind *k, const char *name)
{
	const char *list, *suffix;

	if (counted_as(k, name))
		return true;
	if (*k->group)
		return is_device_claim(k) && ends(name, DEVICE_SUFFIX);
	for (size_t i = 0; plain_counts[i]; i++)
		if (!strcmp(plain_counts[i], name) && !strcmp(k->plural, name))
			return true;
	if (core(k, "pods"))
		return pod_part(name, &list) != NULL;
	if (core(k, "services"))
		return !strcmp(name, "services.loadbalancers") || !strcmp(name, "services.nodeports");
	if (!core(k, "persistentvolumeclaims"))
		return false;
	suffix = strstr(name, CLASS_SUFFIX);
	if (suffix)
		name = suffix + strlen(CLASS_SUFFIX);
	return !strcmp(name, "requests.storage") || !strcmp(name, "persistentvolumeclaims");
}

void quota_amount(const struct kinds_kind *k, yyjson_val *obj, const char *name, struct quantity *ret)
{
	*ret = (struct quantity){ 0 };
	if (starts(name, "count/"))
		*ret = one;
	else if (is_device_claim(k))
		device_amount(obj, name, ret);
	else if (core(k, "pods"))
		pod_amount(obj, name, ret);
	else if (core(k, "persistentvolumeclaims"))
		claim_amount(obj, name, ret);
	else if (core(k, "services") && strcmp(name, "services"))
		service_amount(obj, name, ret);
	else
		*ret = one;
}

/* ---- scopes ---- */

static bool crosses(yyjson_val *terms, const char *inner)
{
	yyjson_val *t;
	size_t i, max;

	yyjson_arr_foreach(terms, i, max, t) {
		if (inner)
			t = doc_get(t, inner);
		if (doc_len(t, "namespaces") || doc_get(t, "namespaceSelector"))
			return true;
	}
	return false;
}

static bool crosses_namespaces(yyjson_val *pod)
{
	static const char *const kinds[] = { "spec.affinity.podAffinity", "spec.affinity.podAntiAffinity" };

	for (size_t i = 0; i < 2; i++) {
		yyjson_val *a = doc_get(pod, kinds[i]);

		if (crosses(doc_get(a, "requiredDuringSchedulingIgnoredDuringExecution"), NULL) ||
		    crosses(doc_get(a, "preferredDuringSchedulingIgnoredDuringExecution"), "podAffinityTerm"))
			return true;
	}
	return false;
}

/* A scope's operator over the names (up to three, some NULL or "") that obj has. */
static bool selects(const char *operator, yyjson_val *values, const char *const names[3])
{
	bool any = false, listed = false, unlisted = false;

	for (size_t n = 0; n < 3; n++) {
		yyjson_val *v;
		size_t i, max;
		bool in = false;

		if (!names[n] || !*names[n])
			continue;
		yyjson_arr_foreach(values, i, max, v)
			in |= yyjson_equals_str(v, names[n]);
		any = true;
		listed |= in;
		unlisted |= !in;
	}
	if (!strcmp(operator, "In"))
		return listed;
	if (!strcmp(operator, "NotIn"))
		return !any || unlisted;
	return strcmp(operator, "DoesNotExist") ? any : !any;
}

static bool scope_takes(const char *scope, const char *operator, yyjson_val *values, const struct kinds_kind *k,
	yyjson_val *obj)
{
	const char *qos;

	if (core(k, "persistentvolumeclaims")) {
		const char *names[3] = { doc_str(obj, "spec.volumeAttributesClassName"),
			doc_str(obj, "status.currentVolumeAttributesClassName"),
			doc_str(obj, "status.modifyVolumeStatus.targetVolumeAttributesClassName") };

		return !strcmp(scope, "VolumeAttributesClass") && selects(operator, values, names);
	}
	if (!core(k, "pods"))
		return false;
	if (!strcmp(scope, "PriorityClass"))
		return selects(operator, values, (const char *[3]){ doc_str(obj, "spec.priorityClassName"), NULL, NULL });
	if (!strcmp(scope, "Terminating") || !strcmp(scope, "NotTerminating"))
		return (doc_int(obj, "spec.activeDeadlineSeconds", -1) >= 0) == (*scope == 'T');
	if (!strcmp(scope, "BestEffort") || !strcmp(scope, "NotBestEffort")) {
		qos = doc_str(obj, "status.qosClass");
		return (qos && !strcmp(qos, "BestEffort")) == (*scope == 'B');
	}
	return !strcmp(scope, "CrossNamespacePodAffinity") && crosses_namespaces(obj);
}

bool quota_in_scope(yyjson_val *spec, const struct kinds_kind *k, yyjson_val *obj)
{
	yyjson_val *v;
	size_t i, max;

	yyjson_arr_foreach(doc_get(spec, "scopes"), i, max, v)
		if (!yyjson_is_str(v) || !scope_takes(yyjson_get_str(v), "Exists", NULL, k, obj))
			return false;
	yyjson_arr_foreach(doc_get(spec, "scopeSelector.matchExpressions"), i, max, v) {
		const char *scope = doc_str(v, "scopeName"), *operator = doc_str(v, "operator");

		if (!scope || !operator || !scope_takes(scope, operator, doc_get(v, "values"), k, obj))
			return false;
	}
	return true;
}
