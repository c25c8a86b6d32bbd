#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# NetworkPolicies between pods of three nodes: who reaches whom by TCP and UDP, as policies,
# labels and pods change, and while an agent is away.
cd "$(dirname "$0")/../.." || exit 1
# shellcheck source=tests/flow/lib.sh
. tests/flow/lib.sh
# shellcheck source=tests/node/lib.sh
. tests/node/lib.sh
for t in python3 nft; do command -v $t >/dev/null || skip "$t is missing"; done
PYTHON=$(python3 -c 'import sys; print(sys.executable)')

server_up
nodes_up

cat >"$WORK/nets.py" <<'PY'
import ctypes, os, socket
own = os.open("/proc/self/ns/net", os.O_RDONLY)
ctypes.CDLL(None).prctl(1, 15)         # PR_SET_PDEATHSIG: the test's end is ours
def enter(fd):
    if ctypes.CDLL(None, use_errno=True).setns(fd, 0):
        raise OSError(ctypes.get_errno(), "setns")
def at(path, kind):
    """A socket of another network namespace: it stays there."""
    fd = os.open(path, os.O_RDONLY)
    enter(fd)
    s = socket.socket(socket.AF_INET, kind)
    enter(own)
    os.close(fd)
    s.setblocking(False)
    return s
PY
# PORT/PROTO, then NAMESPACE:ADDRESS for each pod: who reaches whom? A row for each who asks.
cat >"$WORK/reach.py" <<'PY'
import select, socket, sys, time, nets
port, proto = sys.argv[1].split("/")
pods = [p.split(":") for p in sys.argv[2:]]
udp = proto == "udp"
asks = [[nets.at(path, socket.SOCK_DGRAM if udp else socket.SOCK_STREAM), "-"] for path, _ in pods for _ in pods]
for n, a in enumerate(asks):
    a[0].connect_ex((pods[n % len(pods)][1], int(port)))
end = time.time() + 0.5
while time.time() < end and any(a[1] == "-" for a in asks):
    left = {a[0]: a for a in asks if a[1] == "-"}
    for s in left if udp else ():
        try: s.send(b"x")
        except OSError: pass
    ready = select.select(left, [], [], 0.1)[0] if udp else select.select([], left, [], 0.1)[1]
    for s in ready:
        try: left[s][1] = "." if (s.recv(9) == b"x" if udp else not s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)) else "!"
        except OSError: left[s][1] = "!"
text = "".join(a[1] for a in asks)
print(" ".join(text[i:i + len(pods)] for i in range(0, len(text), len(pods))))
PY
# From NAMESPACE, under any ADDRESS, to ADDRESS: a word by UDP.
cat >"$WORK/say.py" <<'PY'
import socket, sys, nets
s = nets.at(sys.argv[1], socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_IP, 19, 1)     # IP_TRANSPARENT
s.bind((sys.argv[2], 0))
s.sendto(sys.argv[4].encode(), (sys.argv[3], 5353))
PY
# In each namespace, what comes by UDP to 5353 or by TCP to 7000 goes back; words are shown.
cat >"$WORK/echo.py" <<'PY'
import select, socket, sys, nets
udp, tcp, conns = [], [], []
for path in sys.argv[1:]:
    udp.append(nets.at(path, socket.SOCK_DGRAM))
    udp[-1].bind(("", 5353))
    tcp.append(nets.at(path, socket.SOCK_STREAM))
    tcp[-1].bind(("", 7000))
    tcp[-1].listen()
print("ready", flush=True)
while True:
    for s in select.select(udp + tcp + conns, [], [])[0]:
        if s in udp:
            got, who = s.recvfrom(99)
            if got != b"x": print(got.decode(), flush=True)
            s.sendto(got, who)
        elif s in tcp: conns.append(s.accept()[0])
        else:
            got = s.recv(99)
            if got: s.send(got)
            else: conns.remove(s)
PY
# Says "up" again and again over one connection; ends when no answer comes for a second.
cat >"$WORK/hold.py" <<'PY'
import socket, sys, time, nets
s = socket.create_connection((sys.argv[1], int(sys.argv[2])), 2)
s.settimeout(1)
try:
    while True:
        s.send(b"up\n")
        if not s.recv(99): break
        time.sleep(0.1)
except OSError: pass
print("ended", flush=True)
PY

pod() { # NAMESPACE NAME NODE [LABEL]
	cat <<YAML
apiVersion: v1
kind: Pod
metadata: {namespace: $1, name: $2, labels: {app: $2}}
spec:
  nodeName: $3
  terminationGracePeriodSeconds: 0
  automountServiceAccountToken: false
  containers:
  - name: c
    image: $B
    command: [sh, -c, "mkdir /tmp/w && hostname >/tmp/w/name && httpd -p 8081 -h /tmp/w && exec httpd -f -p 8080 -h /tmp/w"]
    ports: [{name: web, containerPort: 8080}, {name: alt, containerPort: 8081}]
    readinessProbe: {httpGet: {port: web, path: /name}, periodSeconds: 1}
YAML
	echo ---
}
kubectl apply -f - >/dev/null <<YAML
apiVersion: v1
kind: Namespace
metadata: {name: x, labels: {team: west}}
---
apiVersion: v1
kind: Namespace
metadata: {name: z, labels: {team: east}}
YAML
for ns in x z; do until_ok "namespace $ns" default kubectl -n $ns get sa default; done
PODS="xa xb za zb"
{ pod x a n1; pod x b n2; pod z a n2; pod z b n3; } | kubectl apply -f - >/dev/null
kubectl apply -f - >/dev/null <<YAML
apiVersion: v1
kind: Service
metadata: {name: a, namespace: z}
spec: {selector: {app: a}, ports: [{port: 80, targetPort: web}]}
YAML
for ns in x z; do check "pods of $ns are ready" "condition met" kubectl -n $ns wait --for=condition=Ready pod --all --timeout=40s; done
[ "$bad" = 0 ] || finish

declare -A IP UID_OF NODE
place() { # xa
	read -r "IP[$1]" "UID_OF[$1]" "NODE[$1]" < <(kubectl -n "${1:0:1}" get pod "${1:1}" \
		-o 'jsonpath={.status.podIP} {.metadata.uid} {.spec.nodeName}{"\n"}')
}
for p in $PODS; do place $p; done
net_of() { echo "$WORK/${NODE[$1]}/run/ns/${UID_OF[$1]}.net"; }
from() { in_pod "${UID_OF[$1]}" "${NODE[$1]}" "${@:2}"; }
# Rows are who asks, in the order of PODS, columns who is asked.
reach() { # PORT/PROTO
	local p list=
	for p in $PODS; do list="$list $(net_of $p):${IP[$p]}"; done
	# shellcheck disable=SC2086
	"$PYTHON" "$WORK/reach.py" "$1" $list
}
# shellcheck disable=SC2046
(exec "$PYTHON" "$WORK/echo.py" $(for p in $PODS; do net_of $p; done)) >"$WORK/echo" 2>&1 &
ECHO=$!
until_ok "echoes are there" "^ready$" cat "$WORK/echo"
link_local() { from "$1" ip -6 -o addr show dev eth0 scope link | grep -o 'fe80[^/]*'; }
by_link() { from xb curl -gsf --max-time 2 "http://[$(link_local za)%25eth0]:8080/name"; }
all="[.]{4} [.]{4} [.]{4} [.]{4}"
is() { local m=${2//./[.]}; until_ok "$1" "^$m$" reach "${3-8080/tcp}"; }
policy() { # NAMESPACE NAME SPEC
	printf 'apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {namespace: %s, name: %s}\nspec: %s\n' "$@" |
		kubectl apply -f - >/dev/null || bad=$((bad + 1))
}

check "without policies all reach all" "^$all$" reach 8080/tcp
check "by UDP, too" "^$all$" reach 5353/udp
refuse "but not by the addresses that links give themselves" "" by_link
"$PYTHON" "$WORK/say.py" "$(net_of xb)" "${IP[xa]}" "${IP[za]}" early
until_ok "and under any address" "early" cat "$WORK/echo"
refuse "and there are no rules" "No such file" in_net n1 nft list table inet sampan

# ---- into pods ----
policy x none '{podSelector: {}}'
is "nothing comes into x, but its own" ".-.. -... --.. --.."
is "nor by UDP" ".-.. -... --.. --.." 5353/udp
check "a node reaches its own pods" a in_net n1 curl -sf --max-time 2 "http://${IP[xa]}:8080/name"
policy x some '{podSelector: {matchLabels: {app: a}}, ingress: [{from: [{namespaceSelector: {matchLabels: {team: east}}}]}]}'
is "policies add up: a namespace by its label" ".-.. -... .-.. .-.."
is "for UDP, too" ".-.. -... .-.. .-.." 5353/udp
kubectl label --overwrite namespace z team=south >/dev/null
is "the namespace loses the label" ".-.. -... --.. --.."
policy x some '{podSelector: {matchLabels: {app: a}}, ingress: [{from: [{podSelector: {matchLabels: {app: b}}}]}]}'
is "a policy changes: pods of its own namespace" ".-.. .... --.. --.."
policy x some '{podSelector: {matchLabels: {app: a}}, ingress: [{from: [{namespaceSelector: {}, podSelector: {matchLabels: {role: client}}}]}]}'
is "nobody has the label" ".-.. -... --.. --.."
kubectl -n z label pod b role=client >/dev/null
is "a pod gets it" ".-.. -... --.. .-.."
kubectl -n x label --overwrite pod b app=a >/dev/null
is "another is selected by its label" ".-.. -... --.. ...."
kubectl -n x label --overwrite pod b app=b >/dev/null
policy x some '{podSelector: {matchLabels: {app: a}}, ingress: [{ports: [{port: web}]}]}'
is "a port by its name" ".-.. .... .-.. .-.."
is "and no other" ".-.. -... --.. --.." 8081/tcp
policy x some '{podSelector: {matchLabels: {app: a}}, ingress: [{ports: [{port: 5000, endPort: 6000, protocol: UDP}]}]}'
is "a range of ports of UDP" ".-.. .... .-.. .-.." 5353/udp
is "not of TCP" ".-.. -... --.. --.."
policy x some "{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.244.0.0/16, except: [${IP[za]}/32]}}]}]}"
is "a block with an exception" ".... .... --.. ...."

# ---- policies go ----
kubectl -n x delete networkpolicy --all >/dev/null
is "policies go" ".... .... .... ...."

# ---- nobody takes another's address, or a way around ----
policy z guard "{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: ${IP[xa]}/32}}]}]}"
is "one address is let in" ".... ..-- ...- ..-."
"$PYTHON" "$WORK/say.py" "$(net_of xb)" "${IP[xa]}" "${IP[za]}" stolen
"$PYTHON" "$WORK/say.py" "$(net_of za)" "${IP[za]}" "${IP[za]}" done
until_ok "words arrive" "done" cat "$WORK/echo"
refuse "but not under the address of another pod" "" grep stolen "$WORK/echo"
refuse "no way leads around the rules" "" by_link
kubectl -n z delete networkpolicy guard >/dev/null
is "that is over" ".... .... .... ...."

# ---- out of pods ----
policy x none '{podSelector: {}, policyTypes: [Egress]}'
is "nothing leaves x" ".--- -.-- .... ...."
is "nor by UDP" ".--- -.-- .... ...." 5353/udp
check "the node's DNS answers" "^10[.]96[.]" from xa dig +short +tries=1 +timeout=3 @10.96.0.10 a.z.svc.cluster.local
policy x some '{podSelector: {matchLabels: {app: a}}, policyTypes: [Egress], egress: [{to: [{namespaceSelector: {matchLabels: {team: south}}, podSelector: {matchLabels: {app: a}}}], ports: [{port: web}]}]}'
is "but to one pod's port" ".-.- -.-- .... ...."
is "and no other" ".--- -.-- .... ...." 8081/tcp
vip=$(kubectl -n z get service a -o 'jsonpath={.spec.clusterIP}')
check "through a Service, as to the pod behind it" "^a$" from xa curl -sf --max-time 2 "http://$vip/name"
refuse "and not for others" "" from xb curl -sf --max-time 1 "http://$vip/name"
policy z both '{podSelector: {matchLabels: {app: a}}, ingress: [{from: [{podSelector: {}}]}]}'
is "both ends must agree" ".--- -.-- .... ...."
kubectl -n z delete networkpolicy both >/dev/null
is "and do again" ".-.- -.-- .... ...."

# ---- connections that stand ----
policy x some "{podSelector: {matchLabels: {app: a}}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: ${IP[za]}/32}}]}]}"
is "a pod by its address" ".-.- -.-- .... ...." 8081/tcp
(exec nsenter --net="$(net_of xa)" "$PYTHON" "$WORK/hold.py" "${IP[za]}" 7000) >"$WORK/held" 2>&1 &

# ---- an agent is away ----
agent_stop n1 KILL
check "rules stay in force without the agent" "^[.]-[.]- -[.]-- [.]{4} [.]{4}$" reach 8080/tcp
policy x some "{podSelector: {matchLabels: {app: a}}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: ${IP[za]}/32}}, {ipBlock: {cidr: ${IP[zb]}/32}}]}]}"
agent_up n1
is "what changed meanwhile is applied when it comes back" ".-.. -.-- .... ...."
check "through all that, a connection that is allowed goes on" "^$" cat "$WORK/held"
policy x some '{podSelector: {matchLabels: {app: a}}, policyTypes: [Egress]}'
until_ok "one that is not, any more, ends" "^ended$" cat "$WORK/held"

# ---- pods come and go ----
kubectl -n x delete pod a --wait --timeout=20s >/dev/null
pod x a n1 | sed "s|httpd -p 8081|{ nc -w 1 ${IP[za]} 8080 </dev/null 2>/dev/null \&\& echo escaped \|\| echo held; } \&\& httpd -p 8081|" | kubectl apply -f - >/dev/null
check "a pod comes again" "condition met" kubectl -n x wait --for=condition=Ready pod a --timeout=20s
check "its first packet met the rules" "^held$" kubectl -n x logs a
place xa
is "as all that follow" ".--- -.-- .... ...."
kubectl -n x delete networkpolicy --all >/dev/null
is "without policies all reach all again" ".... .... .... ...."
no_rules() { for n in $NODES; do ! in_net "$n" nft list table inet sampan 2>/dev/null || return 1; done; }
until_ok "and no rule is left" "" no_rules
kill "$ECHO"; wait "$ECHO" 2>/dev/null
finish
