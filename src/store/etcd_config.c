/* SPDX-License-Identifier: Apache-2.0 */
/* etcd_config - members, certificates and a password, from the command line. */
#include "store/etcd_config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

#include "base/buf.h"
#include "base/file.h"

static int parse(struct etcd_config *c, const char *members, struct err *reterr)
{
	const char *p = members;

	while (*p) {
		size_t n = strcspn(p, ",");
		char *host = c->host[c->members];
		const char *colon;
		char *end;
		long port;

		if (c->members == ETCD_MEMBERS_MAX)
			return err_set(reterr, ERR_INVALID, "store: more than %d members", ETCD_MEMBERS_MAX);
		if (n > ETCD_HOST_MAX - 6)
			return err_set(reterr, ERR_INVALID, "store: a member's name is too long");
		snprintf(host, ETCD_HOST_MAX + 1, "%.*s", (int)n, p);
		colon = strrchr(host, ':');
		if (colon && strchr(host, ':') != colon && *host != '[')
			return err_set(reterr, ERR_INVALID, "store: write \"%s\" as [address]:port", host);
		if (!colon || (*host == '[' && host[strlen(host) - 1] == ']')) {
			strcat(host, ":2379");
			colon = strrchr(host, ':');
		}
		port = strtol(colon + 1, &end, 10);
		if (colon == host || *end || end == colon + 1 || port < 1 || port > 65535 ||
		    (*host == '[' && colon[-1] != ']'))
			return err_set(reterr, ERR_INVALID, "store: \"%s\" is not host:port", host);
		c->members++;
		p += n + (p[n] == ',');
	}
	if (!c->members)
		return err_set(reterr, ERR_INVALID, "store: no member is named: etcd://host:port[,host:port]");
	return 0;
}

static int tls_err(struct err *reterr, const char *what, const char *file)
{
	const char *why = ERR_reason_error_string(ERR_peek_last_error());

	ERR_clear_error();
	return err_set(reterr, ERR_INVALID, "store: %s %s: %s", what, file, why ? why : "cannot be used");
}

static int open_tls(struct etcd_config *c, const struct store_options *opt, struct err *reterr)
{
	if (!opt->ca_file)
		return opt->cert_file || opt->key_file ? err_set(reterr, ERR_INVALID,
			"store: a certificate needs --store-ca, too: without it there is no TLS") : 0;
	if (!opt->cert_file != !opt->key_file)
		return err_set(reterr, ERR_INVALID, "store: --store-cert and --store-key go together");
	c->tls = SSL_CTX_new(TLS_client_method());
	if (!c->tls)
		return tls_err(reterr, "TLS for", opt->ca_file);
	SSL_CTX_set_min_proto_version(c->tls, TLS1_2_VERSION);
	SSL_CTX_set_mode(c->tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	if (SSL_CTX_load_verify_file(c->tls, opt->ca_file) != 1)
		return tls_err(reterr, "authority", opt->ca_file);
	if (opt->cert_file && SSL_CTX_use_certificate_chain_file(c->tls, opt->cert_file) != 1)
		return tls_err(reterr, "certificate", opt->cert_file);
	if (opt->key_file && SSL_CTX_use_PrivateKey_file(c->tls, opt->key_file, SSL_FILETYPE_PEM) != 1)
		return tls_err(reterr, "key", opt->key_file);
	return 0;
}

static int read_auth(struct etcd_config *c, const char *file, struct err *reterr)
{
	BUF_AUTO struct buf b = { 0 };
	char *colon;
	int r;

	if (!file)
		return 0;
	r = file_read(file, 4096, &b, reterr);
	if (r < 0)
		return r;
	while (b.len && (b.p[b.len - 1] == '\n' || b.p[b.len - 1] == '\r'))
		b.p[--b.len] = 0;
	colon = b.p ? strchr(b.p, ':') : NULL;
	if (!colon || colon == b.p)
		return err_set(reterr, ERR_INVALID, "store: %s is not one line of user:password", file);
	c->user = strndup(b.p, (size_t)(colon - b.p));
	c->password = strdup(colon + 1);
	OPENSSL_cleanse(b.p, b.len);
	return c->user && c->password ? 0 : err_set(reterr, ERR_NOMEM, "store: out of memory");
}

int etcd_config_read(struct etcd_config *c, const char *members, const struct store_options *opt, struct err *reterr)
{
	static const struct store_options none;
	int r;

	opt = opt ? opt : &none;
	if ((r = parse(c, members, reterr)) < 0 || (r = open_tls(c, opt, reterr)) < 0)
		return r;
	return read_auth(c, opt->auth_file, reterr);
}

void etcd_config_finish(struct etcd_config *c)
{
	SSL_CTX_free(c->tls);
	free(c->user);
	if (c->password)
		OPENSSL_cleanse(c->password, strlen(c->password));
	free(c->password);
}
