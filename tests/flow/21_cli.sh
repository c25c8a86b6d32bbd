#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The width of kubectl's command line against servers alone (no node): each verb in its
# variants, on every kind it is used with, and the words of its failures. Runs with the
# oldest and the newest kubectl on the machine, side by side.
cd "$(dirname "$0")/../.." || exit 1
. tests/flow/lib.sh
for t in kubectl curl; do command -v $t >/dev/null || skip "$t is missing"; done

SERVERS=()
cloud_down() { [ ${#SERVERS[@]} = 0 ] || { kill "${SERVERS[@]}"; wait "${SERVERS[@]}" 2>/dev/null; SERVERS=(); }; }

make_files() {
	local d=$1
	cat >"$d/pod.yaml" <<-Y
	apiVersion: v1
	kind: Pod
	metadata: {name: test-pod, labels: {name: test-pod-label}}
	spec: {terminationGracePeriodSeconds: 0, containers: [{name: web, image: "nginx:1.7.9"}]}
	Y
	sed 's/test-pod-label/test-pod-applied/' "$d/pod.yaml" >"$d/pod-apply.yaml"
	mkdir -p "$d/prune" "$d/kustom"
	for p in a b; do sed "s/test-pod-label/$p/; s/test-pod/$p/; s/labels: {/labels: {group: prune, /" "$d/pod.yaml" >"$d/prune/$p.yaml"; done
	cat >"$d/deploy.yaml" <<-Y
	apiVersion: apps/v1
	kind: Deployment
	metadata: {name: web, labels: {app: web}}
	spec:
	  replicas: 3
	  selector: {matchLabels: {app: web}}
	  template:
	    metadata: {labels: {app: web}}
	    spec:
	      terminationGracePeriodSeconds: 0
	      volumes: [{name: v, emptyDir: {}}]
	      containers: [{name: nginx, image: "nginx:1", ports: [{containerPort: 80}]}]
	Y
	cat >"$d/retain.yaml" <<-Y
	apiVersion: apps/v1
	kind: Deployment
	metadata: {name: web, labels: {app: web}}
	spec:
	  replicas: 3
	  strategy: {type: Recreate}
	  selector: {matchLabels: {app: web}}
	  template:
	    metadata: {labels: {app: web}}
	    spec:
	      terminationGracePeriodSeconds: 0
	      volumes: [{name: v, hostPath: {path: /tmp}}]
	      containers: [{name: nginx, image: "nginx:1", ports: [{containerPort: 80}]}]
	Y
	cat >"$d/rc.yaml" <<-Y
	apiVersion: v1
	kind: ReplicationController
	metadata: {name: frontend, labels: {name: frontend}}
	spec:
	  replicas: 3
	  selector: {name: frontend}
	  template:
	    metadata: {labels: {name: frontend}}
	    spec: {containers: [{name: php, image: "php:1", ports: [{containerPort: 80}], env: [{name: GET_HOSTS_FROM, value: dns}]}]}
	Y
	cat >"$d/sts.yaml" <<-Y
	apiVersion: apps/v1
	kind: StatefulSet
	metadata: {name: db, labels: {app: db}}
	spec:
	  replicas: 2
	  serviceName: db
	  selector: {matchLabels: {app: db}}
	  template:
	    metadata: {labels: {app: db}}
	    spec: {containers: [{name: db, image: "db:1"}]}
	Y
	cat >"$d/ds.yaml" <<-Y
	apiVersion: apps/v1
	kind: DaemonSet
	metadata: {name: agent}
	spec:
	  selector: {matchLabels: {app: agent}}
	  template:
	    metadata: {labels: {app: agent}}
	    spec: {containers: [{name: agent, image: "agent:1"}]}
	Y
	cat >"$d/kustom/kustomization.yaml" <<-Y
	resources: [svc.yaml]
	configMapGenerator: [{name: gen, literals: [a=b], options: {disableNameSuffixHash: true}}]
	namePrefix: kz-
	Y
	printf 'apiVersion: v1\nkind: Service\nmetadata: {name: svc}\nspec: {ports: [{port: 80}], selector: {a: b}}\n' >"$d/kustom/svc.yaml"
	cat >"$d/crd.yaml" <<-Y
	apiVersion: apiextensions.k8s.io/v1
	kind: CustomResourceDefinition
	metadata: {name: $2foos.company.com}
	spec:
	  group: company.com
	  scope: Namespaced
	  names: {plural: $2foos, singular: $2foo, kind: ${2^}Foo, shortNames: [$2f], categories: [$2cat]}
	  versions:
	  - name: v1
	    served: true
	    storage: true
	    schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
	    additionalPrinterColumns: [{name: Field, type: string, jsonPath: .someField}]
	Y
	printf 'apiVersion: company.com/v1\nkind: %sFoo\nmetadata: {name: test, labels: {pruneGroup: "true"}}\nsomeField: field1\nnested: {a: x, b: y}\n' "${2^}" >"$d/foo.yaml"
	printf '#!/bin/sh\nsed -i "%s" "$1"\n' 's/mock/modified/g' >"$d/editor"
	chmod +x "$d/editor"
}

objects() { # of a kind, by name: a b c
	"${K[@]}" get "$@" -o 'go-template={{range .items}}{{.metadata.name}} {{end}}'
}

generic() {
	check "create" "pod/test-pod created" "${K[@]}" create -f "$d/pod.yaml"
	refuse "create twice" 'pods "test-pod" already exists' "${K[@]}" create -f "$d/pod.yaml"
	check "managed by create" "kubectl-create" "${K[@]}" get pod test-pod --show-managed-fields -o 'jsonpath={.metadata.managedFields[*].manager}'
	check "create does not set last-applied" "^0$" bash -c "${K[*]} get pod test-pod -o yaml | grep -c last-applied-configuration; true"
	check "resource/name" "^test-pod$" "${K[@]}" get pods/test-pod -o 'go-template={{.metadata.name}}'
	check "by field" "test-pod" "${K[@]}" get pods --field-selector metadata.name=test-pod,status.phase=Pending
	check "by set" "^test-pod $" objects pods -l 'name in (test-pod-label,x), !nothing'
	refuse "a bad label selector" "unable to parse requirement" "${K[@]}" get pods -l 'a in b'
	refuse "a bad field selector" 'field label not supported: x' "${K[@]}" get pods --field-selector x=y
	refuse "get nothing" 'pods "abc" not found' "${K[@]}" get pods abc
	refuse "get nothing as JSON" '^Error from server \(NotFound\): pods "abc" not found' bash -c "${K[*]} get pods abc -o json 2>&1 | tail -1; exit 1"
	check "none is said" "No resources found" "${K[@]}" get limitranges
	check "none as JSON is a list" '"items": \[\]' "${K[@]}" get limitranges -o json
	refuse "an unknown kind" "the server doesn't have a resource type \"foobar\"" "${K[@]}" get foobar
	check "pages" "kube-system" "${K[@]}" get namespaces --chunk-size=1 --no-headers
	check "a watch ends by its deadline" "STATUS" "${K[@]}" get pods -w --request-timeout=1
	refuse "a watch of nothing" '"none" not found' "${K[@]}" get pods/none -w --request-timeout=1
	check "sort by name as a table" "includeObject=Object" bash -c "${K[*]} get pods -v=8 --sort-by={.metadata.name} 2>&1"
	check "several kinds" "pod/test-pod.*serviceaccount/default" bash -c "${K[*]} get pod,sa -o name | tr '\n' ' '"
	check "raw" '"kind":"PodList"' "${K[@]}" get --raw "/api/v1/namespaces/$ns/pods"
	check "status by itself" "^test-pod" "${K[@]}" get pod test-pod --subresource=status --no-headers
	refuse "no such subresource" "could not find the requested resource" "${K[@]}" get pod test-pod --subresource=scale

	check "label" "labeled" "${K[@]}" label pod test-pod new=one
	refuse "label again" "already has a value" "${K[@]}" label pod test-pod new=two
	check "label over" "labeled" "${K[@]}" label --overwrite pods --all new=two
	check "label is the same" "not labeled" "${K[@]}" label pod test-pod new=two
	check "label dry" "labeled .server dry run" "${K[@]}" label pod test-pod dry=run --dry-run=server
	check "dry run kept nothing" "^$" "${K[@]}" get pod test-pod -o 'jsonpath={.metadata.labels.dry}'
	check "unlabel" "unlabeled|labeled" "${K[@]}" label pod test-pod new-
	refuse "a bad label" "nvalid label value" "${K[@]}" label pod test-pod "x=a b"
	check "annotate" "annotate" "${K[@]}" annotate pod test-pod empty= kept=1
	check "annotated" "^1$" "${K[@]}" get pod test-pod -o 'jsonpath={.metadata.annotations.kept}'
	check "managed by annotate" "kubectl-annotate" "${K[@]}" get pod test-pod -o 'jsonpath={.metadata.managedFields[*].manager}' --show-managed-fields

	check "patch" "patched" "${K[@]}" patch pod test-pod -p '{"spec":{"containers":[{"name":"web","image":"nginx:2"}]}}'
	check "patch of nothing" "no change" "${K[@]}" patch pod test-pod -p '{"spec":{"containers":[{"name":"web","image":"nginx:2"}]}}'
	check "patch by JSON" "patched" "${K[@]}" patch pod test-pod --type=json -p '[{"op":"replace","path":"/spec/containers/0/image","value":"nginx:3"}]'
	refuse "a JSON test that fails" "due to an error in our request" "${K[@]}" patch pod test-pod --type=json -p '[{"op":"test","path":"/spec/containers/0/image","value":"x"}]'
	check "patch in YAML" "patched" "${K[@]}" patch pod test-pod -p $'spec:\n  containers:\n  - name: web\n    image: changed-with-yaml\n'
	check "patched" "^changed-with-yaml$" "${K[@]}" get pod test-pod -o 'jsonpath={.spec.containers[0].image}'
	refuse "patch of what may not change" "pod updates may not change fields other than" "${K[@]}" patch pod test-pod -p '{"spec":{"restartPolicy":"Never"}}'
	refuse "patch to the wrong type" "cannot restore map from string|cannot unmarshal string" "${K[@]}" patch pod test-pod -p '{"metadata":{"labels":"invalid"}}'
	refuse "patch with an old revision" "please apply your changes to the latest version" "${K[@]}" patch pod test-pod -p '{"metadata":{"resourceVersion":"1","labels":{"a":"b"}}}'
	check "patch of a subresource" "patched" "${K[@]}" patch pod test-pod --subresource=status -p '{"status":{"message":"by hand"}}'
	check "patched status" "^by hand$" "${K[@]}" get pod test-pod -o 'jsonpath={.status.message}'

	check "replace" "replaced" bash -c "${K[*]} get pod test-pod -o yaml | sed s/test-pod-label/replaced/ | ${K[*]} replace -f -"
	check "replace by force" "replaced" bash -c "${K[*]} get pod test-pod -o json | sed 's/\"web\"/\"other\"/' | ${K[*]} replace --force -f -"
	check "replaced" "^other$" "${K[@]}" get pod test-pod -o 'jsonpath={.spec.containers[0].name}'
	refuse "replace of nothing" 'pods "none" not found' bash -c "sed 's/name: test-pod,/name: none,/' $d/pod.yaml | ${K[*]} replace -f -"
	check "edit" "edited" env KUBE_EDITOR='sed -i s/changed-with-yaml/edited-image/' "${K[@]}" edit pod/test-pod
	check "edit of nothing" "Edit cancelled" env KUBE_EDITOR=true "${K[@]}" edit pod/test-pod
	check "edited" "^edited-image$" "${K[@]}" get pod test-pod -o 'jsonpath={.spec.containers[0].image}'
	refuse "a bad edit" "invalid|Invalid|error" env KUBE_EDITOR='sed -i "s/image: edited-image/image: edited image/;s/name: other/name: Other_x/"' "${K[@]}" edit pod/test-pod
	check "create and edit" "modified created" bash -c "EDITOR=$d/editor ${K[*]} create --edit -f - <<<'{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"mock\"}}' || EDITOR=$d/editor ${K[*]} create --edit -f $d/mock.yaml"
	check "describe" "Status: +Pending" "${K[@]}" describe pod test-pod
	check "delete by label" "deleted" "${K[@]}" delete pods -l name=replaced --grace-period=0 --force
	refuse "delete nothing named" "no name was specified|--all" "${K[@]}" delete pods
	check "two of one file" "pod/a created.*pod/b created" bash -c "${K[*]} create -f $d/prune | tr '\n' ' '"
	check "delete several" "deleted" "${K[@]}" delete pods a b --now
	check "wait for deletion" "" "${K[@]}" wait --for=delete pod/a pod/b --timeout=5s
	check "nothing to delete" "" "${K[@]}" delete pod none --ignore-not-found
}

apply() {
	check "apply" "pod/test-pod created" "${K[@]}" apply -f "$d/pod.yaml"
	check "last applied" "last-applied-configuration" "${K[@]}" get pod test-pod -o yaml
	check "managed by apply" "kubectl-client-side-apply" "${K[@]}" get pod test-pod --show-managed-fields -o 'jsonpath={.metadata.managedFields[*].manager}'
	check "view last applied" "test-pod-label" "${K[@]}" apply view-last-applied pod/test-pod
	local rv; rv=$("${K[@]}" get pod test-pod -o 'jsonpath={.metadata.resourceVersion}')
	check "dry" "server dry run" "${K[@]}" apply --dry-run=server -f "$d/pod-apply.yaml"
	check "dry is dry" "^$rv$" "${K[@]}" get pod test-pod -o 'jsonpath={.metadata.resourceVersion}'
	check "diff" "test-pod-applied" bash -c "${K[*]} diff -f $d/pod-apply.yaml; [ \$? = 1 ]"
	check "apply a change" "configured" "${K[@]}" apply -f "$d/pod-apply.yaml"
	check "no diff" "^$" "${K[@]}" diff -f "$d/pod-apply.yaml"
	check "delete what was applied" "deleted" "${K[@]}" delete -f "$d/pod.yaml"
	check "set last applied" "test-pod" bash -c "${K[*]} create -f $d/pod.yaml && ${K[*]} apply set-last-applied -f $d/pod.yaml --create-annotation=true"
	check "edit last applied" "edited|changed" env KUBE_EDITOR='sed -i s/test-pod-label/xx/' "${K[@]}" apply edit-last-applied pod/test-pod
	check "clean" "deleted" "${K[@]}" delete -f "$d/pod.yaml"

	check "defaults that must go" "created" "${K[@]}" apply -f "$d/deploy.yaml"
	check "go" "configured" "${K[@]}" apply -f "$d/retain.yaml"
	check "are gone" '^Recreate  /tmp $' "${K[@]}" get deploy web -o 'jsonpath={.spec.strategy.type} {.spec.strategy.rollingUpdate} {.spec.template.spec.volumes[0].hostPath.path} {.spec.template.spec.volumes[0].emptyDir}'
	check "clean" "deleted" "${K[@]}" delete deploy web

	check "prune" "pod/a created" "${K[@]}" apply --prune -l group=prune -f "$d/prune/a.yaml"
	check "pruned" "pod/a pruned" "${K[@]}" apply --prune -l group=prune -f "$d/prune/b.yaml"
	check "clean" "deleted" "${K[@]}" delete -f "$d/prune/b.yaml"
	refuse "another namespace" "does not match the namespace" bash -c "sed 's/name: test-pod,/name: test-pod, namespace: elsewhere,/' $d/pod.yaml | ${K[*]} apply -f -"

	check "a service" "created" "${K[@]}" apply -f - <<-Y
	{"kind": "Service", "apiVersion": "v1", "metadata": {"name": "a"}, "spec": {"clusterIP": "10.96.9.$((i * 2))", "ports": [{"port": 80}]}}
	Y
	cat >"$d/svc.json" <<-Y
	{"kind": "Service", "apiVersion": "v1", "metadata": {"name": "a"}, "spec": {"clusterIP": "10.96.9.$((i * 2 + 1))", "ports": [{"port": 80}]}}
	Y
	refuse "its address stays" "may not change once set" "${K[@]}" apply -f "$d/svc.json"
	check "by force" "deleted|configured|created" "${K[@]}" apply --force -f "$d/svc.json"
	check "it changed" "^10.96.9.$((i * 2 + 1))$" "${K[@]}" get svc a -o 'jsonpath={.spec.clusterIP}'
	check "clean" "deleted" "${K[@]}" delete svc a

	check "kustomize" "service/kz-svc created" "${K[@]}" apply -k "$d/kustom"
	check "kustomize get" "kz-gen.*kz-svc" "${K[@]}" get -k "$d/kustom" -o 'jsonpath={..metadata.name}'
	check "kustomize delete" "deleted" "${K[@]}" delete -k "$d/kustom"

	check "server-side" "serverside-applied" "${K[@]}" apply --server-side -f "$d/pod.yaml"
	refuse "server-side conflict" 'conflict with "kubectl".*|conflicts? with "kubectl"' bash -c "sed s/test-pod-label/mine/ $d/pod.yaml | ${K[*]} apply --server-side --field-manager=me -f -"
	check "server-side force" "serverside-applied" bash -c "sed s/test-pod-label/mine/ $d/pod.yaml | ${K[*]} apply --server-side --field-manager=me --force-conflicts -f -"
	check "server-side dry" "server dry run" "${K[@]}" apply --server-side --force-conflicts --dry-run=server -f "$d/pod-apply.yaml"
	check "not written" "^mine$" "${K[@]}" get pod test-pod -o 'jsonpath={.metadata.labels.name}'
	check "clean" "deleted" "${K[@]}" delete -f "$d/pod.yaml"
	check "client-side to server-side" "serverside-applied" bash -c "${K[*]} apply -f $d/pod.yaml && ${K[*]} apply --server-side -f $d/pod-apply.yaml"
	check "one manager is left" "^kubectl" bash -c "${K[*]} get pod test-pod --show-managed-fields -o 'jsonpath={range .metadata.managedFields[?(@.operation==\"Apply\")]}{.manager}{end}'"
	check "and back" "configured|unchanged" "${K[@]}" apply -f "$d/pod.yaml"
	check "clean" "deleted" "${K[@]}" delete -f "$d/pod.yaml"
}

create() {
	check "configmap" "created" "${K[@]}" create configmap cm --from-literal=a=b --from-file=f="$d/pod.yaml"
	check "binary configmap" "binaryData" bash -c "head -c 64 /dev/urandom >$d/bin; printf '\\377' >>$d/bin; ${K[*]} create cm bin --from-file=$d/bin -o yaml"
	check "secret" "Opaque" "${K[@]}" create secret generic pw --from-literal=w=x -o 'jsonpath={.type}'
	check "docker secret" "kubernetes.io/dockerconfigjson" "${K[@]}" create secret docker-registry dk --docker-username=u --docker-password=p -o 'jsonpath={.type}'
	check "stringData" '"k2":"djI="' bash -c "${K[*]} create -f - <<<'{\"kind\":\"Secret\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"sd\"},\"data\":{\"k1\":\"djE=\",\"k2\":\"\"},\"stringData\":{\"k2\":\"v2\"}}' && ${K[*]} get secret sd -o 'jsonpath={.data}{.stringData}'"
	check "service account" "created" "${K[@]}" create sa robot
	check "quota" "hard:.*pods: .5" bash -c "${K[*]} create quota q --hard=pods=500,services=100 -o yaml | tr '\n' ' '"
	check "quota with scopes" "BestEffort" "${K[@]}" create quota q2 --hard=pods=100 --scopes=BestEffort -o 'jsonpath={.spec.scopes}'
	check "role" "created" "${K[@]}" create role r --verb=get,list --resource=pods,deployments.apps --resource-name=x
	check "role subresource" '"pods/log"' "${K[@]}" create role r2 --verb=get --resource=pods/log -o 'jsonpath={.rules}'
	check "rolebinding" "created" "${K[@]}" create rolebinding rb --role=r --user=u --group=g --serviceaccount="$ns:robot"
	check "clusterrole" "created" "${K[@]}" create clusterrole "$ns-cr" --verb=get --non-resource-url=/x/*
	check "aggregate" "created" "${K[@]}" create clusterrole "$ns-agg" --aggregation-rule=rbac.example.com/x=true
	check "clusterrolebinding" "created" "${K[@]}" create clusterrolebinding "$ns-crb" --clusterrole="$ns-cr" --group=g
	check "pdb" "(^|[^0-9])2$" "${K[@]}" create pdb p1 --selector=app=rails --min-available=2 -o 'jsonpath={.spec.minAvailable}'
	check "pdb in percent" "50%$" "${K[@]}" create pdb p2 --selector=app=rails --max-unavailable=50% -o 'jsonpath={.spec.maxUnavailable}'
	check "priorityclass" "created" "${K[@]}" create priorityclass "$ns-pc" --value=1000 --description=x
	check "job" "created" "${K[@]}" create job j --image=busybox -- true
	check "cronjob" "created" "${K[@]}" create cronjob c --image=busybox --schedule='*/5 * * * *' -- true
	check "job from cronjob" "manual" "${K[@]}" create job from-c --from=cronjob/c -o 'jsonpath={.metadata.annotations}'
	refuse "a bad schedule" "spec.schedule: Invalid value" "${K[@]}" create cronjob c2 --image=busybox --schedule='x y' -- true
	check "ingress" "created" "${K[@]}" create ingress ing --rule='foo.com/bar*=svc:8080,tls=sec' --class=nginx --default-backend=d:80
	check "ingress shown" "foo.com" "${K[@]}" get ingress ing
	for t in clusterip nodeport loadbalancer; do check "service $t" "created" "${K[@]}" create service $t "s-$t" --tcp=80:8080; done
	check "headless" "^None$" "${K[@]}" create svc clusterip hl --clusterip=None -o 'jsonpath={.spec.clusterIP}'
	check "externalname" "^bar.com$" "${K[@]}" create svc externalname en --external-name=bar.com -o 'jsonpath={.spec.externalName}'
	check "deployment" "created" "${K[@]}" create deployment web --image=nginx:1 --image=busybox:1 --replicas=2
	check "autoscale" "autoscaled" "${K[@]}" autoscale deployment web --min=2 --max=3 --cpu-percent=80
	check "hpa shown" "web +Deployment/web" "${K[@]}" get hpa
	check "run" "created" "${K[@]}" run p --image=nginx --port=80 --expose --labels=a=b
	check "run dry" "kind: Pod" "${K[@]}" run q --image=nginx --dry-run=server -o yaml
	refuse "a bad name" "Invalid value.*RFC 1123" "${K[@]}" create ns Not_A_Name
	refuse "a taken name" "already exists" "${K[@]}" create sa robot
	check "token" "^ey" "${K[@]}" create token robot --duration=1h
	check "create in YAML" "kind: Secret" "${K[@]}" create secret generic y --from-literal=a=b --dry-run=server -o yaml
	check "create raw" '"uid"' bash -c "${K[*]} create cm raw --dry-run=client -o json | ${K[*]} create --raw /api/v1/namespaces/$ns/configmaps -f -"
	check "replace raw" "config1" bash -c "${K[*]} create cm raw --from-literal=k=config1 --dry-run=client -o json | ${K[*]} replace --raw /api/v1/namespaces/$ns/configmaps/raw -f -"
	check "delete raw" "Success" "${K[@]}" delete --raw "/api/v1/namespaces/$ns/configmaps/raw"
	for r in cm secret sa quota role rolebinding pdb job cronjob ingress svc deploy hpa pod; do
		check "describe $r" "Name:" "${K[@]}" describe "$r"
		check "get $r wide" "NAME" "${K[@]}" get "$r" -o wide
	done
	check "clean" "deleted" "${K[@]}" delete --wait=false all,cm,secret,quota,role,rolebinding,pdb,ingress --all
	check "clean cluster" "deleted" "${K[@]}" delete "clusterrole/$ns-cr" "clusterrole/$ns-agg" "clusterrolebinding/$ns-crb" "priorityclass/$ns-pc"
}

workloads() {
	check "rc" "created" "${K[@]}" create -f "$d/rc.yaml"
	check "describe rc" "GET_HOSTS_FROM" "${K[@]}" describe rc frontend
	check "scale" "scaled" "${K[@]}" scale --current-replicas=3 --replicas=2 rc frontend
	refuse "scale from a wrong size" "Expected replicas to be 3, was 2" "${K[@]}" scale --current-replicas=3 --replicas=2 rc frontend
	check "scaled" "^2$" "${K[@]}" get rc frontend -o 'jsonpath={.spec.replicas}'
	check "expose rc" "exposed" "${K[@]}" expose rc frontend --port=80 --name=fe
	check "expose svc" "exposed" "${K[@]}" expose svc fe --port=443 --name=fe2
	refuse "expose what cannot be" "cannot expose" "${K[@]}" expose sa default
	check "delete rc" "deleted" "${K[@]}" delete rc frontend --cascade=orphan
	check "sts" "created" "${K[@]}" apply -f "$d/sts.yaml"
	check "scale sts" "scaled" "${K[@]}" scale sts db --replicas=1
	refuse "sts immutables" "updates to statefulset spec for fields other than" "${K[@]}" patch sts db -p '{"spec":{"serviceName":"other"}}'
	check "delete sts" "deleted" "${K[@]}" delete sts db
	check "ds" "created" "${K[@]}" apply -f "$d/ds.yaml"
	until_ok "ds history" "controllerrevision" "${K[@]}" get controllerrevisions -o name
	check "ds image" "updated" "${K[@]}" set image ds/agent '*=agent:2'
	until_ok "ds revisions" "2 +<none>" "${K[@]}" rollout history ds/agent
	check "ds undo" "rolled back" "${K[@]}" rollout undo ds/agent --to-revision=1
	until_ok "ds is back" "^agent:1$" "${K[@]}" get ds agent -o 'jsonpath={.spec.template.spec.containers[0].image}'
	check "ds restart" "restarted" "${K[@]}" rollout restart ds/agent
	check "delete ds" "deleted" "${K[@]}" delete ds agent

	check "deployment" "created" "${K[@]}" create -f "$d/deploy.yaml"
	until_ok "its set" "web-" "${K[@]}" get rs -l app=web -o name
	check "set image" "updated" "${K[@]}" set image deployment web nginx=nginx:2
	check "set resources" "updated" "${K[@]}" set resources deployment web --limits=cpu=200m,memory=512Mi
	check "resources" '"cpu":"200m"' "${K[@]}" get deployment web -o 'jsonpath={.spec.template.spec.containers[0].resources.limits}'
	check "set env" "updated" "${K[@]}" set env deployment/web A=b
	check "env list" "A=b" "${K[@]}" set env deployment/web --list
	check "set sa" "updated" "${K[@]}" set serviceaccount deployment web robot
	check "pause" "paused" "${K[@]}" rollout pause deployment/web
	refuse "restart paused" "can't restart paused" "${K[@]}" rollout restart deployment/web
	check "resume" "resumed" "${K[@]}" rollout resume deployment/web
	until_ok "revisions" "2 +" "${K[@]}" rollout history deployment/web
	check "revision" "nginx:1" "${K[@]}" rollout history deployment/web --revision=1
	check "undo to" "rolled back" "${K[@]}" rollout undo deployment/web --to-revision=1
	until_ok "is back" "^nginx:1$" "${K[@]}" get deployment web -o 'jsonpath={.spec.template.spec.containers[0].image}'
	refuse "no such revision" "unable to find specified revision" "${K[@]}" rollout undo deployment/web --to-revision=1000
	refuse "the selector stays" "field is immutable" "${K[@]}" patch deployment web --type=merge -p '{"spec":{"selector":{"matchLabels":{"x":"y"}},"template":{"metadata":{"labels":{"x":"y"}}}}}'
	refuse "status waits" "timed out|exceeded" "${K[@]}" rollout status deployment/web --timeout=1s
	check "selector of service" "updated" bash -c "${K[*]} create svc clusterip se --tcp=80 && ${K[*]} set selector svc se a=b"
	refuse "selector by an old revision" "Conflict|modified" "${K[@]}" set selector svc se a=c --resource-version=1
	check "wait jsonpath" "condition met" "${K[@]}" wait --for=jsonpath='{.spec.replicas}'=3 deployment/web --timeout=5s
	refuse "wait in vain" "timed out" "${K[@]}" wait --for=condition=Available deployment/web --timeout=1s
	check "delete in the foreground" "deleted" "${K[@]}" delete deployment web --cascade=foreground --timeout=20s
	check "none is left" "^$" objects rs -l app=web
}

custom() {
	check "crd" "created" "$k" create -f "$d/crd.yaml"
	check "established" "condition met" "$k" wait --for=condition=Established "crd/${ns}foos.company.com" --timeout=5s
	check "none yet" "No resources" "${K[@]}" get "${ns}foos"
	check "apply" "created" "${K[@]}" apply -f "$d/foo.yaml"
	for form in "${ns}foo" "${ns}foos" "${ns}f" "${ns}foos.company.com" "${ns}foos.v1.company.com" "${ns}cat"; do
		check "get $form" "test" "${K[@]}" get "$form"
	done
	check "its column" "FIELD.*field1" bash -c "${K[*]} get ${ns}foos | tr '\n' ' '"
	check "its name" "${ns}foo.company.com/test" "${K[@]}" get "${ns}foos/test" -o name
	check "patch" "patched" "${K[@]}" patch "${ns}foos/test" --type=merge -p '{"patched":"v1"}'
	check "patched" "^v1$" "${K[@]}" get "${ns}foo" test -o 'jsonpath={.patched}'
	refuse "no strategic patch" "UnsupportedMediaType|merge" "${K[@]}" patch "${ns}foos/test" -p '{"patched":"v2"}'
	check "label" "labeled" "${K[@]}" label "${ns}foos" --all l=1
	check "describe" "l=1" "${K[@]}" describe "${ns}foos"
	sed -i 's/a: x, b: y/a: z/' "$d/foo.yaml"
	check "apply less" "configured" "${K[@]}" apply -f "$d/foo.yaml"
	check "less is there" '^\{"a":"z"\}$' "${K[@]}" get "${ns}foo" test -o 'jsonpath={.nested}'
	check "server-side" "serverside-applied" "${K[@]}" apply --server-side --force-conflicts -f "$d/foo.yaml"
	check "explain" "KIND: +${ns^}Foo" "$k" explain "${ns}foos"
	check "api-resources" "${ns}foos +${ns}f +company.com/v1 +true +${ns^}Foo" "$k" api-resources --api-group=company.com
	check "delete crd" "deleted" "$k" delete crd "${ns}foos.company.com" --timeout=20s
	refuse "gone" "the server doesn't have a resource type|could not find the requested resource" "${K[@]}" get "${ns}foos"
}

access() {
	check "who am I" "system:masters|admin|APISelfSubjectReview" bash -c "$k auth whoami 2>&1; true"
	check "may all" "^yes" "$k" auth can-i '*' '*'
	refuse "nobody may not" "^no" "$k" auth can-i get pods --as=nobody
	check "a path" "^yes" "$k" auth can-i get /healthz --as=somebody --as-group=system:authenticated
	refuse "another path" "^no" "$k" auth can-i get /logs/ --as=somebody --as-group=system:authenticated
	check "an unknown kind is told" "the server doesn't have a resource type|Warning" bash -c "$k auth can-i get invalid_resource 2>&1; true"
	check "list" "selfsubjectaccessreviews" "${K[@]}" auth can-i --list
	cat >"$d/rbac.yaml" <<-Y
	apiVersion: rbac.authorization.k8s.io/v1
	kind: Role
	metadata: {name: rr, namespace: $ns}
	rules: [{apiGroups: [""], resources: [pods], verbs: [get, list]}]
	---
	apiVersion: rbac.authorization.k8s.io/v1
	kind: RoleBinding
	metadata: {name: rr, namespace: $ns}
	roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: rr}
	subjects: [{kind: User, name: jane, apiGroup: rbac.authorization.k8s.io}]
	Y
	check "reconcile" "rr reconciled" "${K[@]}" auth reconcile -f "$d/rbac.yaml"
	check "as jane" "^yes" "${K[@]}" auth can-i list pods --as=jane
	refuse "jane does not delete" 'cannot delete resource "pods"' "${K[@]}" delete pod x --as=jane
	refuse "nor grants" "attempting to grant RBAC permissions not currently held|cannot create" "${K[@]}" create role more --verb='*' --resource=secrets --as=jane
	check "set subject" "updated" "${K[@]}" set subject rolebinding rr --user=joe
	check "joe too" "^yes" "${K[@]}" auth can-i list pods --as=joe
	openssl req -new -newkey rsa:2048 -nodes -keyout "$d/k.pem" -subj "/CN=jane/O=dev" -out "$d/r.pem" 2>/dev/null
	cat >"$d/csr.yaml" <<-Y
	apiVersion: certificates.k8s.io/v1
	kind: CertificateSigningRequest
	metadata: {name: $ns-jane}
	spec: {request: $(base64 -w0 <"$d/r.pem"), signerName: kubernetes.io/kube-apiserver-client, usages: [client auth]}
	Y
	check "csr" "created" "$k" create -f "$d/csr.yaml"
	check "pending" "Pending" "$k" get csr "$ns-jane"
	check "approve" "approved" "$k" certificate approve "$ns-jane"
	until_ok "issued" "Approved,Issued" "$k" get csr "$ns-jane"
	check "delete csr" "deleted" "$k" delete csr "$ns-jane"
	check "another" "created" "$k" create -f "$d/csr.yaml"
	check "deny" "denied" "$k" certificate deny "$ns-jane"
	check "denied" "Denied" "$k" get csr "$ns-jane"
	check "clean" "deleted" "$k" delete csr "$ns-jane"
}

machines() {
	local n=node-$ns
	check "node" "created" "$k" create -f - <<<"{\"kind\":\"Node\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"$n\",\"labels\":{\"z\":\"$ns\"}},\"status\":{\"allocatable\":{\"pods\":\"10\",\"cpu\":\"2\",\"memory\":\"4Gi\"},\"capacity\":{\"pods\":\"10\",\"cpu\":\"2\",\"memory\":\"4Gi\"}}}"
	check "replace unconditionally" "replaced" "$k" replace -f - <<<"{\"kind\":\"Node\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"$n\",\"labels\":{\"z\":\"$ns\"},\"annotations\":{\"a\":\"b\"},\"resourceVersion\":\"0\"}}"
	check "annotated" "^b$" "$k" get node "$n" -o 'jsonpath={.metadata.annotations.a}'
	check "taint" "tainted" "$k" taint node "$n" dedicated=foo:PreferNoSchedule
	refuse "taint twice" "already has" "$k" taint node "$n" dedicated=foo:PreferNoSchedule
	check "untaint" "untainted" "$k" taint node "$n" dedicated-
	check "cordon" "cordoned" "$k" cordon "$n"
	check "cordoned" "SchedulingDisabled" "$k" get node "$n"
	check "cordon again" "already cordoned" "$k" cordon "$n"
	check "uncordon by selector" "uncordoned" "$k" uncordon -l "z=$ns"
	"$k" -n "$ns" create -f - >/dev/null <<<"{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"on-$n\"},\"spec\":{\"nodeName\":\"$n\",\"terminationGracePeriodSeconds\":0,\"tolerations\":[{\"operator\":\"Exists\"}],\"containers\":[{\"name\":\"c\",\"image\":\"i\"}]}}"
	refuse "drain asks" "declare no controller" "$k" drain "$n" --timeout=3s
	check "drain dry" "dry run" "$k" drain "$n" --force --dry-run=server
	check "drain" "drained" "$k" drain "$n" --force --timeout=10s
	check "describe node" "Taints:" "$k" describe node "$n"
	check "delete node" "deleted" "$k" delete node "$n"
}

rest() {
	check "version" "Server Version: .*v1.3[0-9]" bash -c "$k version | tr '\n' ' '"
	check "cluster-info dump" "PodList" "$k" cluster-info dump --namespaces "$ns"
	check "explain" "FIELDS" "$k" explain pods
	check "explain recursively" "secretKeyRef" "$k" explain pods --recursive
	check "explain a leaf" "FIELD: cronSpec|FIELD: +schedule" "$k" explain cronjob.spec.schedule
	refuse "explain nothing" "couldn't find|doesn't have|does not exist" "$k" explain pods.nothing
	check "api-resources by verb" "^bindings.*localsubjectaccessreviews" bash -c "$k api-resources --verbs=create -o name | tr '\n' ' '"
	check "api-resources of a namespace" "configmaps" "$k" api-resources --namespaced -o name
	check "api-versions" "networking.k8s.io/v1" "$k" api-versions
	check "events" "" "${K[@]}" events
	check "a proxy" '"kind": ?"APIVersions"' bash -c "coproc P { exec $k proxy --port=0; }; read -r l <&\${P[0]}; curl -s http://\${l##* }/api; kill \$P_PID"
	check "config" "current-context" "$k" config view
	check "client-side validation" "unknown field" bash -c "sed 's/containers:/kontainers:/' $d/pod.yaml | ${K[*]} create -f - 2>&1; true"
	check "unknown fields only warn" "Warning: unknown field" bash -c "sed 's/terminationGrace/xGrace/' $d/pod.yaml | ${K[*]} create --validate=warn -f - 2>&1; ${K[*]} delete pod test-pod"
	check "namespace" "deleted" "$k" delete ns "$ns" --timeout=30s
	refuse "it is gone" "not found" "$k" get ns "$ns"
	refuse "default stays" "forbidden" "$k" delete ns default
}

real=$(dirname "$(readlink -f "$(command -v kubectl)")")
all=("$real"/kubectl.1.*)
[ -e "${all[0]}" ] || all=("$(command -v kubectl)")
export GOMAXPROCS=1     # a short program in Go is done with less of the processor
person() { # KUBECTL NUMBER: which is in its namespace's name
	local k=$1 i=$2 ns=v$2
	local K=("$k" -n "$ns") d=$WORK/$ns
	mkdir -p "$d"
	make_files "$d" "$ns"
	"$k" create ns "$ns" >/dev/null
	until_ok "a namespace has its account" "default" "${K[@]}" get sa default
	for part in generic apply create workloads custom access machines rest; do "$part"; done
}
i=0
for k in ${KUBECTLS:-"${all[0]}" "${all[-1]}"}; do
	i=$((i + 1))
	# Each has a server of its own: nodes and pods without a machine are everybody's.
	DATA=$WORK/data$i
	export KUBECONFIG=$DATA/admin.kubeconfig
	"$SAMPAN" server --data-dir "$DATA" --listen "127.0.0.1:$((PORT + i))" >>"$WORK/log" 2>&1 &
	CLOUD=$!
	SERVERS+=($CLOUD)
	server_ready || exit 1
	session $i person "$k" $i
done
sessions_end
finish
