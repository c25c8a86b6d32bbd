#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# A person's session with kubectl, once with every kubectl on the machine: each step's
# output is checked. What a step makes, a later one uses; each version has a namespace.
cd "$(dirname "$0")/../.." || exit 1
. tests/flow/lib.sh

kubectls() {
	[ -z "${KUBECTLS-}" ] || { tr " " "\n" <<<"$KUBECTLS"; return; }
	local real; real=$(dirname "$(readlink -f "$(command -v kubectl)")")
	{ command -v kubectl; ls "$real"/kubectl.1.* /usr/local/lib/sampan/kubectl.debian 2>/dev/null; } | sort -u
}

# Does this kubectl know it? The oldest ones lack some commands and flags.
has() { "$1" "$2" --help 2>/dev/null | grep -qe "$3"; }

# What the pod answers through a port that kubectl chooses.
forwarded() {
	local out=$WORK/forward.$BASHPID pid port rc
	"${K[@]}" port-forward "$pod" :8080 >"$out" 2>&1 &
	pid=$!
	for _ in $(seq 300); do
		port=$(sed -n 's/^Forwarding from 127.0.0.1:\([0-9]*\) .*/\1/p' "$out")
		[ -z "$port" ] || break
		sleep 0.1
	done
	curl -sf --max-time 20 "http://127.0.0.1:$port/"; rc=$?
	kill $pid 2>/dev/null; wait $pid 2>/dev/null
	return $rc
}

person() {
	local k=$1 ns=$2 b=localhost/busybox:1
	local K=("$k" -n "$ns") dir=$WORK/$ns
	mkdir -p "$dir"
	echo "-- $("$k" version --client 2>/dev/null | head -n1) as $ns"

	# cluster and help
	check "version" "Server Version" "$k" version
	check "cluster-info" "control plane" "$k" cluster-info
	check "api-resources" "deployments +deploy +apps/v1 +true +Deployment" "$k" api-resources
	check "api-versions" "apps/v1" "$k" api-versions
	check "help" "kubectl controls" "$k" --help
	check "create namespace" "created" "$k" create namespace "$ns"
	until_ok "default service account" "default" "${K[@]}" get sa default
	check "explain" "restartPolicy" "$k" explain pod.spec
	check "explain a field" "image" "$k" explain deployment.spec.template.spec.containers.image

	# create, get in every form
	check "create configmap" "created" "${K[@]}" create configmap cfg --from-literal=colour=blue
	check "create secret" "created" "${K[@]}" create secret generic pw --from-literal=word=hush
	check "create deployment" "created" "${K[@]}" create deployment web --image=$b --replicas=2 -- sleep 3600
	check "rollout status" "successfully rolled out" "${K[@]}" rollout status deployment/web --timeout=40s
	check "get" "web +2/2 +2 +2" "${K[@]}" get deployment web
	check "get wide" "SELECTOR.*app=web" "${K[@]}" get deployment web -o wide
	check "get yaml" "kind: Deployment" "${K[@]}" get deployment web -o yaml
	check "get json" '"kind": "Deployment"' "${K[@]}" get deployment web -o json
	check "get name" "deployment.apps/web" "${K[@]}" get deployment -o name
	check "get jsonpath" "^2$" "${K[@]}" get deployment web -o 'jsonpath={.status.readyReplicas}'
	check "get go-template" "^web$" "${K[@]}" get deployment web -o 'go-template={{.metadata.name}}'
	check "get custom-columns" "NAME +N.*web +2" "${K[@]}" get deploy -o custom-columns=NAME:.metadata.name,N:.spec.replicas
	check "get by label" "Running" "${K[@]}" get pods -l app=web
	check "get by field" "web-" "${K[@]}" get pods --field-selector=status.phase=Running
	check "get sorted" "web-" "${K[@]}" get pods --sort-by=.metadata.name
	check "get labels shown" "app=web" "${K[@]}" get pods --show-labels
	check "get all" "replicaset.apps/web-" "${K[@]}" get all
	check "describe" "NewReplicaSet: +web-" "${K[@]}" describe deployment web
	check "describe pod" "Node: +" "${K[@]}" describe pods -l app=web
	check "events" "Created|Scheduled|ScalingReplicaSet" "${K[@]}" get events

	# change
	check "label" "labeled" "${K[@]}" label deployment web tier=front
	check "annotate" "annotate" "${K[@]}" annotate deployment web note=hello
	check "scale" "scaled" "${K[@]}" scale deployment web --replicas=3
	until_ok "scaled" "^3$" "${K[@]}" get deployment web -o 'jsonpath={.status.readyReplicas}'
	check "set env" "updated" "${K[@]}" set env deployment/web A=b
	check "rollout after set env" "successfully" "${K[@]}" rollout status deployment/web --timeout=60s
	check "set image" "updated" "${K[@]}" set image deployment/web busybox=localhost/busybox:none
	check "undo" "rolled back" "${K[@]}" rollout undo deployment/web
	check "rollout after undo" "successfully" "${K[@]}" rollout status deployment/web --timeout=60s
	check "image is back" "busybox:1" "${K[@]}" get deployment web -o 'jsonpath={.spec.template.spec.containers[0].image}'
	check "history" "REVISION" "${K[@]}" rollout history deployment/web
	check "restart" "restarted" "${K[@]}" rollout restart deployment/web
	check "rollout after restart" "successfully" "${K[@]}" rollout status deployment/web --timeout=60s
	check "edit" "edited|changed" env KUBE_EDITOR='sed -i s/hello/world/' "${K[@]}" edit deployment web
	check "edited" "world" "${K[@]}" get deployment web -o 'jsonpath={.metadata.annotations.note}'
	check "patch strategic" "patched" "${K[@]}" patch deployment web -p '{"spec":{"minReadySeconds":0,"template":{"spec":{"terminationGracePeriodSeconds":1}}}}'
	check "patch merge" "patched" "${K[@]}" patch deployment web --type=merge -p '{"metadata":{"annotations":{"m":"1"}}}'
	check "patch json" "patched" "${K[@]}" patch deployment web --type=json -p '[{"op":"add","path":"/metadata/annotations/j","value":"1"}]'

	# apply, client and server side
	cat >"$dir/app.yaml" <<-Y
	apiVersion: apps/v1
	kind: Deployment
	metadata: {name: app}
	spec:
	  replicas: 1
	  selector: {matchLabels: {app: app}}
	  template:
	    metadata: {labels: {app: app}}
	    spec:
	      terminationGracePeriodSeconds: 1
	      containers:
	      - name: c
	        image: $b
	        command: [sh, -c, 'echo started; echo "\$COLOUR \$WORD" > /tmp/x; mkdir -p /www; cp /tmp/x /www/index.html; exec httpd -f -p 8080 -h /www']
	        ports: [{containerPort: 8080, name: http}]
	        env:
	        - {name: COLOUR, valueFrom: {configMapKeyRef: {name: cfg, key: colour}}}
	        - {name: WORD, valueFrom: {secretKeyRef: {name: pw, key: word}}}
	        readinessProbe: {httpGet: {path: /, port: http}, periodSeconds: 1}
	Y
	check "apply" "created" "${K[@]}" apply -f "$dir/app.yaml"
	check "apply again" "unchanged" "${K[@]}" apply -f "$dir/app.yaml"
	sed -i 's/replicas: 1/replicas: 2/' "$dir/app.yaml"
	check "apply a change" "configured" "${K[@]}" apply -f "$dir/app.yaml"
	check "diff" "replicas" bash -c "sed 's/replicas: 2/replicas: 1/' $dir/app.yaml | ${K[*]} diff -f - ; test \$? = 1"
	check "dry run" "dry run" "${K[@]}" apply --dry-run=server -f "$dir/app.yaml"
	check "server-side apply" "serverside-applied" "${K[@]}" apply --server-side --force-conflicts -f "$dir/app.yaml"
	! has "$k" get --show-managed-fields || check "managed fields" "kubectl" "${K[@]}" get deployment app --show-managed-fields -o yaml
	! has "$k" apply "'strict'" || refuse "strict validation" "unknown field" bash -c "sed 's/replicas:/replicaz:/' $dir/app.yaml | ${K[*]} apply --validate=strict -f -"
	check "wait" "condition met" "${K[@]}" wait --for=condition=Available deployment/app --timeout=40s
	check "expose" "exposed" "${K[@]}" expose deployment app --port=80 --target-port=http
	until_ok "endpoints" ":8080" "${K[@]}" get endpoints app
	check "endpoint slices" "app-" "${K[@]}" get endpointslices

	# inside pods
	local pod; pod=$("${K[@]}" get pods -l app=app -o 'jsonpath={.items[0].metadata.name}')
	check "logs" "started" "${K[@]}" logs "$pod"
	check "logs by selector" "started" "${K[@]}" logs -l app=app --tail=1
	check "logs -f" "started" heard started "${K[@]}" logs -f "$pod"
	check "exec" "blue hush" "${K[@]}" exec "$pod" -- cat /tmp/x
	check "exec stdin" "^from stdin$" bash -c "echo from stdin | ${K[*]} exec -i $pod -- cat"
	check "exec -it" "/dev/pts|/dev/console" script -qec "${K[*]} exec -it $pod -- tty" /dev/null
	refuse "exec exit code" "exit code 3" "${K[@]}" exec "$pod" -- sh -c 'exit 3'
	check "run --rm" "hello from run" "${K[@]}" run once --image=$b --rm -i --restart=Never --pod-running-timeout=30s -- echo hello from run
	check "service by name" "blue hush" "${K[@]}" run dns --image=$b --rm -i --restart=Never -- sh -c 'until wget -qO- http://app; do sleep 0.2; done'
	head -c 300000 /dev/urandom >"$dir/blob"
	check "cp in" "" "${K[@]}" cp "$dir/blob" "$pod:/tmp/blob"
	check "cp out" "" "${K[@]}" cp "$pod:/tmp/blob" "$dir/blob2"
	check "cp is exact" "" cmp "$dir/blob" "$dir/blob2"
	check "port-forward" "blue hush" forwarded
	check "run" "created" "${K[@]}" run tick --image=$b --restart=Never -- sh -c 'while :; do echo tick; sleep 0.2; done'
	check "wait for a pod" "condition met" "${K[@]}" wait --for=condition=Ready pod/tick --timeout=40s
	check "attach" "tick" heard tick "${K[@]}" attach tick
	check "delete pod now" "deleted" "${K[@]}" delete pod tick --grace-period=0 --force

	# jobs
	check "create job" "created" "${K[@]}" create job one --image=$b -- sh -c 'echo done'
	check "job completes" "condition met" "${K[@]}" wait --for=condition=complete job/one --timeout=30s
	check "job logs" "done" "${K[@]}" logs job/one

	# who may what
	check "can-i" "^yes" "${K[@]}" auth can-i create pods
	refuse "can-i as nobody" "^no" "${K[@]}" auth can-i create pods --as=nobody
	! has "$k" create "^ *token " || check "create token" "^ey[A-Za-z0-9_-]+\.ey" "${K[@]}" create token default
	! has "$k" create "^ *token " || check "token works" "^no|^yes" bash -c "${K[*]} --token=\$(${K[*]} create token default) auth can-i get pods || true"
	check "create role" "created" "${K[@]}" create role reader --verb=get,list --resource=pods
	check "create rolebinding" "created" "${K[@]}" create rolebinding reader --role=reader --serviceaccount="$ns:default"
	check "role is obeyed" "^yes" "${K[@]}" auth can-i list pods --as="system:serviceaccount:$ns:default"
	refuse "role does not reach further" "^no" "${K[@]}" auth can-i delete pods --as="system:serviceaccount:$ns:default"

	# delete, in each propagation policy
	check "delete background" "deleted" "${K[@]}" delete deployment web --cascade=background
	until_ok "dependents went" "^0$" bash -c "${K[*]} get rs -l app=web -o name | wc -l"
	check "delete orphan" "deleted" "${K[@]}" delete deployment app --cascade=orphan
	check "dependents stay" "app-" "${K[@]}" get rs -l app=app
	check "delete foreground" "deleted" "${K[@]}" delete rs -l app=app --cascade=foreground --timeout=40s
	until_ok "pods went first" "^0$" bash -c "${K[*]} get pods -l app=app -o name | wc -l"
	refuse "get of nothing" "not found" "${K[@]}" get deployment web
	check "delete namespace" "deleted" "$k" delete namespace "$ns" --timeout=60s
}

cloud_up
export GOMAXPROCS=1     # a short program in Go is done with less of the processor
declare -A busy=()
i=0
for k in $(kubectls); do
	i=$((i + 1))
	# Three at a time: most of a session is waiting.
	[ ${#busy[@]} -lt 3 ] || { wait -n -p over "${!busy[@]}"; unset "busy[$over]"; }
	session $i person "$k" "s$i"
	busy[$!]=1
done
sessions_end
finish
