/* SPDX-License-Identifier: Apache-2.0 */
/* server_flags - what a server is told, and what is said of what it cannot be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/file.h"
#include "bundle.h"
#include "server_flags.h"

static const struct cli_command cmd = { .name = "server", .help = "" };

static int settings(const char *option, const char *value, struct server_settings *ret, struct err *e)
{
	char *argv[] = { "server", (char *)option, (char *)value, NULL };
	struct server_flags f;

	memset(e, 0, sizeof(*e));
	server_flags_parse(&f, &cmd, option ? 3 : 1, argv);
	return server_flags_settings(&f, &cmd, ret, e);
}

static const struct { const char *option, *value, *why; } wrong[] = {
	{ "--service-cidr", "10.96.0.0", "is not one or two ranges, like 10.96.0.0/16" },
	{ "--service-cidr", "10.96.0.0/25", "is not a network of at least 256 addresses" },
	{ "--service-cidr", "10.96.0.0/16,fd00::/121", "an IPv6 range must be /120 or larger" },
	{ "--service-cidr", "10.96.0.0/16,fd00::/107", "for 128-bit addresses, the mask must be >= 108" },
	{ "--service-cidr", "10.96.0.0/16,10.97.0.0/16", "two IPv4 ranges: give one of each family" },
	{ "--service-cidr", "10.96.0.0/16,fd00::/112,fd01::/112", "more than two ranges" },
	{ "--service-cidr", "10.244.7.0/24", "overlap" },
	{ "--service-cidr", "fd00::/112", "begin with different families" },
	{ "--cluster-cidr", "10.244.0.0", "is not one or two ranges" },
	{ "--cluster-cidr", "10.244.0.0/25", "has no room for a node's block of /24: give a larger range, or another --node-cidr-mask-size-ipv4" },
	{ "--cluster-cidr", "8.0.0.0/7", "more than 65,536 blocks of /24: give a smaller range, or another --node-cidr-mask-size-ipv4" },
	{ "--cluster-cidr", "10.244.0.0/16,fd00::/47", "more than 65,536 blocks of /64" },
	{ "--cluster-cidr", "10.244.0.0/16,fd00::/65", "another --node-cidr-mask-size-ipv6" },
	{ "--cluster-cidr", "fd00::/56,10.244.0.0/16", "begin with different families" },
	{ "--node-cidr-mask-size-ipv4", "30", "is not a number from 16 to 29" },
	{ "--node-cidr-mask-size-ipv6", "121", "is not a number from 16 to 120" },
	{ "--node-cidr-mask-size-ipv6", "", "is not a number from 16 to 120" },
	{ "--listen", "[fd00::1]:7443", "pods would not reach the API there" },
	{ "--advertise", "2001:db8::1", "pods would not reach the API there" },
	{ "--cert-validity", "7s", "at least 8s, like 8760h" },
	{ "--cert-validity", "", "at least 8s, like 8760h" },
	{ "--history", "4s", "at least 5s, like 5m" },
	{ "--history", "soon", "at least 5s, like 5m" },
	{ "--shutdown-delay", "601s", "at most 600s, like 3s" },
	{ "--shutdown-delay", "-1s", "at most 600s, like 3s" },
	{ "--node-monitor-grace-period", "999ms", "at least 1s, like 40s" },
	{ "--node-startup-grace-period", "x", "at least 1s, like 1m" },
	{ "--node-eviction-rate", "-1", "is not a number from 0 to 1000" },
	{ "--secondary-node-eviction-rate", "nan", "is not a number from 0 to 1000" },
	{ "--large-cluster-size-threshold", "1e10", "is not a number from 0 to 1e+09" },
	{ "--unhealthy-zone-threshold", "1.1", "is not a number from 0 to 1" },
	{ "--unhealthy-zone-threshold", "", "is not a number from 0 to 1" },
};

static void what_cannot_be_is_told_by_its_flag(void **state)
{
	struct server_settings s;
	struct err e;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		if (settings(wrong[i].option, wrong[i].value, &s, &e) != -ERR_BAD_REQUEST || !strstr(e.msg, wrong[i].why) ||
		    !strstr(e.msg, wrong[i].option))
			fail_msg("%s %s: %s", wrong[i].option, wrong[i].value, e.msg);
}

static void without_flags_it_is_as_the_help_says(void **state)
{
	struct server_settings s;
	struct err e;

	assert_int_equal(settings(NULL, NULL, &s, &e), 0);
	assert_string_equal(s.store, "sqlite:/var/lib/sampan/server/state.db");
	assert_string_equal(s.service_ip[0], "10.96.0.1");
	assert_string_equal(s.service_ip[1], "");
	assert_string_equal(s.listen, "0.0.0.0:6443");
	assert_int_equal(s.node_mask[0], 24);
	assert_int_equal(s.node_mask[1], 64);
	assert_int_equal(s.port, 6443);
	assert_int_equal(s.cert_valid_s, 0);
	assert_int_equal(s.shutdown_delay_ms, -1);
	assert_int_equal(s.history.ms, 300000);
	assert_int_equal(s.death.grace_ms, 40000);
	assert_int_equal(s.death.startup_grace_ms, 60000);
	assert_int_equal(s.death.large_zone, 50);
}

static void what_is_told_counts(void **state)
{
	struct server_settings s;
	struct server_flags f = { 0 };
	struct err e;

	assert_int_equal(settings("--listen", "[::1]:7443", &s, &e), 0);
	assert_string_equal(s.advertise, "[::1]:7443");
	assert_int_equal(settings("--service-cidr", "10.96.1.0/16,FD00:1::/112", &s, &e), 0);
	assert_string_equal(s.service_cidr, "10.96.0.0/16,fd00:1::/112");
	assert_string_equal(s.listen, "[::]:6443");
	assert_string_equal(s.service_ip[0], "10.96.0.1");
	assert_string_equal(s.service_ip[1], "fd00:1::1");
	server_flags_parse(&f, &cmd, 7, (char *[]){ "server", "--service-cidr", "fd00:1::/112", "--cluster-cidr", "fd00:2::/56",
		"--listen", "[fd00::1]:7443", NULL });
	assert_int_equal(server_flags_settings(&f, &cmd, &s, &e), 0);
	assert_string_equal(s.service_ip[0], "fd00:1::1");
	assert_string_equal(s.cluster_cidr, "fd00:2::/56");
	assert_string_equal(s.advertise, "[fd00::1]:7443");
	assert_int_equal(settings("--shutdown-delay", "0s", &s, &e), 0);
	assert_int_equal(s.shutdown_delay_ms, 0);
	assert_int_equal(settings("--shutdown-delay", "1500ms", &s, &e), 0);
	assert_int_equal(s.shutdown_delay_ms, 1500);
	assert_int_equal(settings("--store", "etcd://h:2379/x", &s, &e), 0);
	assert_string_equal(s.store, "etcd://h:2379/x");
	assert_int_equal(settings("--data-dir", "/d", &s, &e), 0);
	assert_string_equal(s.store, "sqlite:/d/server/state.db");
	assert_int_equal(settings("--node-name", "n", &s, &e), 0);
	assert_string_equal(s.node_name, "n");
	assert_int_equal(settings("--node-startup-grace-period", "90s", &s, &e), 0);
	assert_int_equal(s.death.startup_grace_ms, 90000);
}

/* Else it would begin with an empty file, and agents find no pods there. */
static void a_shared_store_is_not_forgotten(void **state)
{
	struct bundle_settings b = { .store = "etcd://h:2379", .service_cidr = "10.96.0.0/16", .cluster_cidr = "10.244.0.0/16" };
	char dir[] = "/tmp/sampan-flags.XXXXXX", server[60], file[100];
	struct server_flags f = { 0 };
	struct server_settings s;
	struct err e = { 0 };

	assert_non_null(mkdtemp(dir));
	snprintf(server, sizeof(server), "%s/server", dir);
	snprintf(file, sizeof(file), "sqlite:%s/state.db", server);
	assert_int_equal(mkdir(server, 0700), 0);
	assert_int_equal(settings("--data-dir", dir, &s, &e), 0);
	assert_int_equal(bundle_settings_write(dir, &b, NULL), 0);
	assert_int_equal(settings("--data-dir", dir, &s, &e), -ERR_CONFLICT);
	assert_non_null(strstr(e.msg, "has been etcd://h:2379"));
	assert_non_null(strstr(e.msg, file));
	server_flags_parse(&f, &cmd, 5, (char *[]){ "server", "--data-dir", dir, "--store", file, NULL });
	assert_int_equal(server_flags_settings(&f, &cmd, &s, &e), 0);
	assert_int_equal(file_remove_tree(dir, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_cannot_be_is_told_by_its_flag),
		cmocka_unit_test(without_flags_it_is_as_the_help_says),
		cmocka_unit_test(what_is_told_counts),
		cmocka_unit_test(a_shared_store_is_not_forgotten),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
