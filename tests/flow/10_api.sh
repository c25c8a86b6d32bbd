#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The server alone: what it is on the wire, how it starts, refuses to start, stops and comes
# back. Needs no root and no node.
cd "$(dirname "$0")/../.." || exit 1
. tests/flow/lib.sh
for t in curl openssl python3 sqlite3; do command -v $t >/dev/null || skip "$t is missing"; done

server_up() { # OPTION...
	export KUBECONFIG=$DATA/admin.kubeconfig
	"$SAMPAN" server --data-dir "$DATA" --listen "127.0.0.1:$PORT" "$@" >>"$WORK/log" 2>&1 &
	CLOUD=$!
	for _ in $(seq 400); do
		[ -f "$KUBECONFIG" ] && [ "$(curl -sk --max-time 5 "$URL/readyz")" = ok ] && return 0
		kill -0 "$CLOUD" 2>/dev/null || break
		sleep 0.025
	done
	echo "the server did not get ready; its log:"; tail -30 "$WORK/log"; return 1
}
stop() { kill "-$1" "$CLOUD" 2>/dev/null; wait "$CLOUD" 2>/dev/null; stopped=$?; CLOUD=; }
cloud_down() { [ -z "${CLOUD-}" ] || stop KILL; }
from_kubeconfig() { awk -v k="$1:" '$1 == k {print $2}' "$KUBECONFIG" | base64 -d >"$WORK/$2"; }
admin() { curl -A flow -sS --max-time 20 --cacert "$WORK/ca" --cert "$WORK/crt" --key "$WORK/key" "$@"; }
tls() { openssl s_client -connect "127.0.0.1:$PORT" -CAfile "$WORK/ca" -verify_return_error "$@" </dev/null 2>&1 | tr -d '\0'; }

URL=https://127.0.0.1:$PORT
server_up || exit 1
from_kubeconfig certificate-authority-data ca
from_kubeconfig client-certificate-data crt
from_kubeconfig client-key-data key

# what it speaks
check "TLS 1.3" "TLSv1.3" tls -tls1_3
check "TLS 1.2" "TLSv1.2" tls -tls1_2
refuse "no TLS 1.1" "alert|no protocols|unsupported" tls -tls1_1 -cipher DEFAULT@SECLEVEL=0
check "its certificate is its authority's" "Verify return code: 0" tls
check "HTTP/2 is offered" "ALPN protocol: h2" tls -alpn h2,http/1.1
check "HTTP/1.1 too" "ALPN protocol: http/1.1" tls -alpn http/1.1
check "HTTP/2" "^2 200$" admin --http2 -o /dev/null -w '%{http_version} %{http_code}' "$URL/api/v1/namespaces"
check "laid out for people" '"kind": "NamespaceList"' admin -A curl/8 "$URL/api/v1/namespaces"
check "or not" '^\{"kind":"NamespaceList"' admin -A curl/8 "$URL/api/v1/namespaces?pretty=false"
check "HTTP/1.1" "^1.1 200$" admin --http1.1 -o /dev/null -w '%{http_version} %{http_code}' "$URL/api/v1/namespaces"
refuse "plain HTTP gets no answer" "" curl -sf -o /dev/null --max-time 5 "http://127.0.0.1:$PORT/version"
check "the log names the way in" "$DATA/admin.kubeconfig" grep "ready on" "$WORK/log"
check "kubeconfig is for its owner only" "^600$" stat -c %a "$KUBECONFIG"
check "keys too" "^600$" bash -c "stat -c %a $DATA/pki/*.key $DATA/server/state.db | sort -u"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /O=system:masters/CN=evil \
	-keyout "$WORK/evil.key" -out "$WORK/evil.crt" -days 1 2>/dev/null
refuse "a certificate of another authority" "" curl -sSf --max-time 5 --cacert "$WORK/ca" --cert "$WORK/evil.crt" \
	--key "$WORK/evil.key" "$URL/api/v1/secrets"

# what it answers
check "the API in tables" " 0 failed" python3 tests/flow/api.py "$KUBECONFIG"

# what it refuses to start with
second() { timeout 10 "$SAMPAN" server "$@"; }
refuse "a second server on the same data" "$DATA|running|locked|already" second --data-dir "$DATA" --listen 127.0.0.1:1
refuse "a port in use" "in use.*|address" second --data-dir "$WORK/other" --listen "127.0.0.1:$PORT"
echo "no directory" >"$WORK/file"
refuse "a file in the data directory's place" "$WORK/file" second --data-dir "$WORK/file/x" --listen 127.0.0.1:1
refuse "an address that is not one" "listen" second --data-dir "$WORK/other" --listen nonsense
refuse "an option it does not know" "nonsense" second --nonsense
refuse "an admission plug-in it does not know" "Nonsense" second --data-dir "$WORK/other" --listen 127.0.0.1:1 \
	--enable-admission-plugins OwnerReferencesPermissionEnforcement,Nonsense
check "usage errors exit with 2" "^2$" bash -c "'$SAMPAN' server --nonsense >/dev/null 2>&1; echo \$?"
check "help exits with 0" "data-dir" "$SAMPAN" server --help

# what stays
for i in $(seq 20); do admin -o /dev/null -X POST -H 'Content-Type: application/json' \
	-d "{\"metadata\":{\"name\":\"stay-$i\"}}" "$URL/api/v1/namespaces/default/configmaps"; done
stays() { admin "$URL/api/v1/namespaces/default/configmaps" | grep -o '"name":"stay-[0-9]*"' | sort -u | wc -l; }
check "written" "^20$" stays
ca=$(sha256sum "$DATA/pki/ca.crt" "$KUBECONFIG")
stop TERM
check "SIGTERM is a clean end" "^0$" echo "$stopped"
server_up || exit 1
check "all is there after a restart" "^20$" stays
check "the same keys" "^$" diff <(echo "$ca") <(sha256sum "$DATA/pki/ca.crt" "$KUBECONFIG")
stop KILL
server_up || exit 1
check "and after kill -9" "^20$" stays

# SIGTERM under load: requests and watches open
python3 - "$URL" "$WORK" >"$WORK/load" <<'P' &
import http.client, json, ssl, sys, threading, urllib.parse
url, work = urllib.parse.urlparse(sys.argv[1]), sys.argv[2]
tls = ssl.create_default_context(cafile=f"{work}/ca")
tls.load_cert_chain(f"{work}/crt", f"{work}/key")
acked, lock = [], threading.Lock()
def connect(): return http.client.HTTPSConnection(url.hostname, url.port, context=tls, timeout=20)
def write(n):
    c = connect()
    try:
        for i in range(100000):
            name = f"load-{n}-{i}"
            c.request("POST", "/api/v1/namespaces/default/configmaps", json.dumps({"metadata": {"name": name}}),
                      {"Content-Type": "application/json"})
            r = c.getresponse(); r.read()
            if r.status == 201:
                with lock: acked.append(name)
            elif r.status != 429: return
    except (OSError, http.client.HTTPException): pass
def watch():
    c = connect()
    try:
        c.request("GET", "/api/v1/namespaces/default/configmaps?watch=1")
        c.getresponse().read()
    except (OSError, http.client.HTTPException): pass
ts = [threading.Thread(target=write, args=(n,)) for n in range(4)] + [threading.Thread(target=watch) for _ in range(20)]
for t in ts: t.start()
for t in ts: t.join()
print("\n".join(acked))
P
load=$!
until_ok "load comes" '"load-0-2"' admin "$URL/api/v1/namespaces/default/configmaps"
stop TERM
check "SIGTERM under load" "^0$" echo "$stopped"
wait $load
server_up || exit 1
admin "$URL/api/v1/namespaces/default/configmaps" | grep -o '"name":"load-[0-9-]*"' | cut -d'"' -f4 | sort >"$WORK/have"
check "something was acknowledged" "^[1-9]" bash -c "wc -l <'$WORK/load'"
check "and all of it is there" "^$" comm -23 <(sort "$WORK/load") "$WORK/have"
stop TERM

# a damaged store
cp -r "$DATA" "$WORK/damaged"
for f in "$WORK"/damaged/server/state.db*; do
	dd if=/dev/urandom of="$f" bs=4096 seek=1 count=8 conv=notrunc 2>/dev/null
done
refuse "a damaged database" "damaged|not a database|salvage" second --data-dir "$WORK/damaged" --listen 127.0.0.1:1
mkdir -p "$WORK/foreign/server" && sqlite3 "$WORK/foreign/server/state.db" 'create table t(a)'
refuse "another program's database" "another program" second --data-dir "$WORK/foreign" --listen 127.0.0.1:1
printf 'nonsense' >"$WORK/damaged/pki/ca.key"; rm -rf "$WORK/damaged/server"
refuse "a damaged key" "ca.key|key" second --data-dir "$WORK/damaged" --listen 127.0.0.1:1
server_up || exit 1
check "nothing of this touched the real one" "^20$" stays
stop TERM

# a full disk
if [ "$(id -u)" = 0 ]; then
	small=$WORK/small real=$DATA; mkdir "$small"; mount -t tmpfs -o size=24m tmpfs "$small"
	DATA=$small/data; server_up || exit 1
	from_kubeconfig certificate-authority-data ca
	from_kubeconfig client-certificate-data crt
	from_kubeconfig client-key-data key
	put() { admin -o "$WORK/answer" -w '%{http_code}' -X POST -H 'Content-Type: application/json' -d @"$WORK/body" \
		"$URL/api/v1/namespaces/default/configmaps"; }
	big() { { printf '{"metadata":{"name":"%s"},"data":{"k":"' "$1"; head -c 600000 /dev/zero | tr '\0' x; printf '"}}'; } >"$WORK/body"; }
	kept=0
	for i in $(seq 60); do big "full-$i"; [ "$(put)" = 201 ] || break; kept=$i; done
	check "the disk is full at last" "^[1-9]" echo "$kept"
	check "a write to a full disk says so" "disk|full|space" cat "$WORK/answer"
	check "reads go on" "^200$" admin -o /dev/null -w '%{http_code}' "$URL/api/v1/namespaces/default/configmaps/full-1"
	check "its health says what is wrong" "\[-\]etcd failed" admin "$URL/livez"
	mount -o remount,size=64m "$small"
	big after
	until_ok "writes go on when there is room" "^201$" put
	stop KILL
	server_up || exit 1
	check "all that was acknowledged is there" "^$((kept + 1))$" bash -c "curl -s --cacert $WORK/ca --cert $WORK/crt --key $WORK/key \
		$URL/api/v1/namespaces/default/configmaps | grep -oE '\"name\":\"(full-[0-9]+|after)\"' | sort -u | wc -l"
	stop TERM; umount "$small"; DATA=$real
fi
finish
