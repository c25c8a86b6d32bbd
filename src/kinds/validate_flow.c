/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of flow control.
 * Source: kubernetes pkg/apis/flowcontrol/validation/validation.go, apiserver
 * pkg/util/shufflesharding.
 */
#include <math.h>

#include "base/text.h"
#include "kinds/flow_objects.h"
#include "kinds/validate.h"

#define PRECEDENCE_MAX 10000
#define QUEUES_MAX 10000000
#define HASH_BITS_MAX 60
#define VERBS "create|delete|deletecollection|get|list|patch|proxy|update|watch"

static const struct kinds_flow_object *mandatory(const struct vcheck *c)
{
	const char *name = v_str(v_get(c->v, "metadata"), "name");

	for (size_t i = 0; i < kinds_flow_object_count; i++) {
		const struct kinds_flow_object *o = &kinds_flow_objects[i];
		if (o->mandatory && !strcmp(o->kind, c->k->kind) && !strcmp(o->name, name))
			return o;
	}
	return NULL;
}

/* A mandatory object's spec is what it was made with, but for the member named. */
static void fixed(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec, const char *but)
{
	const struct kinds_flow_object *o = mandatory(c);
	yyjson_mut_doc *d = o ? doc_new(c->a) : NULL;
	yyjson_doc *want;
	bool same = true;

	if (!d || doc_parse(c->a, o->spec, strlen(o->spec), &want, NULL))
		return;
	yyjson_mut_val *pair[] = { spec, yyjson_val_mut_copy(d, yyjson_doc_get_root(want)) };
	for (int i = 0; i < 2; i++)
		V_MEMBERS(name, m, pair[i])
			same &= (but && !strcmp(name, but)) || v_same(m, v_get(pair[!i], name));
	if (!same)
		v_invalid_value(c, p, spec, v_text(c, "spec of '%s' %smust equal the fixed value", o->name,
			but ? "except the spec.exempt field " : ""));
}

static void subject(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m)
{
	static const struct { const char *kind, *member; } kinds[] = {
		{ "ServiceAccount", "serviceAccount" }, { "User", "user" }, { "Group", "group" },
	};
	const char *kind = v_str(m, "kind");

	if (!v_one_of(kind, "Group|ServiceAccount|User")) {
		v_unsupported(c, V_AT(p, "kind"), kind, "Group|ServiceAccount|User");
		return;
	}
	for (int i = 0; i < 3; i++) {
		yyjson_mut_val *who = v_get(m, kinds[i].member);
		const struct vpath *at = V_AT(p, kinds[i].member);
		const char *name = v_str(who, "name");
		if (strcmp(kind, kinds[i].kind)) {
			if (who)
				v_forbidden(c, at, v_text(c, "%s is forbidden when subject kind is not '%s'", kinds[i].member,
					kinds[i].kind));
			continue;
		}
		if (!who) {
			v_required(c, at, v_text(c, "%s is required when subject kind is '%s'", kinds[i].member, kind));
			continue;
		}
		if (!*name)
			v_required(c, V_AT(at, "name"), "");
		if (i)
			continue;
		if (*name && strcmp(name, "*"))
			v_syntax(c, V_AT(at, "name"), name, text_bad_dns1123_subdomain);
		if (!*v_str(who, "namespace"))
			v_required(c, V_AT(at, "namespace"), "must specify namespace for service account");
		else
			v_syntax(c, V_AT(at, "namespace"), v_str(who, "namespace"), text_bad_dns1123_label);
	}
}

static void verbs(struct vcheck *c, const struct vpath *p, yyjson_mut_val *list)
{
	BUF_AUTO struct buf b = { 0 };

	v_star_list(c, p, list, "verbs must contain at least one value", "verbs");
	if (v_has_star(list) || v_all_of(list, VERBS))
		return;
	if (!doc_mwrite(&b, list)) {
		buf_addc(&b, 0);
		v_unsupported_raw(c, p, b.failed ? "" : b.p, VERBS);
	}
}

static void resource_rule(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m)
{
	yyjson_mut_val *spaces = v_get(m, "namespaces");
	const struct vpath *np = V_AT(p, "namespaces");

	verbs(c, V_AT(p, "verbs"), v_get(m, "verbs"));
	v_star_list(c, V_AT(p, "apiGroups"), v_get(m, "apiGroups"), "resource rules must supply at least one api group",
		"api groups");
	v_star_list(c, V_AT(p, "resources"), v_get(m, "resources"), "resource rules must supply at least one resource",
		"resources");
	if (yyjson_mut_arr_size(spaces) || !doc_mbool(m, "clusterScope", false))
		v_star_list(c, np, spaces, "resource rules that are not cluster scoped must supply at least one namespace",
			"namespaces");
	V_EACH(i, ns, v_has_star(spaces) ? NULL : spaces) {
		const char *s = yyjson_mut_get_str(ns), *why = text_bad_dns1123_label(s);
		if (why)
			v_invalid(c, V_ITEM(np, i), s,
				v_text(c, "each member of this list must be '*' or a DNS-1123 label; %s", why));
	}
}

static const char *bad_url(const char *s)
{
	const char *star = strchr(s, '*');

	if (!*s)
		return "must not be empty";
	if (!strcmp(s, "/"))
		return NULL;
	if (*s != '/')
		return "must start with slash";
	if (strchr(s, ' '))
		return "must not contain white-space";
	if (strstr(s, "//"))
		return "must not contain double slash";
	return star && (star[1] || star[-1] != '/') ? "wildcard can only do suffix matching" : NULL;
}

static void url_rule(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m)
{
	yyjson_mut_val *urls = v_get(m, "nonResourceURLs");
	const struct vpath *at = V_AT(p, "nonResourceURLs");

	verbs(c, V_AT(p, "verbs"), v_get(m, "verbs"));
	v_star_list(c, at, urls, "nonResourceURLs must contain at least one value", "non-resource URLs");
	V_EACH(i, url, v_has_star(urls) ? NULL : urls)
		v_syntax(c, V_ITEM(at, i), yyjson_mut_get_str(url), bad_url);
}

void validate_flow_schema(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	int64_t precedence = doc_mint(spec, "matchingPrecedence", 0);
	const char *name = v_str(v_get(c->v, "metadata"), "name"), *method = v_str(v_get(spec, "distinguisherMethod"), "type");
	const struct vpath *pp = V_AT(p, "matchingPrecedence"), *lp = V_AT(p, "priorityLevelConfiguration");
	yyjson_mut_val *level = v_get(spec, "priorityLevelConfiguration");

	if (precedence <= 0)
		v_invalid_int(c, pp, precedence, "must be a positive value");
	if (precedence > PRECEDENCE_MAX)
		v_invalid_int(c, pp, precedence, "must not be greater than 10000");
	if (precedence == 1 && strcmp(name, "exempt"))
		v_invalid_int(c, pp, precedence, "only the schema named 'exempt' may have matchingPrecedence 1");
	if (v_get(spec, "distinguisherMethod") && !v_one_of(method, "ByNamespace|ByUser"))
		v_unsupported_raw(c, V_AT(V_AT(p, "distinguisherMethod"), "type"), v_text(c, "{\"Type\":\"%s\"}", method),
			"ByNamespace|ByUser");
	if (!*v_str(level, "name"))
		v_required(c, V_AT(lp, "name"), "must reference a priority level");
	else
		v_syntax(c, V_AT(lp, "name"), v_str(level, "name"), text_bad_dns1123_subdomain);
	V_EACH(i, rule, v_get(spec, "rules")) {
		const struct vpath *at = V_ITEM(V_AT(p, "rules"), i);
		if (!doc_mlen(rule, "subjects"))
			v_required(c, V_AT(at, "subjects"), "subjects must contain at least one value");
		V_EACH(j, m, v_get(rule, "subjects"))
			subject(c, V_ITEM(V_AT(at, "subjects"), j), m);
		if (!doc_mlen(rule, "resourceRules") && !doc_mlen(rule, "nonResourceRules"))
			v_required(c, at, "at least one of resourceRules and nonResourceRules has to be non-empty");
		V_EACH(j, m, v_get(rule, "resourceRules"))
			resource_rule(c, V_ITEM(V_AT(at, "resourceRules"), j), m);
		V_EACH(j, m, v_get(rule, "nonResourceRules"))
			url_rule(c, V_ITEM(V_AT(at, "nonResourceRules"), j), m);
	}
	fixed(c, p, spec, NULL);
}

static void shares(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m)
{
	int64_t nominal = doc_mint(m, "nominalConcurrencyShares", 0), lendable = doc_mint(m, "lendablePercent", 0);

	if (nominal < 0)
		v_invalid_int(c, V_AT(p, "nominalConcurrencyShares"), nominal, "must be a non-negative integer");
	if (lendable < 0 || lendable > 100)
		v_invalid_int(c, V_AT(p, "lendablePercent"), lendable, "must be between 0 and 100, inclusive");
}

static void queuing(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m)
{
	int64_t queues = doc_mint(m, "queues", 0), hand = doc_mint(m, "handSize", 0), length = doc_mint(m, "queueLengthLimit", 0);
	const struct vpath *hp = V_AT(p, "handSize");

	if (length <= 0)
		v_invalid_int(c, V_AT(p, "queueLengthLimit"), length, "must be positive");
	if (queues <= 0)
		v_invalid_int(c, V_AT(p, "queues"), queues, "must be positive");
	else if (queues > QUEUES_MAX)
		v_invalid_int(c, V_AT(p, "queues"), queues, "must not be greater than 10000000");
	if (hand <= 0)
		v_invalid_int(c, hp, hand, "must be positive");
	else if (hand > queues)
		v_invalid_int(c, hp, hand, v_text(c, "should not be greater than queues (%lld)", (long long)queues));
	else if (ceil(log2((double)queues) * (double)hand) > HASH_BITS_MAX)
		v_invalid_int(c, hp, hand, v_text(c, "required entropy bits of deckSize %lld and handSize %lld should not be "
			"greater than 60", (long long)queues, (long long)hand));
}

static void limited(struct vcheck *c, const struct vpath *p, yyjson_mut_val *m)
{
	yyjson_mut_val *response = v_get(m, "limitResponse"), *queue = v_get(response, "queuing");
	const char *type = v_str(response, "type");
	const struct vpath *rp = V_AT(p, "limitResponse");
	int64_t borrow = doc_mint(m, "borrowingLimitPercent", 0);

	shares(c, p, m);
	if (!v_one_of(type, "Queue|Reject"))
		v_unsupported(c, V_AT(rp, "type"), type, "Queue|Reject");
	else if (!strcmp(type, "Reject") && queue)
		v_forbidden(c, V_AT(rp, "queuing"), "must be nil if limited.limitResponse.type is not Limited");
	else if (!strcmp(type, "Queue") && !queue)
		v_required(c, V_AT(rp, "queuing"), "must not be empty if limited.limitResponse.type is Limited");
	else if (queue)
		queuing(c, V_AT(rp, "queuing"), queue);
	if (borrow < 0)
		v_invalid_int(c, V_AT(p, "borrowingLimitPercent"), borrow, "if specified, must be a non-negative integer");
}

void validate_priority_level(struct vcheck *c, const struct vpath *p, yyjson_mut_val *spec)
{
	const char *type = v_str(spec, "type"), *name = v_str(v_get(c->v, "metadata"), "name");
	bool exempt = !strcmp(type, "Exempt");
	yyjson_mut_val *limits = v_get(spec, "limited"), *freedom = v_get(spec, "exempt");

	if (exempt != !strcmp(name, "exempt"))
		v_invalid(c, V_AT(p, "type"), type, "type must be 'Exempt' if and only if name is 'exempt'");
	if (exempt) {
		if (limits)
			v_forbidden(c, V_AT(p, "limited"), "must be nil if the type is not Limited");
		shares(c, V_AT(p, "exempt"), freedom);
	} else if (strcmp(type, "Limited")) {
		v_unsupported(c, V_AT(p, "type"), type, "Exempt|Limited");
	} else {
		if (freedom)
			v_forbidden(c, V_AT(p, "exempt"), "must be nil if the type is Limited");
		if (limits)
			limited(c, V_AT(p, "limited"), limits);
		else
			v_required(c, V_AT(p, "limited"), "must not be empty when type is Limited");
	}
	fixed(c, p, spec, exempt ? "exempt" : NULL);
}

void validate_flow_status(struct vcheck *c, const struct vpath *spec_path, yyjson_mut_val *spec)
{
	const struct vpath *p = V_AT(V_AT(NULL, "status"), "conditions");
	V_SET types = { 0 };

	V_EACH(i, m, doc_mget(c->v, "status.conditions")) {
		const struct vpath *at = V_AT(V_ITEM(p, i), "type");
		if (!v_first(&types, v_str(m, "type")))
			v_duplicate(c, at, v_str(m, "type"));
		if (!*v_str(m, "type"))
			v_required(c, at, "must not be empty");
	}
}
