#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Pods on real crun and conmon: what a pod may ask for, how it lives, fails and ends.
cd "$(dirname "$0")/../.." || exit 1
. tests/flow/lib.sh
cloud_up

K=(kubectl)
B=localhost/busybox:1
field() { kubectl get pod "$1" -o "jsonpath={$2}"; }
apply() { kubectl apply -f - >/dev/null; }

until_ok "service account" "default" kubectl get sa default

# ---- what a pod is given ----
kubectl create configmap cfg --from-literal=a=hello --from-literal=b=two >/dev/null
kubectl create secret generic pw --from-literal=word=hush >/dev/null
apply <<YAML
apiVersion: v1
kind: Pod
metadata: {name: full, labels: {app: full, tier: x1}}
spec:
  terminationGracePeriodSeconds: 1
  hostname: boat
  hostAliases: [{ip: 1.2.3.4, hostnames: [far]}]
  securityContext: {runAsUser: 1000, runAsGroup: 1001, fsGroup: 2000, supplementalGroups: [3000]}
  volumes:
  - {name: e, emptyDir: {}}
  - {name: m, emptyDir: {medium: Memory, sizeLimit: 8Mi}}
  - {name: c, configMap: {name: cfg, items: [{key: a, path: dir/a}]}}
  - {name: s, secret: {secretName: pw, defaultMode: 0400}}
  - {name: d, downwardAPI: {items: [{path: labels, fieldRef: {fieldPath: metadata.labels}}, {path: mem, resourceFieldRef: {containerName: c, resource: limits.memory}}]}}
  - {name: opt, configMap: {name: none, optional: true}}
  - {name: h, hostPath: {path: $WORK/host, type: DirectoryOrCreate}}
  initContainers:
  - {name: i1, image: "$B", command: [sh, -c, "echo one >>/e/order"], volumeMounts: [{name: e, mountPath: /e}]}
  - {name: i2, image: "$B", command: [sh, -c, "echo two >>/e/order"], volumeMounts: [{name: e, mountPath: /e}]}
  containers:
  - name: c
    image: $B
    command: [sh, -c, "echo started '\$(GREET)'; trap 'echo bye; exit 0' TERM; while :; do sleep 0.1; done"]
    workingDir: /e
    env:
    - {name: CFG, valueFrom: {configMapKeyRef: {name: cfg, key: a}}}
    - {name: SEC, valueFrom: {secretKeyRef: {name: pw, key: word}}}
    - {name: IP, valueFrom: {fieldRef: {fieldPath: status.podIP}}}
    - {name: CPU, valueFrom: {resourceFieldRef: {resource: limits.cpu, divisor: 1m}}}
    - {name: GREET, value: "\$(CFG)-\$(SEC)-\$(NONE)"}
    envFrom: [{configMapRef: {name: cfg}, prefix: P_}]
    resources: {limits: {cpu: 250m, memory: 64Mi}}
    securityContext: {readOnlyRootFilesystem: true, allowPrivilegeEscalation: false, capabilities: {drop: [ALL], add: [NET_BIND_SERVICE]}}
    volumeMounts:
    - {name: e, mountPath: /e}
    - {name: m, mountPath: /m}
    - {name: c, mountPath: /c}
    - {name: s, mountPath: /s}
    - {name: d, mountPath: /d}
    - {name: opt, mountPath: /opt}
    - {name: h, mountPath: /h, subPath: part/of}
YAML
until_ok "pod runs" "^Running true$" field full ".status.phase} {.status.containerStatuses[0].ready"
[ $bad = 0 ] || finish
in_full() { kubectl exec full -c c -- sh -c "$1"; }
check "init containers in order" "^one"$'\n'"two$" in_full "cat /e/order"
check "environment" "hello hush 250 two" in_full 'echo $CFG $SEC $CPU $P_b'
check "expansion in command" 'started hello-hush-\$\(NONE\)' kubectl logs full -c c
check "own address" "^10\.244\." in_full 'echo $IP'
check "user and groups" "uid=1000 gid=1001 groups=.*2000.*3000" in_full id
check "host name and aliases" "boat.*1.2.3.4.far" in_full 'echo $(hostname) $(cat /etc/hosts)'
check "resolver" "nameserver 10.96.0.10" in_full "cat /etc/resolv.conf"
check "working directory" "^/e$" in_full pwd
check "memory volume" "tmpfs on /m .*size=8192k" in_full "mount | grep ' /m '"
check "configMap item" "^hello$" in_full "cat /c/dir/a; echo"
check "secret mode and group" "^-r--r----- .* 2000 .*" in_full "ls -lnL /s/word | sed 's/  */ /g'"
check "downward API" 'tier="x1".*67108864' in_full 'echo $(cat /d/labels) $(cat /d/mem)'
check "optional volume is empty" "^0$" in_full "ls /opt | wc -l"
check "part of a volume" "^d" in_full "ls -ld /h"
refuse "read-only root" "Read-only" in_full "touch /x"
check "no capabilities but one" "CapEff:.0000000000000000.*CapBnd:.0000000000000400" in_full "echo \$(grep -E 'CapEff|CapBnd' /proc/self/status)"
check "no new privileges, filtered calls" "NoNewPrivs:.1 Seccomp:.2" in_full "echo \$(grep -E 'NoNewPrivs|Seccomp:' /proc/self/status)"
check "token of its account" "^2$" in_full 'tr -cd . </var/run/secrets/kubernetes.io/serviceaccount/token | wc -c'
check "quality of service" "Burstable" field full .status.qosClass
check "memory limit holds" "67108864" in_full "cat /sys/fs/cgroup/memory/memory.limit_in_bytes 2>/dev/null || cat /sys/fs/cgroup/memory.max"

# ---- changes reach a running pod ----
kubectl patch configmap cfg -p '{"data":{"a":"changed"}}' >/dev/null
until_ok "configMap follows" "^changed$" in_full "cat /c/dir/a; echo"
kubectl label pod full tier=x2 --overwrite >/dev/null
until_ok "downward API follows" 'tier="x2"' in_full "cat /d/labels"

# ---- streams ----
check "exec" "^out$" in_full "echo out"
refuse "exit code" "exit code 7" in_full "exit 7"
check "stdin" "^typed$" sh -c 'echo typed | kubectl exec -i full -c c -- cat'
refuse "missing command" "no-such" kubectl exec full -c c -- no-such
check "large output" "^5000000$" sh -c 'kubectl exec full -c c -- sh -c "head -c 5000000 /dev/zero" | wc -c'
check "large input" "^3000000" sh -c 'head -c 3000000 /dev/zero | kubectl exec -i full -c c -- wc -c'
check "terminal" "/dev/pts" sh -c 'script -qec "kubectl exec -it full -c c -- tty" /dev/null </dev/null'
kubectl run web --image=$B --restart=Never --port=8080 -- sh -c 'mkdir /w; echo page >/w/index.html; exec httpd -f -p 8080 -h /w' >/dev/null
until_ok "web runs" "True" kubectl get pod web -o 'jsonpath={.status.conditions[?(@.type=="Ready")].status}'
forward() {
	kubectl port-forward pod/web 18480:8080 >/dev/null 2>&1 & local pid=$!
	for _ in $(seq 300); do curl -sf http://127.0.0.1:18480/ && break; sleep 0.1; done
	kill $pid; wait $pid 2>/dev/null; true
}
check "port-forward" "^page$" forward
kubectl run talk --image=$B --restart=Never -i --tty=false --attach=false -- sh -c 'read a; echo got $a; sleep 1' >/dev/null
until_ok "talk runs" "Running" field talk .status.phase
check "attach" "got word" sh -c 'echo word | timeout 20 kubectl attach -i talk'
kubectl run teller --image=$B --restart=Never -- sh -c 'for i in 1 2 3 4 5; do echo line $i; sleep 0.3; done' >/dev/null
until_ok "teller runs" "Running|Succeeded" field teller .status.phase
check "log is followed to its end" "line 1.*line 5" kubectl logs -f teller
check "tail" "^line 4"$'\n'"line 5$" kubectl logs teller --tail=2
check "timestamps" "^20[0-9-]*T[0-9:.]*Z line 5$" kubectl logs teller --tail=1 --timestamps

# A program that is over by the time its client attaches is still heard, whole.
for i in 0 05 1 2 4; do
	check "run -i is told all of it (ends after 0.$i s)" "all of it"$'\n'"and the rest$" kubectl run quick$i --image=$B --rm -i --restart=Never -q -- \
		sh -c "echo all of it; sleep 0.$i; echo and the rest"
done
check "run -i takes its input" "^got word"$'\n'"err word" sh -c "echo word | kubectl run asks --image=$B --rm -i --restart=Never -q -- sh -c 'read a; echo got \$a; sleep 0.2; echo err \$a'"
# Three logs' worth, written as it is read.
kubectl run chatty --image=$B --restart=Never -- sh -c 'sleep 1; i=0; while [ $i -lt 12 ]; do i=$((i+1)); seq $((i*60000-59999)) $((i*60000)); sleep 0.4; done; sleep 1' >/dev/null
until_ok "chatty runs" "Running" field chatty .status.phase
check "a log is followed over its renewals" "^$(seq 720000 | md5sum)$" sh -c 'timeout 50 kubectl logs -f chatty | md5sum'
check "its end is kept" "^719999"$'\n'"720000$" kubectl logs chatty --tail=2
# A renewal may go through a line: the first one may be the rest of it.
check "and in one piece" "^0$" sh -c 'kubectl logs chatty | tail -n +2 | awk "p && \$1 != p + 1 { n++ } { p = \$1 } END { print n + 0 }"'
check "its beginning is not" "^[0-9]{3}" sh -c 'kubectl logs chatty | sed -n 2p'
check "a log has a bound" "^1$" sh -c "du -cm $DATA/agent/logs | awk 'END { print (\$1 <= 40) ? 1 : \"large: \" \$1 }'"

# ---- ends and failures ----
until_ok "success ends a pod" "^Succeeded 0 Completed$" field teller ".status.phase} {.status.containerStatuses[0].state.terminated.exitCode} {.status.containerStatuses[0].state.terminated.reason"
kubectl run fails --image=$B --restart=Never -- sh -c 'echo last words >/dev/termination-log; exit 3' >/dev/null
until_ok "failure ends a pod" "^Failed 3 last words" field fails ".status.phase} {.status.containerStatuses[0].state.terminated.exitCode} {.status.containerStatuses[0].state.terminated.message"
kubectl run crash --image=$B -- sh -c 'echo try; exit 1' >/dev/null
until_ok "a crash is tried again, then backs off" "^CrashLoopBackOff [1-9]" field crash ".status.containerStatuses[0].state.waiting.reason} {.status.containerStatuses[0].restartCount"
check "log of the instance before" "^try$" kubectl logs crash --previous
backed_off() { kubectl get pod crash -o 'jsonpath={.status.containerStatuses[0].state.waiting.message}' | grep -o 'back-off [0-9ms]*'; }
until_ok "its back-off grows" "back-off 20s" backed_off
kubectl run noimage --image=127.0.0.1:1/none:1 --restart=Never >/dev/null
until_ok "an image that cannot be had" "^(ErrImagePull|ImagePullBackOff)$" field noimage ".status.containerStatuses[0].state.waiting.reason"
kubectl run oom --image=$B --restart=Never --overrides='{"spec":{"containers":[{"name":"oom","image":"'$B'","command":["sh","-c","tail /dev/zero"],"resources":{"limits":{"memory":"16Mi"}}}]}}' >/dev/null
until_ok "out of memory" "^OOMKilled$" field oom ".status.containerStatuses[0].state.terminated.reason"
apply <<YAML
apiVersion: v1
kind: Pod
metadata: {name: claims}
spec:
  volumes: [{name: v, persistentVolumeClaim: {claimName: none}}]
  containers: [{name: c, image: "$B"}]
---
apiVersion: v1
kind: Pod
metadata: {name: sysctl}
spec:
  securityContext: {sysctls: [{name: kernel.msgmax, value: "1"}]}
  containers: [{name: c, image: "$B"}]
---
apiVersion: v1
kind: Pod
metadata: {name: late}
spec:
  terminationGracePeriodSeconds: 0
  activeDeadlineSeconds: 1
  containers: [{name: c, image: "$B", command: [sleep, "1000"]}]
---
apiVersion: v1
kind: Pod
metadata: {name: waits}
spec:
  terminationGracePeriodSeconds: 0
  containers: [{name: c, image: "$B", command: [sleep, "1000"], envFrom: [{configMapRef: {name: later}}]}]
---
apiVersion: v1
kind: Pod
metadata: {name: probed}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: c
    image: $B
    command: [sleep, "1000"]
    startupProbe: {exec: {command: [test, -e, /started]}, periodSeconds: 1, failureThreshold: 100}
    readinessProbe: {exec: {command: [test, -e, /ready]}, periodSeconds: 1, failureThreshold: 1}
    livenessProbe: {exec: {command: [test, "!", -e, /dead]}, periodSeconds: 1, failureThreshold: 1}
---
apiVersion: v1
kind: Pod
metadata: {name: loud}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - name: c
    image: $B
    command: [sleep, "1000"]
    readinessProbe: {exec: {command: [sh, -c, "yes >&2 & echo said >&2; exit 1"]}, periodSeconds: 1}
---
apiVersion: v1
kind: Pod
metadata: {name: hooks}
spec:
  terminationGracePeriodSeconds: 10
  volumes: [{name: h, hostPath: {path: $WORK/host}}]
  containers:
  - name: c
    image: $B
    command: [sleep, "1000"]
    volumeMounts: [{name: h, mountPath: /h}]
    lifecycle: {postStart: {exec: {command: [sh, -c, "echo begun >/h/post"]}}, preStop: {exec: {command: [sh, -c, "echo ended >/h/pre; kill -9 -1"]}}}
YAML
until_ok "a kind of volume that is not done fails the pod" "^Failed .*not supported" field claims ".status.phase} {.status.message"
until_ok "a sysctl that is not safe fails the pod" "^Failed SysctlForbidden" field sysctl ".status.phase} {.status.reason"
until_ok "deadline" "^Failed DeadlineExceeded" field late ".status.phase} {.status.reason"
until_ok "a missing configMap holds the container" "CreateContainerConfigError" field waits ".status.containerStatuses[0].state.waiting.reason"
kubectl create configmap later --from-literal=x=y >/dev/null
until_ok "until it is there" "^Running$" field waits .status.phase
until_ok "probed runs" "Running" field probed .status.phase
check "not started, not ready" "^false false$" field probed ".status.containerStatuses[0].started} {.status.containerStatuses[0].ready"
kubectl exec probed -- touch /started /ready
until_ok "started and ready" "^true true$" field probed ".status.containerStatuses[0].started} {.status.containerStatuses[0].ready"
kubectl exec probed -- rm /ready
until_ok "not ready any more" "^false$" field probed ".status.containerStatuses[0].ready"
until_ok "errors are in what a probe says" "Readiness probe failed: (said|y )" sh -c 'echo $(kubectl get events --field-selector involvedObject.name=loud)'
kubectl exec probed -- touch /dead
until_ok "not alive: started again" "^[1-9]" field probed ".status.containerStatuses[0].restartCount"
until_ok "hooks runs" "Running" field hooks .status.phase
check "after the start" "begun" cat "$WORK/host/post"
check "deleted" "deleted" kubectl delete pod hooks
check "before the stop" "ended" cat "$WORK/host/pre"
check "events tell" "Killing.*Stopping container c" sh -c 'echo $(kubectl get events --field-selector involvedObject.name=hooks)'

# ---- the agent's end is not the pods' ----
agent() { pgrep -f "agent --kubeconfig $DATA/" | head -n1; }
before=$(field full ".status.containerStatuses[0].containerID")
main=$(cat "$DATA"/agent/containers/"${before#*://}"/pidfile)
kubectl run brief --image=$B --restart=Never -- sh -c 'sleep 1.5; exit 4' >/dev/null
until_ok "brief runs" "Running" field brief .status.phase
kill -9 "$(agent)"
check "the process runs on" "" kill -0 "$main"
until_ok "an end in between is noticed" "^Failed 4$" field brief ".status.phase} {.status.containerStatuses[0].state.terminated.exitCode"
check "the same container" "^$before 0$" field full ".status.containerStatuses[0].containerID} {.status.containerStatuses[0].restartCount"
check "exec works again" "^again$" in_full "echo again"
until_ok "a back-off goes on where it was" "back-off (20|40)s" backed_off
server() { pgrep -f "server --data-dir $DATA" | head -n1; }
kubectl run unseen --image=$B --restart=Never -- sh -c 'sleep 2; exit 5' >/dev/null
until_ok "unseen runs" "Running" field unseen .status.phase
kill -STOP "$(server)"; kill -9 "$(agent)"
sleep 3
kill -CONT "$(server)"
until_ok "an end while the API did not answer is noticed" "^Failed 5$" field unseen ".status.phase} {.status.containerStatuses[0].state.terminated.exitCode"
kubectl patch configmap cfg -p '{"data":{"a":"later"}}' >/dev/null
until_ok "configMap still follows" "^later$" in_full "cat /c/dir/a; echo"

# ---- the machine starts again ----
apply <<YAML
apiVersion: v1
kind: Pod
metadata: {name: phoenix}
spec:
  terminationGracePeriodSeconds: 0
  volumes: [{name: m, emptyDir: {medium: Memory}}]
  initContainers: [{name: i, image: "$B", command: [sh, -c, "echo made >/m/made"], volumeMounts: [{name: m, mountPath: /m}]}]
  containers: [{name: c, image: "$B", command: [sh, -c, "test -e /m/made || exit 9; sleep 1000"], volumeMounts: [{name: m, mountPath: /m}]}]
YAML
until_ok "phoenix runs" "^Running 0 0$" field phoenix ".status.phase} {.status.containerStatuses[0].restartCount} {.status.initContainerStatuses[0].restartCount"
# As a boot leaves it: no process, no mount, nothing under /run.
reboot() {
	kill "$CLOUD"; wait "$CLOUD" 2>/dev/null
	for d in "$DATA"/agent/containers/*-*/; do kill -9 "$(cat "$d/conmon.pid")" "$(cat "$d/pidfile")" 2>/dev/null; done
	awk -v d="$DATA/" '$2 ~ "^/run/sampan" || index($2, d) == 1 { print $2 }' /proc/mounts | xargs -r umount -l
	rm -rf /run/sampan
	cloud_start && node_ready
}
reboot || report "the cloud starts again" 1 "" "see the log"
until_ok "a pod starts over from its init containers" "^Running 1 1$" field phoenix ".status.phase} {.status.containerStatuses[0].restartCount} {.status.initContainerStatuses[0].restartCount"
until_ok "others do, too" "^Running true 1$" field full ".status.phase} {.status.containerStatuses[0].ready} {.status.containerStatuses[0].restartCount"
check "with the address they had" "^$(field full .status.podIP)$" in_full 'echo $IP'

# ---- nothing is left ----
check "all are deleted" "deleted" timeout 50 kubectl delete pods --all
check "no pod is left" "No resources" kubectl get pods
left() {
	echo "$(find "$DATA"/agent/pods "$DATA"/agent/logs "$DATA"/agent/containers -mindepth 1 ! -name exits | wc -l) files" \
		"$(pgrep -fc "conmon.*$DATA/agent/containers") processes $(grep -c "$DATA/agent/pods" /proc/mounts) mounts"
}
until_ok "no file, process or mount is left" "^0 files 0 processes 0 mounts$" left
finish
