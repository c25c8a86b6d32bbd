/* SPDX-License-Identifier: Apache-2.0 */
/* Archives, good and hostile, unpacked by the sandboxed child. Skipped without root. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>
#include <cmocka.h>

#include "agent/layer.h"
#include "base/file.h"
#include "base/loop.h"
#include "base/text.h"

struct entry { char type; const char *name, *link; unsigned mode; const char *data; long size; unsigned uid, gid; };
enum { ENTRIES = 8 };
#define FILE_(n, d) { '0', n, "", 0644, d, 0, 0, 0 }
#define DIR_(n) { '5', n, "", 0755, "", 0, 0, 0 }
#define SYM(n, t) { '2', n, t, 0777, "", 0, 0, 0 }
#define HARD(n, t) { '1', n, t, 0644, "", 0, 0, 0 }
#define LONG50 "dddddddddddddddddddddddddddddddddddddddddddddddddd"
#define DEEP "a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/"

static char dir[] = "/tmp/sampan-layer-XXXXXX";
static struct loop *loop;

static void octal(char *to, size_t n, unsigned long v)
{
	char text[32];

	snprintf(text, sizeof(text), "%0*lo", (int)n - 1, v);
	memcpy(to, text, n - 1);
}

static void add(struct buf *out, const struct entry *e)
{
	char h[512] = { 0 }, zeros[512] = { 0 };
	unsigned sum = 0;
	size_t len = strlen(e->data);

	snprintf(h, 100, "%s", e->name);
	octal(h + 100, 8, e->mode);
	octal(h + 108, 8, e->uid);
	octal(h + 116, 8, e->gid);
	octal(h + 124, 12, e->size ? (unsigned long)e->size : len);
	octal(h + 136, 12, 1000000000);
	memset(h + 148, ' ', 8);
	h[156] = e->type;
	snprintf(h + 157, 100, "%s", e->link);
	memcpy(h + 257, "ustar\0" "00", 8);
	for (int i = 0; i < 512; i++)
		sum += (unsigned char)h[i];
	snprintf(h + 148, 8, "%06o", sum);
	buf_add(out, h, 512);
	buf_add(out, e->data, len);
	if (len % 512)
		buf_add(out, zeros, 512 - len % 512);
}

static void finish_tar(struct buf *out)
{
	char zeros[1024] = { 0 };

	buf_add(out, zeros, sizeof(zeros));
}

static struct layer_result result;
static bool done;

static void on_done(void *arg, struct layer_result *r)
{
	result = *r;
	r->opaque = r->implied = (struct buf){ 0 };
	done = true;
}

static const struct layer_limits limits = { 1 << 20, 100, 32 };

/* Unpacks bytes into a fresh dir/out. */
static void unpack(const void *p, size_t n, enum layer_mode mode)
{
	int fd = memfd_create("archive", MFD_CLOEXEC);
	char out[64];
	struct layer *y;
	struct err e;

	assert_int_equal(write(fd, p, n), n);
	lseek(fd, 0, SEEK_SET);
	snprintf(out, sizeof(out), "%s/out", dir);
	assert_int_equal(file_remove_tree(out, &e), 0);
	assert_int_equal(mkdir(out, 0755), 0);
	buf_finish(&result.opaque);
	buf_finish(&result.implied);
	done = false;
	if (layer_unpack(&y, loop, fd, out, mode, &limits, on_done, NULL, &e))
		fail_msg("%s", e.msg);
	close(fd);
	while (!done)
		loop_turn(loop, 1000);
}

static int find(const char *path, struct stat *st)
{
	char full[512];

	snprintf(full, sizeof(full), "%s/out/%s", dir, path);
	return lstat(full, st);
}

static const struct {
	const char *name;
	struct entry e[ENTRIES];
	int rc;
	const char *says;
} hostile[] = {
	{ "a path that climbs", { FILE_("../evil", "x") }, -ERR_INVALID, "\"..\"" },
	{ "one that climbs in the middle", { FILE_("a/../../evil", "x") }, -ERR_INVALID, "\"..\"" },
	{ "an absolute path", { FILE_("/tmp/evil", "x") }, -ERR_INVALID, "absolute" },
	{ "a hard link to outside", { HARD("a", "../../etc/passwd") }, -ERR_INVALID, "\"..\"" },
	{ "an absolute hard link", { HARD("a", "/etc/passwd") }, -ERR_INVALID, "absolute" },
	{ "a hard link to nothing", { HARD("a", "b") }, -ERR_INVALID, "no file of this layer" },
	{ "a hard link through a link", { SYM("l", "/"), HARD("a", "l/etc/passwd") }, -ERR_INVALID, "no file" },
	{ "a character device", { { '3', "null", "", 0666, "", 0, 0, 0 } }, -ERR_INVALID, "device" },
	{ "a block device", { { '4', "disk", "", 0666, "", 0, 0, 0 } }, -ERR_INVALID, "device" },
	{ "a file twice", { FILE_("a", "1"), FILE_("a", "2") }, -ERR_INVALID, "twice" },
	{ "a directory, then a file", { DIR_("a"), FILE_("a", "2") }, -ERR_INVALID, "twice" },
	{ "a file, then a directory", { FILE_("a", "2"), DIR_("a") }, -ERR_INVALID, "twice" },
	{ "below a file", { FILE_("a", "2"), FILE_("a/b", "2") }, -ERR_INVALID, "Not a directory" },
	{ "the root as a file", { FILE_("./", "2") }, -ERR_INVALID, "" },
	{ "a whiteout of the parent", { FILE_(".wh...", "") }, -ERR_INVALID, "nothing" },
	{ "a whiteout of nothing", { FILE_(".wh.", "") }, -ERR_INVALID, "nothing" },
	{ "too deep", { FILE_(DEEP "f", "") }, -ERR_SIZE, "parts" },
	{ "a huge file announced", { { '0', "a", "", 0644, "", 1 << 30, 0, 0 } }, -ERR_SIZE, "" },
	{ "cut short", { { '0', "a", "", 0644, "x", 100000, 0, 0 } }, -ERR_INVALID, "" },
};

static void test_hostile_archives_are_refused(void **state)
{
	for (size_t i = 0; i < sizeof(hostile) / sizeof(*hostile); i++) {
		struct buf tar = { 0 };
		struct stat st;

		for (int k = 0; k < ENTRIES && hostile[i].e[k].name; k++)
			add(&tar, &hostile[i].e[k]);
		finish_tar(&tar);
		unpack(tar.p, tar.len, LAYER_ROOTFS);
		print_message("%s: %s\n", hostile[i].name, result.message);
		assert_int_equal(result.rc, hostile[i].rc);
		assert_non_null(strstr(result.message, hostile[i].says));
		assert_int_equal(lstat("/tmp/evil", &st), -1);
		assert_int_equal(lstat("/evil", &st), -1);
		buf_finish(&tar);
	}
}

/* Links may point anywhere: they are followed inside of the root only. */
static void test_links_stay_inside(void **state)
{
	static const struct entry e[] = { SYM("out", "/tmp"), SYM("up", "../../../../tmp"), FILE_("tmp/here", "x"),
		FILE_("out/through", "y"), FILE_("up/there", "z") };
	struct buf tar = { 0 };
	struct stat st;

	for (size_t i = 0; i < 5; i++)
		add(&tar, &e[i]);
	finish_tar(&tar);
	unpack(tar.p, tar.len, LAYER_ROOTFS);
	assert_string_equal(result.message, "");
	assert_int_equal(find("tmp/through", &st), 0);
	assert_int_equal(find("tmp/there", &st), 0);
	assert_int_equal(lstat("/tmp/through", &st), -1);
	assert_int_equal(lstat("/tmp/there", &st), -1);
	buf_finish(&tar);
}

static void test_bombs(void **state)
{
	struct buf tar = { 0 };
	struct entry e = FILE_("f", "");
	char *big = malloc(300001), name[32];

	memset(big, 'x', 300000);
	big[300000] = 0;
	for (int i = 0; i < 4; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		e.name = name;
		e.data = big;
		add(&tar, &e);
	}
	finish_tar(&tar);
	unpack(tar.p, tar.len, LAYER_ROOTFS);
	assert_int_equal(result.rc, -ERR_SIZE);
	buf_finish(&tar);
	for (int i = 0; i < 101; i++) {
		snprintf(name, sizeof(name), "f%d", i);
		e.name = name;
		e.data = "";
		add(&tar, &e);
	}
	finish_tar(&tar);
	unpack(tar.p, tar.len, LAYER_ROOTFS);
	assert_int_equal(result.rc, -ERR_SIZE);
	assert_non_null(strstr(result.message, "100 entries"));
	buf_finish(&tar);
	free(big);
}

static void test_whiteouts(void **state)
{
	static const struct entry e[] = { DIR_("a"), FILE_("a/.wh.gone", ""), FILE_("a/.wh..wh..opq", ""), DIR_("b"),
		FILE_(".wh.b", ""), FILE_(".wh.c", ""), FILE_("c/d", "x"), FILE_(".wh..wh.plnk", "") };
	struct buf tar = { 0 };
	struct stat st;
	const char *p;
	bool a = false, b = false, c = false;

	for (size_t i = 0; i < 8; i++)
		add(&tar, &e[i]);
	finish_tar(&tar);
	unpack(tar.p, tar.len, LAYER_ROOTFS);
	assert_string_equal(result.message, "");
	assert_int_equal(find("a/gone", &st), 0);
	assert_true(S_ISCHR(st.st_mode) && st.st_rdev == makedev(0, 0));
	for (p = result.opaque.p; p < result.opaque.p + result.opaque.len; p += strlen(p) + 1) {
		a |= !strcmp(p, "a");
		b |= !strcmp(p, "b");
		c |= !strcmp(p, "c");
	}
	assert_true(a && b && c);
	assert_int_equal(find("c/d", &st), 0);
	assert_int_equal(find(".wh..wh.plnk", &st), -1);
	/* In an archive of images they are names like others. */
	unpack(tar.p, tar.len, LAYER_FILES);
	assert_string_equal(result.message, "");
	assert_int_equal(find(".wh.b", &st), 0);
	buf_finish(&tar);
}

static void check_tree(const struct buf *tar)
{
	struct stat st, st2;
	char hex[65];
	uint8_t sum[32];

	assert_string_equal(result.message, "");
	text_sha256(sum, tar->p, tar->len);
	text_hex(hex, sum, 32);
	assert_string_equal(result.diff_id + 7, hex);
	assert_int_equal(find("bin/su", &st), 0);
	assert_int_equal(st.st_mode & 07777, 04755);
	assert_int_equal(st.st_uid, 3);
	assert_int_equal(st.st_gid, 4);
	assert_int_equal(st.st_mtim.tv_sec, 1000000000);
	assert_int_equal(find("bin/su2", &st2), 0);
	assert_int_equal(st.st_ino, st2.st_ino);
	assert_int_equal(find("bin", &st), 0);
	assert_int_equal(st.st_mtim.tv_sec, 1000000000);
	assert_int_equal(find("bin/sh", &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(find("pipe", &st), 0);
	assert_true(S_ISFIFO(st.st_mode));
	assert_int_equal(find("h\xc3\xa9/x", &st), 0);
	assert_int_equal(result.implied.len, 4);
	assert_string_equal(result.implied.p, "h\xc3\xa9");
}

/* The same tree, whatever its packing. */
static void test_packings(void **state)
{
	static const struct entry e[] = { DIR_("./bin/"), { '0', "./bin/su", "", 04755, "su", 0, 3, 4 }, HARD("bin/su2", "bin/su"),
		SYM("bin/sh", "/bin/su"), { '6', "pipe", "", 0600, "", 0, 0, 0 }, FILE_("h\xc3\xa9/x", "") };
	struct buf tar = { 0 };
	char packed[20000];
	z_stream z = { 0 };
	size_t n, half;

	for (size_t i = 0; i < 6; i++)
		add(&tar, &e[i]);
	finish_tar(&tar);
	unpack(tar.p, tar.len, LAYER_ROOTFS);
	check_tree(&tar);

	half = tar.len / 2;                            /* two members */
	n = 0;
	for (int i = 0; i < 2; i++) {
		memset(&z, 0, sizeof(z));
		deflateInit2(&z, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY);
		z.next_in = (Bytef *)tar.p + (i ? half : 0);
		z.avail_in = (unsigned)(i ? tar.len - half : half);
		z.next_out = (Bytef *)packed + n;
		z.avail_out = (unsigned)(sizeof(packed) - n);
		assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
		n = sizeof(packed) - z.avail_out;
		deflateEnd(&z);
	}
	unpack(packed, n, LAYER_ROOTFS);
	check_tree(&tar);
	unpack(packed, n - 5, LAYER_ROOTFS);
	assert_int_equal(result.rc, -ERR_INVALID);
	packed[n / 2] ^= 0x55;
	unpack(packed, n, LAYER_ROOTFS);
	assert_int_equal(result.rc, -ERR_INVALID);

	n = ZSTD_compress(packed, sizeof(packed), tar.p, tar.len, 3);
	unpack(packed, n, LAYER_ROOTFS);
	check_tree(&tar);
	unpack(packed, n - 5, LAYER_ROOTFS);
	assert_int_equal(result.rc, -ERR_INVALID);

	buf_finish(&tar);
	unpack("", 0, LAYER_ROOTFS);
	assert_string_equal(result.message, "");
	finish_tar(&tar);
	unpack(tar.p, tar.len, LAYER_ROOTFS);
	assert_string_equal(result.message, "");
	buf_finish(&tar);
	unpack("this is no archive at all, but a text", 37, LAYER_ROOTFS);
	assert_int_equal(result.rc, -ERR_INVALID);
}

static void test_cancel(void **state)
{
	int fds[2];
	char out[64];
	struct layer *y;
	struct err e;

	assert_int_equal(pipe(fds), 0);
	snprintf(out, sizeof(out), "%s/out", dir);
	assert_int_equal(layer_unpack(&y, loop, fds[0], out, LAYER_ROOTFS, &limits, on_done, NULL, &e), 0);
	for (int i = 0; i < 5; i++)
		loop_turn(loop, 10);
	layer_cancel(y);
	for (int i = 0; i < 20; i++)
		loop_turn(loop, 10);
	close(fds[0]);
	close(fds[1]);
}

static int setup(void **state)
{
	return mkdtemp(dir) && !loop_open(&loop) ? 0 : -1;
}

static int teardown(void **state)
{
	struct err e;

	buf_finish(&result.opaque);
	buf_finish(&result.implied);
	loop_close(loop);
	return file_remove_tree(dir, &e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_packings),
		cmocka_unit_test(test_hostile_archives_are_refused),
		cmocka_unit_test(test_links_stay_inside),
		cmocka_unit_test(test_bombs),
		cmocka_unit_test(test_whiteouts),
		cmocka_unit_test(test_cancel),
	};

	if (geteuid()) {
		print_message("needs root\n");
		return 77;
	}
	return cmocka_run_group_tests(tests, setup, teardown);
}
