/* SPDX-License-Identifier: Apache-2.0 */
/* cni_result - what plugins answer: addresses, or why there are none.
 * Source: CNI specification 1.0.0, section 5; of several addresses, those of the pod's own
 * interface count, as for the container runtimes. */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "net/cni_priv.h"

/* At the pod's own interface? One without an interface counts. */
static bool is_pods(yyjson_val *root, yyjson_val *ip)
{
	yyjson_val *at = yyjson_obj_get(ip, "interface"), *link;
	const char *sandbox;

	if (!yyjson_is_int(at))
		return true;
	link = yyjson_get_sint(at) < 0 ? NULL : yyjson_arr_get(yyjson_obj_get(root, "interfaces"), (size_t)yyjson_get_sint(at));
	sandbox = doc_str(link, "sandbox");
	return sandbox && *sandbox && doc_str(link, "name") && !strcmp(doc_str(link, "name"), "eth0");
}

int cni_result_read(struct cni_result *ret, yyjson_val *root, const char *version, struct err *reterr)
{
	yyjson_val *ips = yyjson_obj_get(root, "ips"), *v;
	const char *said = doc_str(root, "cniVersion");
	size_t i, n;

	*ret = (struct cni_result){ 0 };
	if (!yyjson_is_obj(root))
		return err_set(reterr, ERR_INVALID, "its answer is not a JSON object");
	if (!said || strcmp(said, version))
		return err_set(reterr, ERR_INVALID, "its answer has cniVersion \"%s\", it was asked for %s", cni_known_version(said) ? said : "?",
			version);
	if (yyjson_arr_size(ips) > CNI_IPS_MAX)
		return err_set(reterr, ERR_INVALID, "its answer has more than %u addresses", CNI_IPS_MAX);
	yyjson_arr_foreach(ips, i, n, v) {
		const char *cidr = doc_str(v, "address");
		size_t len = cidr ? strcspn(cidr, "/") : 0;
		char ip[INET6_ADDRSTRLEN];
		uint8_t bytes[16];
		int family;

		if (!len || len >= sizeof(ip))
			return err_set(reterr, ERR_INVALID, "its answer has ips[%zu].address that is none", i);
		memcpy(ip, cidr, len);
		ip[len] = 0;
		family = inet_pton(AF_INET, ip, bytes) == 1 ? AF_INET : AF_INET6;
		if (family == AF_INET6 && inet_pton(AF_INET6, ip, bytes) != 1)
			return err_set(reterr, ERR_INVALID, "its answer has ips[%zu].address that is none", i);
		if (!is_pods(root, v))
			continue;
		if (family == AF_INET && !*ret->ip4)
			inet_ntop(AF_INET, bytes, ret->ip4, sizeof(ret->ip4));
		else if (family == AF_INET6 && !*ret->ip6)
			inet_ntop(AF_INET6, bytes, ret->ip6, sizeof(ret->ip6));
	}
	return 0;
}

void cni_failure(char *out, size_t size, const char *said, size_t n, const char *errors, size_t error_count)
{
	ARENA_AUTO struct arena *a = arena_open(CNI_ARENA_BYTES);
	const char *msg = NULL, *details = NULL;
	yyjson_doc *d;

	if (a && n && n <= CNI_OUTPUT_MAX && !doc_parse(a, said, n, &d, NULL)) {
		msg = doc_str(yyjson_doc_get_root(d), "msg");
		details = doc_str(yyjson_doc_get_root(d), "details");
	}
	if (msg && *msg)
		snprintf(out, size, "%.600s%s%.300s", msg, details && *details ? "; " : "", details ? details : "");
	else if (n || error_count)
		snprintf(out, size, "it did not say why as the specification has it: %.*s", (int)(n ? n < 600 ? n : 600 : error_count < 600 ? error_count : 600),
			n ? said : errors);
	else
		snprintf(out, size, "it did not say why");
	for (char *p = out; *p; p++)
		if (!isprint((unsigned char)*p))
			*p = strchr("\n\r\t", *p) ? ' ' : '?';
	for (size_t len = strlen(out); len && out[len - 1] == ' '; len--)
		out[len - 1] = 0;
	if (!*out)
		snprintf(out, size, "it did not say why");
}
