/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pulls from a registry on loopback that has every fault one may have; then the image
 * mounted, used and removed. Skipped without root, which unpacking needs.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "agent/image.h"
#include "agent/image_name.h"
#include "base/file.h"
#include "base/loop.h"
#include "base/text.h"

static char dir[] = "/tmp/sampan-registry-XXXXXX";
static struct loop *loop;
static struct images *images;
static pid_t server;
static int port;
static struct buf layer, config, manifest, arm_config, arm_manifest, index_json;
static char layer_digest[IMAGE_DIGEST_MAX], config_digest[IMAGE_DIGEST_MAX], manifest_digest[IMAGE_DIGEST_MAX],
	arm_digest[IMAGE_DIGEST_MAX];
static struct { int blobs, tokens, manifests; } *count;        /* shared with the server */

/* ---- the image ---- */

static void digest_of(const struct buf *b, char out[IMAGE_DIGEST_MAX])
{
	uint8_t sum[32];

	text_sha256(sum, b->p, b->len);
	strcpy(out, "sha256:");
	text_hex(out + 7, sum, 32);
}

static void add_file(struct buf *tar, const char *name, const char *data, size_t len)
{
	char h[512] = { 0 }, zeros[512] = { 0 };
	unsigned sum = 0;

	snprintf(h, 100, "%s", name);
	memcpy(h + 100, "0000644\0" "0000000\0" "0000000\0", 24);
	snprintf(h + 124, 12, "%011lo", (unsigned long)len);
	memcpy(h + 136, "07346545000\0", 12);
	memset(h + 148, ' ', 8);
	h[156] = '0';
	memcpy(h + 257, "ustar\0" "00", 8);
	for (int i = 0; i < 512; i++)
		sum += (unsigned char)h[i];
	snprintf(h + 148, 8, "%06o", sum);
	buf_add(tar, h, 512);
	buf_add(tar, data, len);
	buf_add(tar, zeros, (512 - len % 512) % 512);
}

static void make_manifest(struct buf *out, const struct buf *cfg)
{
	char d[IMAGE_DIGEST_MAX];

	digest_of(cfg, d);
	buf_printf(out, "{\"schemaVersion\":2,\"config\":{\"digest\":\"%s\",\"size\":%zu},\"layers\":[{\"digest\":\"%s\",\"size\":%zu}]}",
		d, cfg->len, layer_digest, layer.len);
}

static void make_image(void)
{
	static char big[300000], zeros[1024];

	memset(big, 'x', sizeof(big));
	add_file(&layer, "hello", "hello, sampan\n", 14);
	add_file(&layer, "etc/big", big, sizeof(big));
	buf_add(&layer, zeros, sizeof(zeros));
	digest_of(&layer, layer_digest);
	buf_printf(&config, "{\"os\":\"linux\",\"architecture\":\"%s\",\"config\":{\"Cmd\":[\"/hello\",\"you\"],\"Env\":[\"A=b\"],"
		"\"User\":\"7\",\"WorkingDir\":\"/w\",\"StopSignal\":\"SIGINT\",\"Volumes\":{\"/v\":{}},\"Labels\":{\"k\":\"v\"}},"
		"\"rootfs\":{\"diff_ids\":[\"%s\"]}}", image_machine_arch(), layer_digest);
	digest_of(&config, config_digest);
	make_manifest(&manifest, &config);
	digest_of(&manifest, manifest_digest);
	buf_printf(&arm_config, "{\"os\":\"linux\",\"architecture\":\"vax\",\"rootfs\":{\"diff_ids\":[\"%s\"]}}", layer_digest);
	make_manifest(&arm_manifest, &arm_config);
	digest_of(&arm_manifest, arm_digest);
	buf_printf(&index_json, "{\"schemaVersion\":2,\"manifests\":["
		"{\"digest\":\"%s\",\"size\":1,\"platform\":{\"os\":\"linux\",\"architecture\":\"vax\"}},"
		"{\"digest\":\"%s\",\"size\":1,\"platform\":{\"os\":\"linux\",\"architecture\":\"%s\"}}]}",
		arm_digest, manifest_digest, image_machine_arch());
}

/* ---- the registry ---- */

static void answer(int fd, const char *status, const char *headers, const void *p, size_t n, size_t send_n)
{
	char head[1024];
	int len = snprintf(head, sizeof(head), "HTTP/1.1 %s\r\nConnection: close\r\nContent-Length: %zu\r\n%s\r\n", status, n, headers);

	if (send(fd, head, (size_t)len, MSG_NOSIGNAL) == len)
		for (size_t at = 0; at < send_n;) {
			ssize_t w = send(fd, (const char *)p + at, send_n - at, MSG_NOSIGNAL);

			if (w <= 0)
				break;
			at += (size_t)w;
		}
}

static bool starts(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

static void serve_blob(int fd, const char *repo, const char *request)
{
	const char *range = strstr(request, "Range: bytes=");
	size_t at = range ? strtoul(range + 13, NULL, 10) : 0, half = layer.len / 2;
	int nth = ++count->blobs;

	if (starts(repo, "flaky/") && nth == 1) {
		answer(fd, "200 OK", "", layer.p, layer.len, half);
	} else if (starts(repo, "flaky/")) {
		answer(fd, "206 Partial Content", "", layer.p + at, layer.len - at, at ? layer.len - at : 0);
	} else if (starts(repo, "norange/")) {
		answer(fd, "200 OK", "", layer.p, layer.len, nth == 1 ? half : layer.len);
	} else if (starts(repo, "liar/")) {
		static char lie[400000];

		answer(fd, "200 OK", "", lie, layer.len, layer.len);
	} else if (starts(repo, "long/")) {
		static char lots[600000];

		answer(fd, "200 OK", "", lots, sizeof(lots), sizeof(lots));
	} else {
		answer(fd, "200 OK", "", layer.p, layer.len, layer.len);
	}
}

static void serve_one(int fd)
{
	char request[8192], headers[256], *repo, *what;
	size_t n = 0;
	ssize_t r;

	while ((r = read(fd, request + n, sizeof(request) - 1 - n)) > 0) {
		n += (size_t)r;
		request[n] = 0;
		if (request[0] != 'G' || strstr(request, "\r\n\r\n") || n == sizeof(request) - 1)
			break;
	}
	request[n] = 0;
	if (starts(request, "GET /token?service=reg&scope=repository%3Aprivate%2Fapp%3Apull ")) {
		count->tokens++;
		/* u:pw */
		if (strstr(request, "Authorization: Basic dTpwdw=="))
			answer(fd, "200 OK", "", "{\"token\":\"t1\"}", 14, 14);
		else
			answer(fd, "401 Unauthorized", "", "", 0, 0);
		return;
	}
	if (!starts(request, "GET /v2/"))
		return;                                    /* a TLS hello: not spoken here */
	repo = request + 8;
	what = strstr(repo, "/manifests/");
	if (!what)
		what = strstr(repo, "/blobs/");
	if (starts(repo, "private/") && !strstr(request, "Authorization: Bearer t1")) {
		snprintf(headers, sizeof(headers), "WWW-Authenticate: Bearer realm=\"http://127.0.0.1:%d/token\",service=\"reg\"\r\n", port);
		answer(fd, "401 Unauthorized", headers, "", 0, 0);
	} else if (starts(repo, "basic/") && !strstr(request, "Authorization: Basic dTpwdw==")) {
		answer(fd, "401 Unauthorized", "WWW-Authenticate: Basic realm=\"x\"\r\n", "", 0, 0);
	} else if (!what || starts(repo, "missing/")) {
		answer(fd, "404 Not Found", "", "{\"errors\":[{\"message\":\"no such thing\"}]}", 40, 40);
	} else if (starts(what, "/manifests/")) {
		const struct buf *m = strstr(what, arm_digest) || starts(repo, "vax/") ? &arm_manifest : &manifest;

		count->manifests++;
		if (starts(repo, "index/") && starts(what, "/manifests/latest"))
			m = &index_json;
		answer(fd, "200 OK", "", m->p, m->len, m->len);
	} else if (strstr(what, config_digest)) {
		answer(fd, "200 OK", "", config.p, config.len, config.len);
	} else if (strstr(what, layer_digest)) {
		serve_blob(fd, repo, request);
	} else {
		answer(fd, "200 OK", "", arm_config.p, arm_config.len, arm_config.len);
	}
}

static void start_server(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_ANY) };
	socklen_t len = sizeof(a);
	int s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(bind(s, (void *)&a, sizeof(a)), 0);
	assert_int_equal(listen(s, 64), 0);
	getsockname(s, (void *)&a, &len);
	port = ntohs(a.sin_port);
	server = fork();
	if (!server) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;;) {
			int fd = accept(s, NULL, NULL);

			serve_one(fd);
			shutdown(fd, SHUT_WR);
			close(fd);
		}
	}
	close(s);
}

/* ---- pulling ---- */

static int got, got_rc;
static bool got_pulled;
static char got_id[IMAGE_DIGEST_MAX], got_message[1024];

static void on_pulled(void *arg, int rc, const struct image_info *img, bool pulled, const char *message)
{
	got++;
	got_rc = rc;
	got_pulled = pulled;
	snprintf(got_id, sizeof(got_id), "%s", img ? img->id : "");
	snprintf(got_message, sizeof(got_message), "%s", message);
}

static void on_rc(void *arg, int rc)
{
	got++;
	got_rc = rc;
}

static void wait_for(int n)
{
	while (got < n)
		loop_turn(loop, 1000);
	got = 0;
}

static void forget_all(void)
{
	struct image_info info;

	if (!image_find(images, config_digest, &info)) {
		assert_int_equal(image_remove(images, config_digest, on_rc, NULL), 0);
		wait_for(1);
		assert_int_equal(got_rc, 0);
	}
	memset(count, 0, sizeof(*count));
}

static int pull(const char *repo, enum image_policy policy, const char *user, const char *password)
{
	struct image_auth auth = { "", user, password };
	char ref[128], host[64];

	snprintf(host, sizeof(host), "127.0.0.1:%d", port);
	auth.registry = host;
	snprintf(ref, sizeof(ref), "%s/%s", host, repo);
	assert_int_equal(image_pull(images, ref, policy, &auth, user ? 1 : 0, NULL, on_pulled, NULL), 0);
	wait_for(1);
	if (got_rc)
		print_message("%s: %s\n", repo, got_message);
	return got_rc;
}

static const struct { const char *repo, *user, *password; int rc; int blobs; const char *says; } pulls[] = {
	{ "open/app", NULL, NULL, 0, 1, "" },
	{ "index/app", NULL, NULL, 0, 1, "" },
	{ "private/app", "u", "pw", 0, 1, "" },
	{ "private/app", "u", "wrong", -ERR_UNAUTHORIZED, 0, "HTTP 401" },
	{ "private/app", NULL, NULL, -ERR_UNAUTHORIZED, 0, "HTTP 401" },
	{ "basic/app", "u", "pw", 0, 1, "" },
	{ "basic/app", "u", "wrong", -ERR_UNAUTHORIZED, 0, "refused" },
	{ "basic/app", NULL, NULL, -ERR_UNAUTHORIZED, 0, "needed" },
	{ "flaky/app", NULL, NULL, 0, 2, "" },
	{ "norange/app", NULL, NULL, 0, 2, "" },
	{ "liar/app", NULL, NULL, -ERR_CORRUPT, 1, "digest" },
	{ "long/app", NULL, NULL, -ERR_SIZE, 1, "more of a layer" },
	{ "vax/app", NULL, NULL, -ERR_INVALID, 0, "for linux/vax" },
	{ "missing/app", NULL, NULL, -ERR_NOT_FOUND, 0, "no such thing" },
};

static void test_pulls(void **state)
{
	for (size_t i = 0; i < sizeof(pulls) / sizeof(*pulls); i++) {
		forget_all();
		assert_int_equal(pull(pulls[i].repo, IMAGE_ALWAYS, pulls[i].user, pulls[i].password), pulls[i].rc);
		assert_non_null(strstr(got_message, pulls[i].says));
		assert_int_equal(count->blobs, pulls[i].blobs);
		if (!pulls[i].rc) {
			assert_string_equal(got_id, config_digest);
			assert_true(got_pulled);
		}
	}
}

static void test_policies(void **state)
{
	forget_all();
	assert_int_equal(pull("open/app", IMAGE_NEVER, NULL, NULL), -ERR_NOT_FOUND);
	assert_int_equal(pull("open/app", IMAGE_IF_NOT_PRESENT, NULL, NULL), 0);
	assert_true(got_pulled);
	assert_int_equal(count->manifests, 1);
	assert_int_equal(pull("open/app", IMAGE_IF_NOT_PRESENT, NULL, NULL), 0);
	assert_false(got_pulled);
	assert_int_equal(pull("open/app", IMAGE_NEVER, NULL, NULL), 0);
	assert_int_equal(count->manifests, 1);
	assert_int_equal(pull("open/app", IMAGE_ALWAYS, NULL, NULL), 0);
	assert_false(got_pulled);
	assert_int_equal(count->manifests, 2);
	assert_int_equal(count->blobs, 1);
	assert_int_equal(pull("Bad Name", IMAGE_ALWAYS, NULL, NULL), -ERR_BAD_REQUEST);
}

/* Some address of this machine that is not its loopback: proxies are passed by for that anyway. */
static bool own_address(char out[INET_ADDRSTRLEN])
{
	struct ifaddrs *all, *i;
	bool found = false;

	if (getifaddrs(&all))
		return false;
	for (i = all; i && !found; i = i->ifa_next) {
		found = i->ifa_addr && i->ifa_addr->sa_family == AF_INET && !(i->ifa_flags & IFF_LOOPBACK) &&
			(i->ifa_flags & IFF_UP);
		if (found)
			inet_ntop(AF_INET, &((struct sockaddr_in *)(void *)i->ifa_addr)->sin_addr, out, INET_ADDRSTRLEN);
	}
	freeifaddrs(all);
	return found;
}

static void test_no_proxy_is_honoured(void **state)
{
	char ip[INET_ADDRSTRLEN], host[64], ref[128], range[INET_ADDRSTRLEN + 4];
	struct image_store_config cfg = { .dir = dir, .insecure_registries = host };
	struct err e;

	if (!own_address(ip))
		skip();
	snprintf(host, sizeof(host), "%s:%d", ip, port);
	snprintf(ref, sizeof(ref), "%s/open/app", host);
	snprintf(range, sizeof(range), "%s/24", ip);
	image_close(images);
	assert_int_equal(image_open(&images, loop, &cfg, &e), 0);
	/* A proxy nobody is at. */
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	setenv("https_proxy", "http://127.0.0.1:1", 1);
	for (int i = 0; i < 2; i++) {
		setenv("NO_PROXY", i ? range : ip, 1);
		forget_all();
		assert_int_equal(image_pull(images, ref, IMAGE_ALWAYS, NULL, 0, NULL, on_pulled, NULL), 0);
		wait_for(1);
		if (got_rc)
			print_message("%s\n", got_message);
		assert_int_equal(got_rc, 0);
	}
	unsetenv("http_proxy");
	unsetenv("https_proxy");
	unsetenv("NO_PROXY");
}

static void test_pulls_of_one_image_share_the_work(void **state)
{
	char ref[128];

	forget_all();
	snprintf(ref, sizeof(ref), "127.0.0.1:%d/open/app", port);
	for (int i = 0; i < 5; i++)
		assert_int_equal(image_pull(images, ref, IMAGE_IF_NOT_PRESENT, NULL, 0, NULL, on_pulled, NULL), 0);
	snprintf(ref, sizeof(ref), "127.0.0.1:%d/other/app", port);     /* the same layer by another name */
	assert_int_equal(image_pull(images, ref, IMAGE_IF_NOT_PRESENT, NULL, 0, NULL, on_pulled, NULL), 0);
	wait_for(6);
	assert_int_equal(got_rc, 0);
	assert_int_equal(count->blobs, 1);
	assert_int_equal(count->manifests, 2);
}

static char root[256];

static void on_mounted(void *arg, int rc, const char *rootfs, const char *message)
{
	got++;
	got_rc = rc;
	snprintf(root, sizeof(root), "%s", rootfs ? rootfs : message);
}

static void check_file(const char *name, const char *want)
{
	struct buf path = { 0 }, text = { 0 };

	buf_printf(&path, "%s/%s", root, name);
	assert_int_equal(file_read(path.p, 100, &text, NULL), 0);
	assert_string_equal(text.p, want);
	buf_finish(&path);
	buf_finish(&text);
}

static void on_usage(void *arg, int rc, uint64_t bytes, uint64_t files)
{
	got++;
	got_rc = rc;
	assert_true(bytes >= 4096);
	assert_int_equal(files, 2);
}

static void test_mounts(void **state)
{
	static const char *const none[] = { NULL };
	struct image_config c;
	struct buf path = { 0 };
	struct err e;

	assert_int_equal(image_config(images, config_digest, &c), 0);
	assert_string_equal(c.cmd[1], "you");
	assert_null(c.entrypoint[0]);
	assert_string_equal(c.env[0], "A=b");
	assert_string_equal(c.user, "7");
	assert_string_equal(c.workdir, "/w");
	assert_string_equal(c.stop_signal, "SIGINT");
	assert_string_equal(c.volumes[0], "/v");
	assert_string_equal(c.labels[0], "k=v");

	assert_int_equal(image_mount(images, "sha256:0000000000", "c-1", on_mounted, NULL), -ERR_NOT_FOUND);
	assert_int_equal(image_mount(images, config_digest, "../c", on_mounted, NULL), -ERR_BAD_REQUEST);
	assert_int_equal(image_mount(images, config_digest, "c-1", on_mounted, NULL), 0);
	wait_for(1);
	print_message("%s\n", root);
	assert_int_equal(got_rc, 0);
	check_file("hello", "hello, sampan\n");
	buf_printf(&path, "%s/hello", root);
	assert_int_equal(file_replace(path.p, "mine", 4, 0644, &e), 0);
	check_file("hello", "mine");
	assert_int_equal(image_usage(images, "c-1", on_usage, NULL), 0);
	wait_for(1);

	assert_int_equal(image_mount(images, config_digest, "c-1", on_mounted, NULL), 0);   /* the same one */
	wait_for(1);
	check_file("hello", "mine");
	assert_int_equal(image_mount(images, config_digest, "c-2", on_mounted, NULL), 0);   /* another one's own */
	wait_for(1);
	check_file("hello", "hello, sampan\n");

	assert_int_equal(image_remove(images, config_digest, on_rc, NULL), 0);
	wait_for(1);
	assert_int_equal(got_rc, -ERR_CONFLICT);
	assert_int_equal(image_unmount(images, "c-1", on_rc, NULL), 0);
	wait_for(1);
	assert_int_equal(got_rc, 0);
	assert_false(file_exists(path.p));
	image_mounts_keep(images, none);
	assert_int_equal(image_unmount(images, "c-2", on_rc, NULL), 0);
	wait_for(1);
	buf_finish(&path);
	forget_all();
	buf_printf(&path, "[ -z \"$(ls %s/layers %s/mounts %s/tmp %s/blobs/sha256 | grep -v :)\" ]", dir, dir, dir, dir);
	assert_int_equal(system(path.p), 0);
	buf_finish(&path);
}

static void test_closing_ends_pulls(void **state)
{
	struct image_store_config cfg = { .dir = dir };
	char ref[128];
	struct err e;

	for (int turns = 0; turns < 12; turns += 2) {
		snprintf(ref, sizeof(ref), "127.0.0.1:%d/open/app", port);
		assert_int_equal(image_pull(images, ref, IMAGE_ALWAYS, NULL, 0, NULL, on_pulled, NULL), 0);
		for (int i = 0; i < turns && !got; i++)
			loop_turn(loop, 5);
		image_close(images);
		wait_for(1);
		assert_true(got_rc == -ERR_CANCELED || got_rc == 0);
		assert_int_equal(image_open(&images, loop, &cfg, &e), 0);
	}
}

static int setup(void **state)
{
	struct image_store_config cfg = { .dir = dir };
	struct err e;

	if (!mkdtemp(dir) || loop_open(&loop) || image_open(&images, loop, &cfg, &e))
		return -1;
	count = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	make_image();
	start_server();
	return 0;
}

static int teardown(void **state)
{
	struct err e;

	image_close(images);
	loop_close(loop);
	kill(server, SIGKILL);
	waitpid(server, NULL, 0);
	buf_finish(&layer);
	buf_finish(&config);
	buf_finish(&manifest);
	buf_finish(&arm_config);
	buf_finish(&arm_manifest);
	buf_finish(&index_json);
	return file_remove_tree(dir, &e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pulls),
		cmocka_unit_test(test_policies),
		cmocka_unit_test(test_no_proxy_is_honoured),
		cmocka_unit_test(test_pulls_of_one_image_share_the_work),
		cmocka_unit_test(test_mounts),
		cmocka_unit_test(test_closing_ends_pulls),
	};

	if (geteuid()) {
		print_message("needs root\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, setup, teardown);
}
