#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The shop's three images, made from this machine's Debian packages and pushed to a
# registry on loopback, which is started when there is none. Done already: done quickly.
#   examples/shop/build.sh          make and push
#   examples/shop/build.sh --stop   stop the registry and remove its data
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${SHOP_REGISTRY:=127.0.0.1:5000}" "${SHOP_DIR:=/var/tmp/sampan-shop}"
say() { printf 'shop: %s\n' "$*"; }
die() { printf 'shop: %s\n' "$*" >&2; exit 1; }
pidfile=$SHOP_DIR/registry.pid

running() { # our registry: the pid is of a registry with our file
	[ -f "$pidfile" ] && tr '\0' ' ' <"/proc/$(cat "$pidfile")/cmdline" 2>/dev/null | grep -qF "$SHOP_DIR/registry.yml"
}
answers() { curl -sf --noproxy '*' --max-time 3 "http://$SHOP_REGISTRY/v2/" >/dev/null; }

if [ "${1-}" = --stop ]; then
	if running; then
		pid=$(cat "$pidfile")
		kill "$pid"
		for _ in $(seq 50); do kill -0 "$pid" 2>/dev/null || break; sleep 0.1; done
		say "the registry is stopped"
	fi
	rm -rf "$SHOP_DIR"
	exit
fi

for c in docker-registry skopeo jq curl dpkg; do command -v $c >/dev/null || die "$c is missing; run: sudo make deps"; done
for p in nginx redis-server busybox-static; do
	dpkg -s $p >/dev/null 2>&1 || die "package $p is missing; run: sudo make deps"
done
mkdir -p "$SHOP_DIR"
if ! answers; then
	running && die "the registry (pid $(cat "$pidfile")) does not answer at $SHOP_REGISTRY"
	cat >"$SHOP_DIR/registry.yml" <<-YML
		version: 0.1
		log: { level: warn }
		storage: { filesystem: { rootdirectory: $SHOP_DIR/registry } }
		http: { addr: "$SHOP_REGISTRY" }
	YML
	setsid docker-registry serve "$SHOP_DIR/registry.yml" >"$SHOP_DIR/registry.log" 2>&1 </dev/null &
	echo $! >"$pidfile"
	for _ in $(seq 100); do
		answers && break
		running || { tail -3 "$SHOP_DIR/registry.log" >&2; die "the registry did not start"; }
		sleep 0.1
	done
	answers || die "the registry does not answer at $SHOP_REGISTRY"
	say "a registry is running at $SHOP_REGISTRY"
fi

# What the images are made of; unchanged and still in the registry, they are not made again.
stamp=$(cat tools/mkimage examples/shop/*.sh <(dpkg-query -W nginx redis-server redis-tools busybox-static libc6 libssl3 2>/dev/null) | sha256sum)
have() { curl -sf --noproxy '*' -o /dev/null -H 'Accept: application/vnd.oci.image.manifest.v1+json' "http://$SHOP_REGISTRY/v2/shop/$1/manifests/1"; }
if [ -f "$SHOP_DIR/stamp" ] && [ "$stamp" = "$(cat "$SHOP_DIR/stamp")" ] && have redis && have web && have front; then
	say "the images are there already"
	exit
fi

tools/mkimage -f /usr/bin/redis-server=/usr/bin/redis-server -d /data -u 65534 -x 6379/tcp \
	"$SHOP_REGISTRY/shop/redis:1" -- /usr/bin/redis-server
applets=(); for a in sh nc tr sed hostname cat ls; do applets+=(-l "busybox=/usr/bin/$a"); done
tools/mkimage -f /bin/busybox=/usr/bin/busybox "${applets[@]}" -u 65534 -x 8080/tcp \
	-f examples/shop/visits.sh=/www/cgi-bin/visits -f examples/shop/healthz=/www/healthz \
	"$SHOP_REGISTRY/shop/web:1" -- /usr/bin/busybox httpd -f -v -p 8080 -h /www
tools/mkimage -f /usr/sbin/nginx=/usr/sbin/nginx -f /etc/nginx/mime.types=/etc/nginx/mime.types -d /var/lib/nginx -d /var/log/nginx \
	-u 65534 -x 8080/tcp "$SHOP_REGISTRY/shop/front:1" -- /usr/sbin/nginx -e stderr -g 'daemon off;'
printf '%s' "$stamp" >"$SHOP_DIR/stamp"
