/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of every group but core: a well-formed object of each kind, and what a change
 * of it (a JSON merge patch) brings. Drawn from the tests beside upstream's
 * pkg/apis/<group>/validation.
 */
#include "judge.h"

#define META "'metadata':{'name':'x','namespace':'n','uid':'u','resourceVersion':'5','generation':1}"
#define META_C "'metadata':{'name':'x','uid':'u','resourceVersion':'5','generation':1}"
#define POD "'spec':{'containers':[{'name':'c','image':'i'}]}"
#define TEMPLATE "'selector':{'matchLabels':{'a':'b'}},'template':{'metadata':{'labels':{'a':'b'}}," POD "}"
#define JOB_POD "'spec':{'restartPolicy':'Never','containers':[{'name':'c','image':'i'}]}"
#define REQUEST "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0K"    /* its first line */
#define RULE "'operations':['CREATE'],'apiGroups':[''],'apiVersions':['v1'],'resources':['pods']"
#define MATCH "'matchConstraints':{'resourceRules':[{" RULE "}]}"
#define ALL_RULES "'subjects':[{'kind':'User','user':{'name':'u'}}],'nonResourceRules':[{'verbs':['*'],'nonResourceURLs':['*']}]"
#define LABEL "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and " \
	"end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is " \
	"'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
#define SUBDOMAIN "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', " \
	"and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is " \
	"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
#define WILDCARD "a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must " \
	"consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character " \
	"(e.g. '*.example.com', regex used for validation is " \
	"'\\*\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
#define PERCENT "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex " \
	"used for validation is '[0-9]+%')"
#define NOT_NEGATIVE ": must be greater than or equal to 0"
#define NO_MATCH "spec.template.metadata.labels: Invalid value: {\"a\":\"b\"}: `selector` does not match template `labels`"

enum base { DEPLOY, RS, DS, STS, REVISION, JOB, INDEXED, CRON, HPA, PDB, INGRESS, CLASS, POLICY, IP, CIDR, SLICE,
	SC, DRIVER, NODE, CAPACITY, ATTACH, VAC, ROLE, CROLE, BIND, CBIND, PC, LEASE, RTC, CSR, HOOKS, VAP, VAPB, MAP, MAPB,
	SERVICE, FLOW, LEVEL, CLAIM, CLAIMT, DCLASS, DSLICE, SAR, LSAR, BASES };
static const struct judge_base bases[BASES] = {
	[DEPLOY] = { "apps/v1 Deployment", "{" META ",'spec':{" TEMPLATE "}}" },
	[RS] = { "apps/v1 ReplicaSet", "{" META ",'spec':{" TEMPLATE "}}" },
	[DS] = { "apps/v1 DaemonSet", "{" META ",'spec':{" TEMPLATE "}}" },
	[STS] = { "apps/v1 StatefulSet", "{" META ",'spec':{" TEMPLATE "}}" },
	[REVISION] = { "apps/v1 ControllerRevision", "{" META ",'revision':1,'data':{'a':1}}" },
	[JOB] = { "batch/v1 Job", "{" META ",'spec':{'manualSelector':true,'selector':{'matchLabels':{'a':'b'}},'template':"
	  "{'metadata':{'labels':{'a':'b'}}," JOB_POD "}}}" },
	[INDEXED] = { "batch/v1 Job", "{" META ",'spec':{'manualSelector':true,'completionMode':'Indexed','completions':4,"
	  "'parallelism':2,'selector':{'matchLabels':{'a':'b'}},'template':{'metadata':{'labels':{'a':'b'}}," JOB_POD "}}}" },
	[CRON] = { "batch/v1 CronJob", "{" META ",'spec':{'schedule':'* * * * *','jobTemplate':{'spec':{'template':{" JOB_POD "}}}}}" },
	[HPA] = { "autoscaling/v2 HorizontalPodAutoscaler", "{" META ",'spec':{'maxReplicas':5,'scaleTargetRef':{'kind':"
	  "'Deployment','name':'d','apiVersion':'apps/v1'}}}" },
	[PDB] = { "policy/v1 PodDisruptionBudget", "{" META ",'spec':{'minAvailable':1,'selector':{'matchLabels':{'a':'b'}}}}" },
	[INGRESS] = { "networking.k8s.io/v1 Ingress", "{" META ",'spec':{'defaultBackend':{'service':{'name':'s','port':{'number':80}}}}}" },
	[CLASS] = { "networking.k8s.io/v1 IngressClass", "{" META_C ",'spec':{'controller':'a.io/c'}}" },
	[POLICY] = { "networking.k8s.io/v1 NetworkPolicy", "{" META ",'spec':{'podSelector':{}}}" },
	[IP] = { "networking.k8s.io/v1 IPAddress", "{'metadata':{'name':'10.0.0.1','uid':'u','resourceVersion':'5'},'spec':"
	  "{'parentRef':{'resource':'services','name':'s','namespace':'n'}}}" },
	[CIDR] = { "networking.k8s.io/v1 ServiceCIDR", "{" META_C ",'spec':{'cidrs':['10.0.0.0/24']}}" },
	[SLICE] = { "discovery.k8s.io/v1 EndpointSlice", "{" META ",'addressType':'IPv4','endpoints':[{'addresses':['10.1.2.3']}]}" },
	[SC] = { "storage.k8s.io/v1 StorageClass", "{" META_C ",'provisioner':'a.io/p'}" },
	[DRIVER] = { "storage.k8s.io/v1 CSIDriver", "{" META_C ",'spec':{}}" },
	[NODE] = { "storage.k8s.io/v1 CSINode", "{" META_C ",'spec':{'drivers':[{'name':'a.io','nodeID':'i','topologyKeys':['a/b']}]}}" },
	[CAPACITY] = { "storage.k8s.io/v1 CSIStorageCapacity", "{" META ",'storageClassName':'s','capacity':'1Gi'}" },
	[ATTACH] = { "storage.k8s.io/v1 VolumeAttachment", "{" META_C ",'spec':{'attacher':'a.io','nodeName':'node','source':"
	  "{'persistentVolumeName':'pv'}}}" },
	[VAC] = { "storage.k8s.io/v1 VolumeAttributesClass", "{" META_C ",'driverName':'a.io','parameters':{'a':'b'}}" },
	[ROLE] = { "rbac.authorization.k8s.io/v1 Role", "{" META ",'rules':[{'verbs':['get'],'apiGroups':[''],'resources':['pods']}]}" },
	[CROLE] = { "rbac.authorization.k8s.io/v1 ClusterRole", "{" META_C ",'rules':[{'verbs':['get'],'nonResourceURLs':['/x']}]}" },
	[BIND] = { "rbac.authorization.k8s.io/v1 RoleBinding", "{" META ",'roleRef':{'kind':'Role','name':'r'},'subjects':[]}" },
	[CBIND] = { "rbac.authorization.k8s.io/v1 ClusterRoleBinding", "{" META_C ",'roleRef':{'kind':'ClusterRole','name':'r'}}" },
	[PC] = { "scheduling.k8s.io/v1 PriorityClass", "{" META_C ",'value':10}" },
	[LEASE] = { "coordination.k8s.io/v1 Lease", "{" META ",'spec':{}}" },
	[RTC] = { "node.k8s.io/v1 RuntimeClass", "{" META_C ",'handler':'h'}" },
	[CSR] = { "certificates.k8s.io/v1 CertificateSigningRequest", "{" META_C ",'spec':{'request':'" REQUEST "','signerName':"
	  "'a.io/b','usages':['client auth']}}" },
	[HOOKS] = { "admissionregistration.k8s.io/v1 MutatingWebhookConfiguration", "{" META_C ",'webhooks':[{'name':'a.b.c',"
	  "'sideEffects':'None','admissionReviewVersions':['v1'],'clientConfig':{'url':'https://h/p'}}]}" },
	[VAP] = { "admissionregistration.k8s.io/v1 ValidatingAdmissionPolicy", "{" META_C ",'spec':{" MATCH ",'validations':"
	  "[{'expression':'true'}]}}" },
	[VAPB] = { "admissionregistration.k8s.io/v1 ValidatingAdmissionPolicyBinding", "{" META_C ",'spec':{'policyName':'p',"
	  "'validationActions':['Deny']}}" },
	[MAP] = { "admissionregistration.k8s.io/v1 MutatingAdmissionPolicy", "{" META_C ",'spec':{" MATCH ",'reinvocationPolicy':"
	  "'Never','mutations':[{'patchType':'JSONPatch','jsonPatch':{'expression':'[]'}}]}}" },
	[MAPB] = { "admissionregistration.k8s.io/v1 MutatingAdmissionPolicyBinding", "{" META_C ",'spec':{'policyName':'p'}}" },
	[SERVICE] = { "apiregistration.k8s.io/v1 APIService", "{'metadata':{'name':'v1.a.io','uid':'u','resourceVersion':'5'},"
	  "'spec':{'group':'a.io','version':'v1','groupPriorityMinimum':10,'versionPriority':10,'service':{'name':'s',"
	  "'namespace':'n'}}}" },
	[FLOW] = { "flowcontrol.apiserver.k8s.io/v1 FlowSchema", "{" META_C ",'spec':{'priorityLevelConfiguration':{'name':'p'},"
	  "'rules':[{" ALL_RULES "}]}}" },
	[LEVEL] = { "flowcontrol.apiserver.k8s.io/v1 PriorityLevelConfiguration", "{" META_C ",'spec':{'type':'Limited','limited':"
	  "{'limitResponse':{'type':'Reject'}}}}" },
	[CLAIM] = { "resource.k8s.io/v1 ResourceClaim", "{" META ",'spec':{'devices':{'requests':[{'name':'r','exactly':"
	  "{'deviceClassName':'c'}}]}}}" },
	[CLAIMT] = { "resource.k8s.io/v1 ResourceClaimTemplate", "{" META ",'spec':{'spec':{'devices':{'requests':[{'name':'r',"
	  "'exactly':{'deviceClassName':'c'}}]}}}}" },
	[DCLASS] = { "resource.k8s.io/v1 DeviceClass", "{" META_C ",'spec':{}}" },
	[DSLICE] = { "resource.k8s.io/v1 ResourceSlice", "{" META_C ",'spec':{'driver':'a.io','nodeName':'node','pool':{'name':'p',"
	  "'generation':1,'resourceSliceCount':1},'devices':[{'name':'d'}]}}" },
	[SAR] = { "authorization.k8s.io/v1 SubjectAccessReview", "{'spec':{'user':'u','resourceAttributes':{'verb':'get'}}}" },
	[LSAR] = { "authorization.k8s.io/v1 LocalSubjectAccessReview", "{'metadata':{'namespace':'n'},'spec':{'user':'u',"
	  "'resourceAttributes':{'namespace':'n','verb':'get'}}}" },
};

static const struct judge_case cases[] = {
	/* apps */
	{ DEPLOY, "", NULL, "{}", "" },
	{ DEPLOY, "", NULL, "{'spec':{'replicas':-1}}", "spec.replicas: Invalid value: -1" NOT_NEGATIVE },
	{ DEPLOY, "", NULL, "{'spec':{'selector':{'matchLabels':{'a':'c'}}}}", NO_MATCH },
	{ DEPLOY, "", NULL, "{'spec':{'selector':{'matchLabels':null}}}",
	  "spec.selector: Invalid value: {}: empty selector is invalid for deployment" },
	{ DEPLOY, "", NULL, "{'spec':{'template':{'spec':{'restartPolicy':'Never'}}}}",
	  "spec.template.spec.restartPolicy: Unsupported value: \"Never\": supported values: \"Always\"" },
	{ DEPLOY, "", NULL, "{'spec':{'template':{'spec':{'activeDeadlineSeconds':5}}}}", "spec.template.spec."
	  "activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in ReplicaSet is not Supported" },
	{ DEPLOY, "", NULL, "{'spec':{'strategy':{'type':'Recreate','rollingUpdate':{'maxSurge':1}}}}", "spec.strategy."
	  "rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'" },
	{ DEPLOY, "", NULL, "{'spec':{'strategy':{'type':'No'}}}", "spec.strategy: Unsupported value: {\"Type\":\"No\","
	  "\"RollingUpdate\":null}: supported values: \"Recreate\", \"RollingUpdate\"" },
	{ DEPLOY, "", NULL, "{'spec':{'strategy':{'rollingUpdate':{'maxUnavailable':0,'maxSurge':0}}}}", "spec.strategy."
	  "rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when `maxSurge` is 0" },
	{ DEPLOY, "", NULL, "{'spec':{'strategy':{'rollingUpdate':{'maxUnavailable':'110%'}}}}", "spec.strategy.rollingUpdate."
	  "maxUnavailable: Invalid value: \"110%\": must not be greater than 100%" },
	{ DEPLOY, "", NULL, "{'spec':{'strategy':{'rollingUpdate':{'maxSurge':'much'}}}}", "spec.strategy.rollingUpdate."
	  "maxSurge: Invalid value: \"much\": " PERCENT },
	{ DEPLOY, "", NULL, "{'spec':{'strategy':{'rollingUpdate':{'maxSurge':-1}}}}", "spec.strategy.rollingUpdate."
	  "maxSurge: Invalid value: -1" NOT_NEGATIVE },
	{ DEPLOY, "", NULL, "{'spec':{'minReadySeconds':600}}",
	  "spec.progressDeadlineSeconds: Invalid value: 600: must be greater than minReadySeconds" },
	{ DEPLOY, "", NULL, "{'spec':{'revisionHistoryLimit':-2}}", "spec.revisionHistoryLimit: Invalid value: -2" NOT_NEGATIVE },
	{ DEPLOY, "", "", "{'spec':{'selector':{'matchLabels':{'a':'c'}},'template':{'metadata':{'labels':{'a':'c'}}}}}",
	  "spec.selector: Invalid value: {\"matchLabels\":{\"a\":\"c\"}}: field is immutable" },
	{ DEPLOY, "status", "", "{'status':{'replicas':1,'readyReplicas':2}}",
	  "status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas" },
	{ DEPLOY, "status", "", "{'status':{'replicas':3,'readyReplicas':1,'availableReplicas':2}}",
	  "status.availableReplicas: Invalid value: 2: cannot be greater than readyReplicas" },
	{ DEPLOY, "status", "", "{'status':{'observedGeneration':-1}}", "status.observedGeneration: Invalid value: -1" NOT_NEGATIVE },
	{ DEPLOY, "status", "{'status':{'collisionCount':3}}", "{'status':{'collisionCount':2}}",
	  "status.collisionCount: Invalid value: 2: cannot be decremented" },
	{ DEPLOY, "status", "", "{'status':{'replicas':2,'readyReplicas':2,'availableReplicas':1,'updatedReplicas':2}}", "" },
	{ RS, "", NULL, "{'spec':{'selector':{'matchLabels':null}}}",
	  "spec.selector: Invalid value: {}: empty selector is invalid for deployment" },
	{ RS, "", NULL, "{'spec':{'selector':null}}", "spec.selector: Required value\n" NO_MATCH },
	{ RS, "", NULL, "{'spec':{'minReadySeconds':-1}}", "spec.minReadySeconds: Invalid value: -1" NOT_NEGATIVE },
	{ RS, "status", "", "{'status':{'replicas':1,'fullyLabeledReplicas':2}}",
	  "status.fullyLabeledReplicas: Invalid value: 2: cannot be greater than status.replicas" },
	{ DS, "", NULL, "{'spec':{'selector':null}}", NO_MATCH },
	{ DS, "", NULL, "{'spec':{'selector':{'matchLabels':null}}}",
	  "spec.selector: Invalid value: {}: empty selector is invalid for daemonset" },
	{ DS, "", NULL, "{'spec':{'template':{'spec':{'activeDeadlineSeconds':5}}}}", "spec.template.spec."
	  "activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in DaemonSet is not Supported" },
	{ DS, "", NULL, "{'spec':{'updateStrategy':{'rollingUpdate':{'maxUnavailable':0}}}}", "spec.updateStrategy."
	  "rollingUpdate.maxUnavailable: Required value: cannot be 0 when maxSurge is 0" },
	{ DS, "", NULL, "{'spec':{'updateStrategy':{'rollingUpdate':{'maxSurge':1}}}}", "spec.updateStrategy.rollingUpdate."
	  "maxSurge: Invalid value: 1: may not be set when maxUnavailable is non-zero" },
	{ DS, "", NULL, "{'spec':{'updateStrategy':{'rollingUpdate':{'maxSurge':'101%','maxUnavailable':0}}}}", "spec."
	  "updateStrategy.rollingUpdate.maxSurge: Invalid value: \"101%\": must not be greater than 100%" },
	{ DS, "", NULL, "{'spec':{'updateStrategy':{'type':'OnDelete'}}}", "" },
	{ DS, "status", "", "{'status':{'numberReady':-1,'currentNumberScheduled':0,'desiredNumberScheduled':0,"
	  "'numberMisscheduled':0}}", "status.numberReady: Invalid value: -1" NOT_NEGATIVE },
	{ STS, "", NULL, "{'spec':{'podManagementPolicy':'No'}}",
	  "spec.podManagementPolicy: Invalid value: \"No\": must be 'OrderedReady' or 'Parallel'" },
	{ STS, "", NULL, "{'spec':{'updateStrategy':{'type':'No'}}}", "spec.updateStrategy: Invalid value: {\"Type\":\"No\","
	  "\"RollingUpdate\":null}: must be 'RollingUpdate' or 'OnDelete'" },
	{ STS, "", NULL, "{'spec':{'updateStrategy':{'type':'OnDelete','rollingUpdate':{'partition':1}}}}", "spec.updateStrategy."
	  "rollingUpdate: Invalid value: {\"partition\":1}: only allowed for updateStrategy 'RollingUpdate'" },
	{ STS, "", NULL, "{'spec':{'updateStrategy':{'type':'RollingUpdate','rollingUpdate':{'partition':-1}}}}",
	  "spec.updateStrategy.rollingUpdate.partition: Invalid value: -1" NOT_NEGATIVE },
	{ STS, "", NULL, "{'spec':{'updateStrategy':{'type':'RollingUpdate','rollingUpdate':{'maxUnavailable':0}}}}",
	  "spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value: 0: cannot be 0" },
	{ STS, "", NULL, "{'spec':{'persistentVolumeClaimRetentionPolicy':{'whenScaled':'No'}}}", "spec."
	  "persistentVolumeClaimRetentionPolicy.whenScaled: Unsupported value: \"No\": supported values: \"Retain\", \"Delete\"" },
	{ STS, "", NULL, "{'spec':{'ordinals':{'start':-1}}}", "spec.ordinals.start: Invalid value: -1" NOT_NEGATIVE },
	{ STS, "", NULL, "{'spec':{'selector':{'matchLabels':null}}}",
	  "spec.selector: Invalid value: {}: empty selector is invalid for statefulset" },
	{ STS, "", NULL, "{'metadata':{'name':'a.b'}}", "metadata.name: Invalid value: \"a.b\": " LABEL },
	{ STS, "", NULL, "{'spec':{'volumeClaimTemplates':[{'metadata':{'name':'data'},'spec':{}}],'template':{'spec':"
	  "{'containers':[{'name':'c','image':'i','volumeMounts':[{'name':'data','mountPath':'/d'}]}]}}}}", "" },
	{ STS, "", "", "{'spec':{'podManagementPolicy':'Parallel'}}", "spec: Forbidden: updates to statefulset spec for fields "
	  "other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', "
	  "'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden" },
	{ STS, "", "", "{'spec':{'replicas':3,'minReadySeconds':1,'revisionHistoryLimit':2,'ordinals':{'start':1}}}", "" },
	{ STS, "status", "", "{'status':{'replicas':1,'currentReplicas':2}}",
	  "status.currentReplicas: Invalid value: 2: cannot be greater than status.replicas" },
	{ REVISION, "", NULL, "{'revision':-1}", "revision: Invalid value: -1" NOT_NEGATIVE },
	{ REVISION, "", NULL, "{'data':null}", "data: Required value: data is mandatory" },
	{ REVISION, "", "", "{'data':{'a':2}}", "data: Invalid value: {\"a\":2}: field is immutable" },
	{ REVISION, "", "", "{'revision':2}", "" },

	/* batch */
	{ JOB, "", NULL, "{}", "" },
	{ JOB, "", NULL, "{'spec':{'parallelism':-1}}", "spec.parallelism: Invalid value: -1" NOT_NEGATIVE },
	{ JOB, "", NULL, "{'spec':{'backoffLimit':-1}}", "spec.backoffLimit: Invalid value: -1" NOT_NEGATIVE },
	{ JOB, "", NULL, "{'spec':{'ttlSecondsAfterFinished':-1}}", "spec.ttlSecondsAfterFinished: Invalid value: -1" NOT_NEGATIVE },
	{ JOB, "", NULL, "{'spec':{'completionMode':'No'}}",
	  "spec.completionMode: Unsupported value: \"No\": supported values: \"NonIndexed\", \"Indexed\"" },
	{ JOB, "", NULL, "{'spec':{'backoffLimitPerIndex':1}}",
	  "spec.backoffLimitPerIndex: Invalid value: 1: requires indexed completion mode" },
	{ JOB, "", NULL, "{'spec':{'managedBy':'x'}}",
	  "spec.managedBy: Invalid value: \"x\": must be a domain-prefixed path (such as \"acme.io/foo\")" },
	{ JOB, "", NULL, "{'spec':{'managedBy':'UPPER.io/x'}}", "spec.managedBy: Invalid value: \"UPPER.io\": " SUBDOMAIN },
	{ JOB, "", NULL, "{'spec':{'template':{'spec':{'restartPolicy':'Always'}}}}",
	  "spec.template.spec.restartPolicy: Required value: valid values: \"OnFailure\", \"Never\"" },
	{ JOB, "", NULL, "{'spec':{'podReplacementPolicy':'No'}}",
	  "spec.podReplacementPolicy: Unsupported value: \"No\": supported values: \"Failed\", \"TerminatingOrFailed\"" },
	{ JOB, "", NULL, "{'spec':{'podReplacementPolicy':'TerminatingOrFailed','podFailurePolicy':{'rules':[{'action':'FailJob',"
	  "'onExitCodes':{'operator':'In','values':[1]}}]}}}",
	  "spec.podReplacementPolicy: Unsupported value: \"TerminatingOrFailed\": supported values: \"Failed\"" },
	{ JOB, "", NULL, "{'spec':{'podFailurePolicy':{'rules':[{'action':'FailIndex','onExitCodes':{'operator':'In','values':[1]}}]}}}",
	  "spec.podFailurePolicy.rules[0].action: Invalid value: \"FailIndex\": requires the backoffLimitPerIndex to be set" },
	{ JOB, "", NULL, "{'spec':{'podFailurePolicy':{'rules':[{'action':'Count'}]}}}", "spec.podFailurePolicy.rules[0]: Invalid "
	  "value: specifying one of OnExitCodes and OnPodConditions is required" },
	{ JOB, "", NULL, "{'spec':{'podFailurePolicy':{'rules':[{'action':'Count','onExitCodes':{'operator':'In','values':[0]}}]}}}",
	  "spec.podFailurePolicy.rules[0].onExitCodes.values[0]: Invalid value: 0: must not be 0 for the In operator" },
	{ JOB, "", NULL, "{'spec':{'podFailurePolicy':{'rules':[{'action':'Count','onExitCodes':{'operator':'NotIn','values':[2,1,1]}}]}}}",
	  "spec.podFailurePolicy.rules[0].onExitCodes.values[2]: Duplicate value: 1\n"
	  "spec.podFailurePolicy.rules[0].onExitCodes.values: Invalid value: [2,1,1]: must be ordered" },
	{ JOB, "", NULL, "{'spec':{'podFailurePolicy':{'rules':[{'action':'Count','onExitCodes':{'operator':'In','values':[1],"
	  "'containerName':'z'}}]}}}", "spec.podFailurePolicy.rules[0].onExitCodes.containerName: Invalid value: \"z\": must be one "
	  "of the container or initContainer names in the pod template" },
	{ JOB, "", NULL, "{'spec':{'podFailurePolicy':{'rules':[{'action':'No','onPodConditions':[{'type':'T','status':'No'}]}]}}}",
	  "spec.podFailurePolicy.rules[0].action: Unsupported value: \"No\": supported values: \"Count\", \"FailIndex\", \"FailJob\", "
	  "\"Ignore\"\nspec.podFailurePolicy.rules[0].onPodConditions[0].status: Unsupported value: \"No\": supported values: "
	  "\"False\", \"True\", \"Unknown\"" },
	{ JOB, "", NULL, "{'spec':{'podFailurePolicy':{'rules':[{'action':'Count','onPodConditions':[{'type':'T'}]}]},'template':"
	  "{'spec':{'restartPolicy':'OnFailure'}}}}", "spec.template.spec.restartPolicy: Invalid value: \"OnFailure\": only "
	  "\"Never\" is supported when podFailurePolicy is specified" },
	{ JOB, "", NULL, "{'spec':{'successPolicy':{'rules':[{'succeededCount':1}]}}}", "spec.successPolicy: Invalid value: {\"rules\":"
	  "[{\"succeededCount\":1}]}: requires indexed completion mode" },
	{ JOB, "", NULL, "{'spec':{'manualSelector':false}}",
	  "spec.template.metadata.labels[controller-uid]: Required value: must be 'u'\n"
	  "spec.template.metadata.labels[job-name]: Required value: must be 'x'\n"
	  "spec.template.metadata.labels[batch.kubernetes.io/controller-uid]: Required value: must be 'u'\n"
	  "spec.template.metadata.labels[batch.kubernetes.io/job-name]: Required value: must be 'x'\n"
	  "spec.selector: Invalid value: {\"matchLabels\":{\"a\":\"b\"}}: `selector` not auto-generated" },
	{ INDEXED, "", NULL, "{}", "" },
	{ INDEXED, "", NULL, "{'spec':{'completions':null}}", "spec.completions: Required value: when completion mode is Indexed" },
	{ INDEXED, "", NULL, "{'spec':{'parallelism':100001}}", "spec.parallelism: Invalid value: 100001: must be less than or equal "
	  "to 100000 when completion mode is Indexed" },
	{ INDEXED, "", NULL, "{'spec':{'maxFailedIndexes':1}}",
	  "spec.backoffLimitPerIndex: Required value: when maxFailedIndexes is specified" },
	{ INDEXED, "", NULL, "{'spec':{'backoffLimitPerIndex':1,'maxFailedIndexes':5}}",
	  "spec.maxFailedIndexes: Invalid value: 5: must be less than or equal to completions" },
	{ INDEXED, "", NULL, "{'spec':{'completions':100001,'backoffLimitPerIndex':1}}",
	  "spec.maxFailedIndexes: Required value: must be specified when completions is above 100000" },
	{ INDEXED, "", NULL, "{'spec':{'completions':100001,'parallelism':10001,'backoffLimitPerIndex':1,'maxFailedIndexes':10001}}",
	  "spec.parallelism: Invalid value: 10001: must be less than or equal to 10000 when completions are above 100000 and used "
	  "with backoff limit per index\nspec.maxFailedIndexes: Invalid value: 10001: must be less than or equal to 10000 when "
	  "completions are above 100000 and used with backoff limit per index" },
	{ INDEXED, "", NULL, "{'spec':{'successPolicy':{'rules':[]}}}",
	  "spec.successPolicy.rules: Required value: at least one rules must be specified when the successPolicy is specified" },
	{ INDEXED, "", NULL, "{'spec':{'successPolicy':{'rules':[{}]}}}", "spec.successPolicy.rules[0]: Required value: at least one "
	  "of succeededCount or succeededIndexes must be specified" },
	{ INDEXED, "", NULL, "{'spec':{'successPolicy':{'rules':[{'succeededIndexes':'0-2,5'}]}}}", "spec.successPolicy.rules[0]."
	  "succeededIndexes: Invalid value: \"0-2,5\": error parsing succeededIndexes: too large index: \"5\"" },
	{ INDEXED, "", NULL, "{'spec':{'successPolicy':{'rules':[{'succeededIndexes':'2,1'}]}}}", "spec.successPolicy.rules[0]."
	  "succeededIndexes: Invalid value: \"2,1\": error parsing succeededIndexes: non-increasing order, previous: 2, current: 1" },
	{ INDEXED, "", NULL, "{'spec':{'successPolicy':{'rules':[{'succeededIndexes':'x'}]}}}", "spec.successPolicy.rules[0]."
	  "succeededIndexes: Invalid value: \"x\": error parsing succeededIndexes: cannot convert string to integer for index: \"x\"" },
	{ INDEXED, "", NULL, "{'spec':{'successPolicy':{'rules':[{'succeededIndexes':'0-1','succeededCount':3}]}}}",
	  "spec.successPolicy.rules[0].succeededCount: Invalid value: 3: must be less than or equal to 2 (the number of indexes in "
	  "the specified succeededIndexes field)" },
	{ INDEXED, "", NULL, "{'spec':{'successPolicy':{'rules':[{'succeededCount':9}]}}}", "spec.successPolicy.rules[0]."
	  "succeededCount: Invalid value: 9: must be less than or equal to 4 (the number of specified completions)" },
	{ INDEXED, "", NULL, "{'metadata':{'name':'a.b'}}",
	  "metadata.name: Invalid value: \"a.b\": will not able to create pod with invalid DNS label: a.b-3" },
	{ INDEXED, "", "", "{'spec':{'completions':5}}",
	  "spec.completions: Invalid value: 5: can only be modified in tandem with spec.parallelism" },
	{ INDEXED, "", "", "{'spec':{'completions':5,'parallelism':5}}", "" },
	{ INDEXED, "", "", "{'spec':{'successPolicy':{'rules':[{'succeededCount':1}]}}}",
	  "spec.successPolicy: Invalid value: {\"rules\":[{\"succeededCount\":1}]}: field is immutable" },
	{ JOB, "", "", "{'spec':{'completions':5}}", "spec.completions: Invalid value: 5: field is immutable" },
	{ JOB, "", "", "{'spec':{'managedBy':'a.io/b'}}", "spec.managedBy: Invalid value: \"a.io/b\": field is immutable" },
	{ JOB, "", "{'spec':{'suspend':true}}", "{'spec':{'template':{'metadata':{'labels':{'z':'z'}},'spec':{'nodeSelector':{'a':'b'},"
	  "'tolerations':[{'operator':'Exists'}]}}}}", "" },
	{ JOB, "", "{'spec':{'suspend':true}}", "{'spec':{'template':{'spec':{'affinity':{'nodeAffinity':{}}}}}}", "" },
	{ JOB, "status", "", "{'status':{'active':-1}}", "status.active: Invalid value: -1" NOT_NEGATIVE },
	{ JOB, "status", "", "{'status':{'completionTime':'2026-01-01T00:00:00Z'}}", "status.completionTime: Invalid value: "
	  "\"2026-01-01T00:00:00Z\": cannot set completionTime when there is no Complete=True condition" },
	{ JOB, "status", "", "{'status':{'startTime':'2026-01-01T00:00:00Z','conditions':[{'type':'Complete','status':'True'}]}}",
	  "status.conditions: Invalid value: cannot set Complete=True condition without the SuccessCriteriaMet=true condition\n"
	  "status.completionTime: Required value: completionTime is required for Complete jobs" },
	{ JOB, "status", "", "{'status':{'startTime':'2026-01-01T00:00:00Z','completionTime':'2026-01-01T00:00:01Z','conditions':"
	  "[{'type':'Complete','status':'True'},{'type':'SuccessCriteriaMet','status':'True'}]}}", "" },
	{ JOB, "status", "", "{'status':{'startTime':'2026-01-01T00:00:02Z','completionTime':'2026-01-01T00:00:01Z','conditions':"
	  "[{'type':'Complete','status':'True'},{'type':'SuccessCriteriaMet','status':'True'}]}}",
	  "status.completionTime: Invalid value: \"2026-01-01T00:00:01Z\": must be equal to or after `startTime`" },
	{ JOB, "status", "", "{'status':{'startTime':'2026-01-01T00:00:00Z','conditions':[{'type':'Failed','status':'True'}]}}",
	  "status.conditions: Invalid value: cannot set Failed=True condition without the FailureTarget=true condition" },
	{ JOB, "status", "", "{'status':{'conditions':[{'type':'Failed','status':'True'},{'type':'FailureTarget','status':'True'}]}}",
	  "status.startTime: Required value: startTime is required for finished job" },
	{ JOB, "status", "", "{'status':{'startTime':'2026-01-01T00:00:00Z','active':1,'conditions':[{'type':'Failed','status':'True'},"
	  "{'type':'FailureTarget','status':'True'}]}}", "status.active: Invalid value: 1: active>0 is invalid for finished job" },
	{ JOB, "status", "{'status':{'failed':3}}", "{'status':{'failed':2}}",
	  "status.failed: Invalid value: 2: cannot decrease the failed counter" },
	{ JOB, "status", "{'status':{'succeeded':3}}", "{'status':{'succeeded':2}}",
	  "status.succeeded: Invalid value: 2: cannot decrease the succeeded counter" },
	{ JOB, "status", "{'status':{'startTime':'2026-01-01T00:00:00Z'}}", "{'status':{'startTime':null}}",
	  "status.startTime: Required value: startTime cannot be removed for unsuspended job" },
	{ JOB, "status", "", "{'status':{'ready':2,'active':1}}", "status.ready: Invalid value: 2: cannot set more ready pods than active" },
	{ JOB, "status", "", "{'status':{'completedIndexes':'0'}}", "status.completedIndexes: Invalid value: \"0\": cannot set non-empty "
	  "completedIndexes when non-indexed completion mode" },
	{ INDEXED, "status", "", "{'status':{'completedIndexes':'0-1,1'}}", "status.completedIndexes: Invalid value: \"0-1,1\": error "
	  "parsing completedIndexes: non-increasing order, previous: 1, current: 1" },
	{ INDEXED, "status", "{'spec':{'backoffLimitPerIndex':1}}", "{'spec':{'backoffLimitPerIndex':1},'status':{'completedIndexes':"
	  "'0-1','failedIndexes':'1,3'}}",
	  "status.failedIndexes: Invalid value: \"1,3\": failedIndexes and completedIndexes overlap at index: 1" },
	{ JOB, "status", "{'status':{'startTime':'2026-01-01T00:00:00Z','conditions':[{'type':'Failed','status':'True'},{'type':"
	  "'FailureTarget','status':'True'}]}}", "{'status':{'startTime':'2026-01-01T00:00:00Z','conditions':[{'type':'FailureTarget',"
	  "'status':'True'}]}}", "status.conditions: Invalid value: cannot disable the terminal Failed=True condition" },
	{ JOB, "status", "", "{'status':{'uncountedTerminatedPods':{'succeeded':['a'],'failed':['a','']}}}",
	  "status.uncountedTerminatedPods.failed[0]: Duplicate value: \"a\"\n"
	  "status.uncountedTerminatedPods.failed[1]: Invalid value: \"\": must not be empty" },
	{ CRON, "", NULL, "{}", "" },
	{ CRON, "", NULL, "{'spec':{'schedule':''}}", "spec.schedule: Required value" },
	{ CRON, "", NULL, "{'spec':{'schedule':'error'}}",
	  "spec.schedule: Invalid value: \"error\": expected exactly 5 fields, found 1: [error]" },
	{ CRON, "", NULL, "{'spec':{'schedule':'60 * * * *'}}",
	  "spec.schedule: Invalid value: \"60 * * * *\": end of range (60) above maximum (59): 60" },
	{ CRON, "", NULL, "{'spec':{'schedule':'* * * * 7'}}",
	  "spec.schedule: Invalid value: \"* * * * 7\": end of range (7) above maximum (6): 7" },
	{ CRON, "", NULL, "{'spec':{'schedule':'@sometimes'}}",
	  "spec.schedule: Invalid value: \"@sometimes\": unrecognized descriptor: @sometimes" },
	{ CRON, "", NULL, "{'spec':{'schedule':'*/5 0-6,20 1 JAN-mar MON'}}", "" },
	{ CRON, "", NULL, "{'spec':{'schedule':'@every 1h'}}", "" },
	{ CRON, "", NULL, "{'spec':{'schedule':'TZ=UTC 0 * * * *'}}", "spec.schedule: Invalid value: \"TZ=UTC 0 * * * *\": cannot use TZ "
	  "or CRON_TZ in schedule, use timeZone field instead" },
	{ CRON, "", NULL, "{'spec':{'timeZone':'America/New_York'}}", "" },
	{ CRON, "", NULL, "{'spec':{'timeZone':'broken'}}", "spec.timeZone: Invalid value: \"broken\": unknown time zone broken" },
	{ CRON, "", NULL, "{'spec':{'timeZone':' '}}", "spec.timeZone: Invalid value: \" \": unknown time zone  " },
	{ CRON, "", NULL, "{'spec':{'timeZone':'Local'}}", "spec.timeZone: Invalid value: \"Local\": timeZone must be an explicit time "
	  "zone as defined in https://www.iana.org/time-zones" },
	{ CRON, "", NULL, "{'spec':{'timeZone':''}}", "spec.timeZone: Invalid value: \"\": timeZone must be nil or non-empty string" },
	{ CRON, "", NULL, "{'spec':{'concurrencyPolicy':'No'}}", "spec.concurrencyPolicy: Unsupported value: \"No\": supported values: "
	  "\"Allow\", \"Forbid\", \"Replace\"" },
	{ CRON, "", NULL, "{'spec':{'successfulJobsHistoryLimit':-1,'startingDeadlineSeconds':-1}}",
	  "spec.startingDeadlineSeconds: Invalid value: -1" NOT_NEGATIVE "\nspec.successfulJobsHistoryLimit: Invalid value: -1" NOT_NEGATIVE },
	{ CRON, "", NULL, "{'spec':{'jobTemplate':{'spec':{'manualSelector':true}}}}",
	  "spec.jobTemplate.spec.manualSelector: Unsupported value: true: supported values: \"nil\", \"false\"" },
	{ CRON, "", NULL, "{'spec':{'jobTemplate':{'spec':{'selector':{'matchLabels':{'a':'b'}}}}}}", "spec.jobTemplate.spec.selector: "
	  "Invalid value: {\"matchLabels\":{\"a\":\"b\"}}: `selector` will be auto-generated" },
	{ CRON, "", NULL, "{'metadata':{'name':'a23456789012345678901234567890123456789012345678901234'}}", "metadata.name: Invalid value: "
	  "\"a23456789012345678901234567890123456789012345678901234\": must be no more than 52 characters" },

	/* autoscaling */
	{ HPA, "", NULL, "{}", "" },
	{ HPA, "", NULL, "{'spec':{'minReplicas':0}}", "spec.minReplicas: Invalid value: 0: must be greater than or equal to 1\n"
	  "spec.metrics: Forbidden: must specify at least one Object or External metric to support scaling to zero replicas" },
	{ HPA, "", NULL, "{'spec':{'maxReplicas':0}}", "spec.maxReplicas: Invalid value: 0: must be greater than 0\n"
	  "spec.maxReplicas: Invalid value: 0: must be greater than or equal to `minReplicas`" },
	{ HPA, "", NULL, "{'spec':{'minReplicas':7}}", "spec.maxReplicas: Invalid value: 5: must be greater than or equal to `minReplicas`" },
	{ HPA, "", NULL, "{'spec':{'scaleTargetRef':{'kind':'','name':'a/b'}}}", "spec.scaleTargetRef.kind: Required value\n"
	  "spec.scaleTargetRef.name: Invalid value: \"a/b\": may not contain '/'" },
	{ HPA, "", NULL, "{'spec':{'metrics':[{'type':'Resource'}]}}", "spec.metrics[0].resource: Required value: must populate "
	  "information for the given metric source" },
	{ HPA, "", NULL, "{'spec':{'metrics':[{'type':'Resource','resource':{'name':'cpu','target':{'type':'Utilization',"
	  "'averageUtilization':0}}}]}}",
	  "spec.metrics[0].resource.target.averageUtilization: Invalid value: 0: must be greater than 0" },
	{ HPA, "", NULL, "{'spec':{'metrics':[{'type':'Resource','resource':{'name':'cpu','target':{'type':'Utilization'}}}]}}",
	  "spec.metrics[0].resource.target.averageUtilization: Required value: must set either a target raw value or a target "
	  "utilization" },
	{ HPA, "", NULL, "{'spec':{'metrics':[{'type':'Resource','resource':{'name':'cpu','target':{'type':'No','averageValue':'1',"
	  "'averageUtilization':1}}}]}}", "spec.metrics[0].resource.target.type: Invalid value: \"No\": must be either Utilization, "
	  "Value, or AverageValue\nspec.metrics[0].resource.target.averageValue: Forbidden: may not set both a target raw value and "
	  "a target utilization" },
	{ HPA, "", NULL, "{'spec':{'metrics':[{'type':'Pods','pods':{'metric':{'name':''},'target':{'type':'AverageValue',"
	  "'averageValue':'-1'}}}]}}", "spec.metrics[0].pods.metric.name: Required value: must specify a metric name\n"
	  "spec.metrics[0].pods.target.averageValue: Invalid value: \"-1\": must be positive" },
	{ HPA, "", NULL, "{'spec':{'metrics':[{'type':'External','external':{'metric':{'name':'m'},'target':{'type':'Value','value':'1',"
	  "'averageValue':'1'}}}]}}", "spec.metrics[0].external.target.value: Forbidden: may not set both a target value for metric "
	  "and a per-pod target" },
	{ HPA, "", NULL, "{'spec':{'metrics':[{'type':'Object','object':{'describedObject':{'kind':'Service','name':'s'},'metric':"
	  "{'name':'m'},'target':{'type':'Value'}}}]}}",
	  "spec.metrics[0].object.target.averageValue: Required value: must set either a target value or averageValue" },
	{ HPA, "", NULL, "{'spec':{'metrics':[{'type':'ContainerResource','containerResource':{'name':'cpu','container':'','target':"
	  "{'type':'AverageValue','averageValue':'1'}}}]}}",
	  "spec.metrics[0].containerResource.container: Required value: must specify a container" },
	{ HPA, "", NULL, "{'spec':{'metrics':[{'type':'Pods','pods':{'metric':{'name':'m'},'target':{'type':'AverageValue','averageValue':"
	  "'1'}},'external':{'metric':{'name':'m'},'target':{'type':'Value','value':'1'}}}]}}",
	  "spec.metrics[0].external: Forbidden: must populate the given metric source only" },
	{ HPA, "", NULL, "{'spec':{'behavior':{'scaleUp':{'stabilizationWindowSeconds':3601}}}}",
	  "spec.behavior.scaleUp.stabilizationWindowSeconds: Invalid value: 3601: must be less than or equal to 3600" },
	{ HPA, "", NULL, "{'spec':{'behavior':{'scaleDown':{'selectPolicy':'No'}}}}", "spec.behavior.scaleDown.selectPolicy: Unsupported "
	  "value: \"No\": supported values: \"Disabled\", \"Max\", \"Min\"" },
	{ HPA, "", NULL, "{'spec':{'behavior':{'scaleDown':{'policies':[{'type':'No','value':0,'periodSeconds':1801}]}}}}",
	  "spec.behavior.scaleDown.policies[0].type: Unsupported value: \"No\": supported values: \"Percent\", \"Pods\"\n"
	  "spec.behavior.scaleDown.policies[0].value: Invalid value: 0: must be greater than zero\n"
	  "spec.behavior.scaleDown.policies[0].periodSeconds: Invalid value: 1801: must be less than or equal to 1800" },
	{ HPA, "status", "", "{'status':{'desiredReplicas':-1}}", "status.desiredReplicas: Invalid value: -1" NOT_NEGATIVE },

	/* policy */
	{ PDB, "", NULL, "{'spec':{'minAvailable':'110%'}}", "spec.minAvailable: Invalid value: \"110%\": must not be greater than 100%" },
	{ PDB, "", NULL, "{'spec':{'minAvailable':-1}}", "spec.minAvailable: Invalid value: -1" NOT_NEGATIVE },
	{ PDB, "", NULL, "{'spec':{'minAvailable':'10.5%'}}", "spec.minAvailable: Invalid value: \"10.5%\": " PERCENT },
	{ PDB, "", NULL, "{'spec':{'selector':null,'maxUnavailable':1}}", "spec: Invalid value: {\"minAvailable\":1,\"maxUnavailable\":1}: "
	  "minAvailable and maxUnavailable cannot be both set" },
	{ PDB, "", NULL, "{'spec':{'unhealthyPodEvictionPolicy':'No'}}", "spec.unhealthyPodEvictionPolicy: Unsupported value: \"No\": "
	  "supported values: \"AlwaysAllow\", \"IfHealthyBudget\"" },
	{ PDB, "status", "", "{'status':{'disruptionsAllowed':-1,'currentHealthy':0,'desiredHealthy':0,'expectedPods':0}}",
	  "status.disruptionsAllowed: Invalid value: -1" NOT_NEGATIVE },
	{ PDB, "status", "", "{'status':{'disruptionsAllowed':0,'currentHealthy':0,'desiredHealthy':0,'expectedPods':0,'conditions':"
	  "[{'type':'T','status':'Maybe','reason':'','message':'','lastTransitionTime':'2026-01-01T00:00:00Z'}]}}",
	  "status.conditions[0].status: Unsupported value: \"Maybe\": supported values: \"False\", \"True\", \"Unknown\"\n"
	  "status.conditions[0].reason: Required value: must be set" },

	/* networking */
	{ INGRESS, "", NULL, "{}", "" },
	{ INGRESS, "", NULL, "{'spec':{'defaultBackend':null}}",
	  "spec: Invalid value: null: either `defaultBackend` or `rules` must be specified" },
	{ INGRESS, "", NULL, "{'spec':{'defaultBackend':{'service':null}}}",
	  "spec.defaultBackend: Invalid value: \"\": resource or service backend is required" },
	{ INGRESS, "", NULL, "{'spec':{'defaultBackend':{'resource':{'kind':'K','name':'n'}}}}",
	  "spec.defaultBackend: Invalid value: \"\": cannot set both resource and service backends" },
	{ INGRESS, "", NULL, "{'spec':{'defaultBackend':{'service':{'port':{'name':'http'}}}}}",
	  "spec.defaultBackend: Invalid value: \"\": cannot set both port name & port number" },
	{ INGRESS, "", NULL, "{'spec':{'defaultBackend':{'service':{'port':null}}}}",
	  "spec.defaultBackend: Required value: port name or number is required" },
	{ INGRESS, "", NULL, "{'spec':{'defaultBackend':{'service':{'port':{'number':70000}}}}}", "spec.defaultBackend.service.port.number: "
	  "Invalid value: 70000: must be between 1 and 65535, inclusive" },
	{ INGRESS, "", NULL, "{'spec':{'rules':[{'host':'1.2.3.4'}]}}", "spec.rules[0].host: Invalid value: \"1.2.3.4\": must be a DNS name, "
	  "not an IP address" },
	{ INGRESS, "", NULL, "{'spec':{'rules':[{'host':'*'}]}}", "spec.rules[0].host: Invalid value: \"*\": " WILDCARD },
	{ INGRESS, "", NULL, "{'spec':{'rules':[{'host':'foo.*.bar'}]}}", "spec.rules[0].host: Invalid value: \"foo.*.bar\": " WILDCARD },
	{ INGRESS, "", NULL, "{'spec':{'rules':[{'host':'*.bar.com'}]}}", "" },
	{ INGRESS, "", NULL, "{'spec':{'rules':[{'http':{'paths':[]}}]}}", "spec.rules[0].http.paths: Required value" },
	{ INGRESS, "", NULL, "{'spec':{'rules':[{'http':{'paths':[{'path':'/','backend':{'service':{'name':'s','port':{'number':80}}}}]}}]}}",
	  "spec.rules[0].http.paths[0].pathType: Required value: pathType must be specified" },
	{ INGRESS, "", NULL, "{'spec':{'rules':[{'http':{'paths':[{'path':'x//y','pathType':'Prefix','backend':{'service':{'name':'s',"
	  "'port':{'number':80}}}}]}}]}}", "spec.rules[0].http.paths[0].path: Invalid value: \"x//y\": must be an absolute path\n"
	  "spec.rules[0].http.paths[0].path: Invalid value: \"x//y\": must not contain '//'" },
	{ INGRESS, "", NULL, "{'spec':{'rules':[{'http':{'paths':[{'path':'/x/..','pathType':'Exact','backend':{'service':{'name':'s',"
	  "'port':{'number':80}}}}]}}]}}", "spec.rules[0].http.paths[0].path: Invalid value: \"/x/..\": cannot end with '/..'" },
	{ INGRESS, "", NULL, "{'spec':{'rules':[{'http':{'paths':[{'pathType':'No','backend':{'service':{'name':'s','port':{'number':80}}}}]"
	  "}}]}}", "spec.rules[0].http.paths[0].pathType: Unsupported value: \"No\": supported values: \"Exact\", "
	  "\"ImplementationSpecific\", \"Prefix\"" },
	{ INGRESS, "", NULL, "{'spec':{'tls':[{'hosts':['BAD'],'secretName':'BAD'}]}}", "spec.tls[0].hosts[0]: Invalid value: \"BAD\": "
	  SUBDOMAIN "\nspec.tls[0].secretName: Invalid value: \"BAD\": " SUBDOMAIN },
	{ INGRESS, "", NULL, "{'metadata':{'annotations':{'kubernetes.io/ingress.class':'a'}},'spec':{'ingressClassName':'b'}}",
	  "annotations.kubernetes.io/ingress.class: Invalid value: \"a\": must match `ingressClassName` when both are specified" },
	{ INGRESS, "status", "", "{'status':{'loadBalancer':{'ingress':[{'ip':'foo'},{'hostname':'1.2.3.4'}]}}}",
	  "status.loadBalancer.ingress[0].ip: Invalid value: \"foo\": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)\n"
	  "status.loadBalancer.ingress[1].hostname: Invalid value: \"1.2.3.4\": must be a DNS name, not an IP address" },
	{ CLASS, "", NULL, "{'spec':{'controller':''}}", "spec.controller: Required value: at least one controller is required" },
	{ CLASS, "", NULL, "{'spec':{'controller':'foo'}}",
	  "spec.controller: Invalid value: \"foo\": must be a domain-prefixed path (such as \"acme.io/foo\")" },
	{ CLASS, "", NULL, "{'spec':{'parameters':{'kind':'','name':'n'}}}", "spec.parameters.kind: Required value" },
	{ CLASS, "", NULL, "{'spec':{'parameters':{'kind':'K','name':'n','scope':'Namespace'}}}",
	  "spec.parameters.namespace: Required value: `parameters.scope` is set to 'Namespace'" },
	{ CLASS, "", NULL, "{'spec':{'parameters':{'kind':'K','name':'n','namespace':'z'}}}",
	  "spec.parameters.namespace: Forbidden: `parameters.scope` is set to 'Cluster'" },
	{ CLASS, "", NULL, "{'spec':{'parameters':{'kind':'K','name':'n','scope':'bad'}}}",
	  "spec.parameters.scope: Unsupported value: \"bad\": supported values: \"Cluster\", \"Namespace\"" },
	{ CLASS, "", "", "{'spec':{'controller':'b.io/c'}}", "spec.controller: Invalid value: \"b.io/c\": field is immutable" },
	{ POLICY, "", NULL, "{'spec':{'ingress':[{'from':[{}]}]}}", "spec.ingress[0].from[0]: Required value: must specify a peer" },
	{ POLICY, "", NULL, "{'spec':{'ingress':[{'from':[{'podSelector':{},'ipBlock':{'cidr':'10.0.0.0/8'}}]}]}}",
	  "spec.ingress[0].from[0]: Forbidden: may not specify both ipBlock and another peer" },
	{ POLICY, "", NULL, "{'spec':{'egress':[{'to':[{'ipBlock':{'cidr':''}}]}]}}", "spec.egress[0].to[0].ipBlock.cidr: Required value" },
	{ POLICY, "", NULL, "{'spec':{'egress':[{'to':[{'ipBlock':{'cidr':'192.168.1.6'}}]}]}}", "spec.egress[0].to[0].ipBlock.cidr: Invalid "
	  "value: \"192.168.1.6\": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)" },
	{ POLICY, "", NULL, "{'spec':{'egress':[{'to':[{'ipBlock':{'cidr':'192.168.0.0/16','except':['10.0.0.0/8','192.168.0.0/16',"
	  "'192.168.1.0/24']}}]}]}}",
	  "spec.egress[0].to[0].ipBlock.except[0]: Invalid value: \"10.0.0.0/8\": must be a strict subset of `cidr`\n"
	  "spec.egress[0].to[0].ipBlock.except[1]: Invalid value: \"192.168.0.0/16\": must be a strict subset of `cidr`" },
	{ POLICY, "", NULL, "{'spec':{'ingress':[{'ports':[{'protocol':'invalid','port':80}]}]}}", "spec.ingress[0].ports[0].protocol: "
	  "Unsupported value: \"invalid\": supported values: \"TCP\", \"UDP\", \"SCTP\"" },
	{ POLICY, "", NULL, "{'spec':{'ingress':[{'ports':[{'endPort':81}]}]}}", "spec.ingress[0].ports[0].endPort: Invalid value: 81: may "
	  "not be specified when `port` is not specified" },
	{ POLICY, "", NULL, "{'spec':{'ingress':[{'ports':[{'port':'http','endPort':81}]}]}}", "spec.ingress[0].ports[0].endPort: Invalid "
	  "value: 81: may not be specified when `port` is non-numeric" },
	{ POLICY, "", NULL, "{'spec':{'ingress':[{'ports':[{'port':90,'endPort':81}]}]}}", "spec.ingress[0].ports[0].endPort: Invalid value: "
	  "81: must be greater than or equal to `port`" },
	{ POLICY, "", NULL, "{'spec':{'policyTypes':['Ingress','Egress','Egress']}}", "spec.policyTypes: Invalid value: [\"Ingress\","
	  "\"Egress\",\"Egress\"]: may not specify more than two policyTypes" },
	{ IP, "", NULL, "{}", "" },
	{ IP, "", NULL, "{'metadata':{'name':'10.0.0.01'}}", "metadata.name: Invalid value: \"10.0.0.01\": must be a valid IP address, "
	  "(e.g. 10.9.8.7 or 2001:db8::ffff)" },
	{ IP, "", NULL, "{'metadata':{'name':'2001:DB8::1'}}",
	  "metadata.name: Invalid value: \"2001:DB8::1\": must be in canonical form (\"2001:db8::1\")" },
	{ IP, "", NULL, "{'spec':{'parentRef':null}}", "spec.parentRef: Required value" },
	{ IP, "", NULL, "{'spec':{'parentRef':{'resource':'','name':''}}}",
	  "spec.parentRef.resource: Required value\nspec.parentRef.name: Required value" },
	{ IP, "", "", "{'spec':{'parentRef':{'name':'t'}}}", "spec.parentRef: Invalid value: {\"resource\":\"services\",\"namespace\":\"n\","
	  "\"name\":\"t\"}: field is immutable" },
	{ CIDR, "", NULL, "{'spec':{'cidrs':null}}", "spec.cidrs: Required value: at least one CIDR required" },
	{ CIDR, "", NULL, "{'spec':{'cidrs':['10.0.0.0/24','10.1.0.0/24','fd00::/64']}}", "spec.cidrs: Invalid value: {\"cidrs\":"
	  "[\"10.0.0.0/24\",\"10.1.0.0/24\",\"fd00::/64\"]}: may only hold up to 2 values" },
	{ CIDR, "", NULL, "{'spec':{'cidrs':['10.0.0.0/24','10.1.0.0/24']}}", "spec.cidrs: Invalid value: [\"10.0.0.0/24\",\"10.1.0.0/24\"]: "
	  "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64" },
	{ CIDR, "", NULL, "{'spec':{'cidrs':['10.0.0.1/24']}}",
	  "spec.cidrs[0]: Invalid value: \"10.0.0.1/24\": must not have bits set beyond the prefix length" },
	{ CIDR, "", NULL, "{'spec':{'cidrs':['FD00::/64']}}",
	  "spec.cidrs[0]: Invalid value: \"FD00::/64\": must be in canonical form (\"fd00::/64\")" },
	{ CIDR, "", "", "{'spec':{'cidrs':['10.9.0.0/24']}}", "spec.cidrs[0]: Invalid value: \"10.9.0.0/24\": field is immutable" },
	{ CIDR, "", "", "{'spec':{'cidrs':['10.0.0.0/24','fd00::/64']}}", "" },
	{ CIDR, "", "", "{'spec':{'cidrs':null}}", "spec.cidrs: Invalid value: null: field is immutable" },

	/* discovery */
	{ SLICE, "", NULL, "{}", "" },
	{ SLICE, "", NULL, "{'addressType':'IPv9'}",
	  "addressType: Unsupported value: \"IPv9\": supported values: \"FQDN\", \"IPv4\", \"IPv6\"" },
	{ SLICE, "", NULL, "{'addressType':''}", "addressType: Required value" },
	{ SLICE, "", NULL, "{'addressType':'IPv6'}", "endpoints[0].addresses[0]: Invalid value: \"10.1.2.3\": must be a valid IPv6 address" },
	{ SLICE, "", NULL, "{'endpoints':[{'addresses':[]}]}", "endpoints[0].addresses: Required value: must contain at least 1 address" },
	{ SLICE, "", NULL, "{'endpoints':[{'addresses':['127.0.0.1']}]}", "endpoints[0].addresses[0]: Invalid value: \"127.0.0.1\": may not "
	  "be in the loopback range (127.0.0.0/8, ::1/128)" },
	{ SLICE, "", NULL, "{'endpoints':[{'addresses':['x']}]}", "endpoints[0].addresses[0]: Invalid value: \"x\": must be a valid IPv4 "
	  "address\nendpoints[0].addresses[0]: Invalid value: \"x\": must be a valid IP address" },
	{ SLICE, "", NULL, "{'addressType':'FQDN','endpoints':[{'addresses':['foo.*']}]}",
	  "endpoints[0].addresses[0]: Invalid value: \"foo.*\": " SUBDOMAIN },
	{ SLICE, "", NULL, "{'addressType':'FQDN','endpoints':[{'addresses':['foo']}]}", "endpoints[0].addresses[0]: Invalid value: \"foo\": "
	  "should be a domain with at least two segments separated by dots" },
	{ SLICE, "", NULL, "{'ports':[{'name':'a','protocol':'TCP'},{'name':'a','protocol':'UDP'}]}", "ports[1].name: Duplicate value: \"a\"" },
	{ SLICE, "", NULL, "{'ports':[{'name':'a','protocol':'foo'}]}", "ports[0].protocol: Unsupported value: \"foo\": supported values: "
	  "\"SCTP\", \"TCP\", \"UDP\"" },
	{ SLICE, "", NULL, "{'endpoints':[{'addresses':['10.1.2.3'],'hints':{'forZones':[{'name':'a'},{'name':'a'}]}}]}",
	  "endpoints[0].hints.forZones[1].name: Duplicate value: \"a\"" },
	{ SLICE, "", NULL, "{'endpoints':[{'addresses':['10.1.2.3'],'hostname':'a.b'}]}", "endpoints[0].hostname: Invalid value: \"a.b\": " LABEL },
	{ SLICE, "", "", "{'addressType':'FQDN'}", "addressType: Invalid value: \"FQDN\": field is immutable" },

	/* storage */
	{ SC, "", NULL, "{}", "" },
	{ SC, "", NULL, "{'provisioner':''}", "provisioner: Required value" },
	{ SC, "", NULL, "{'parameters':{'':'v'}}", "parameters: Invalid value: \"\": field can not be empty." },
	{ SC, "", NULL, "{'reclaimPolicy':'Recycle'}",
	  "reclaimPolicy: Unsupported value: \"Recycle\": supported values: \"Delete\", \"Retain\"" },
	{ SC, "", NULL, "{'volumeBindingMode':'No'}",
	  "volumeBindingMode: Unsupported value: \"No\": supported values: \"Immediate\", \"WaitForFirstConsumer\"" },
	{ SC, "", NULL, "{'allowedTopologies':[{'matchLabelExpressions':[{'key':'a','values':['b','b']}]}]}",
	  "allowedTopologies[0].matchLabelExpressions[0].values[1]: Duplicate value: \"b\"" },
	{ SC, "", "", "{'parameters':{'a':'b'}}", "parameters: Forbidden: updates to parameters are forbidden." },
	{ SC, "", "", "{'reclaimPolicy':'Retain'}", "reclaimPolicy: Forbidden: updates to reclaimPolicy are forbidden." },
	{ SC, "", "", "{'volumeBindingMode':'WaitForFirstConsumer'}",
	  "volumeBindingMode: Invalid value: \"WaitForFirstConsumer\": field is immutable" },
	{ SC, "", "", "{'allowVolumeExpansion':true}", "" },
	{ DRIVER, "", NULL, "{}", "" },
	{ DRIVER, "", NULL, "{'spec':{'fsGroupPolicy':'No'}}", "spec.fsGroupPolicy: Unsupported value: \"No\": supported values: \"File\", "
	  "\"None\", \"ReadWriteOnceWithFSType\"" },
	{ DRIVER, "", NULL, "{'spec':{'volumeLifecycleModes':['No']}}",
	  "spec.volumeLifecycleModes: Unsupported value: \"No\": supported values: \"Persistent\", \"Ephemeral\"" },
	{ DRIVER, "", NULL, "{'spec':{'tokenRequests':[{'audience':'a','expirationSeconds':10},{'audience':'a'}]}}",
	  "spec.tokenRequests[0].expirationSeconds: Invalid value: 10: may not specify a duration less than 10 minutes\n"
	  "spec.tokenRequests[1].audience: Duplicate value: \"a\"" },
	{ DRIVER, "", NULL, "{'spec':{'nodeAllocatableUpdatePeriodSeconds':9}}", "spec.nodeAllocatableUpdatePeriodSeconds: Invalid value: 9: "
	  "must be greater than or equal to 10 seconds" },
	{ DRIVER, "", "", "{'spec':{'attachRequired':false}}", "spec.attachedRequired: Invalid value: false: field is immutable" },
	{ DRIVER, "", "", "{'spec':{'podInfoOnMount':true}}", "" },
	{ NODE, "", NULL, "{}", "" },
	{ NODE, "", NULL, "{'spec':{'drivers':[{'name':'','nodeID':''}]}}", "spec.drivers[0].name: Required value\nspec.drivers[0].name: "
	  "Invalid value: \"\": " SUBDOMAIN "\nspec.drivers[0].nodeID: Required value" },
	{ NODE, "", NULL, "{'spec':{'drivers':[{'name':'a.io','nodeID':'i'},{'name':'a.io','nodeID':'j'}]}}",
	  "spec.drivers[1].name: Duplicate value: \"a.io\"" },
	{ NODE, "", NULL, "{'spec':{'drivers':[{'name':'a.io','nodeID':'i','allocatable':{'count':-1}}]}}",
	  "spec.drivers[0].allocatable.count: Invalid value: -1" NOT_NEGATIVE },
	{ NODE, "", "", "{'spec':{'drivers':[{'name':'a.io','nodeID':'j','topologyKeys':['a/b']}]}}", "spec.drivers: Invalid value: {\"name\":"
	  "\"a.io\",\"nodeID\":\"j\",\"topologyKeys\":[\"a/b\"]}: field is immutable" },
	{ NODE, "", "", "{'spec':{'drivers':[{'name':'b.io','nodeID':'j'}]}}", "" },
	{ CAPACITY, "", NULL, "{'storageClassName':''}", "storageClassName: Invalid value: \"\": " SUBDOMAIN },
	{ CAPACITY, "", NULL, "{'capacity':'-1'}", "capacity: Invalid value: \"-1\"" NOT_NEGATIVE },
	{ CAPACITY, "", "", "{'storageClassName':'t'}", "storageClassName: Invalid value: \"t\": field is immutable" },
	{ CAPACITY, "", "", "{'capacity':'2Gi'}", "" },
	{ ATTACH, "", NULL, "{}", "" },
	{ ATTACH, "", NULL, "{'spec':{'attacher':''}}", "spec.attacher: Required value" },
	{ ATTACH, "", NULL, "{'spec':{'source':{'persistentVolumeName':null}}}",
	  "spec.source: Required value: must specify exactly one of inlineVolumeSpec and persistentVolumeName" },
	{ ATTACH, "", NULL, "{'spec':{'nodeName':''}}", "spec.nodeName: Invalid value: \"\": " SUBDOMAIN },
	{ ATTACH, "", "", "{'spec':{'nodeName':'other'}}", "spec: Invalid value: {\"attacher\":\"a.io\",\"source\":{\"persistentVolumeName\":"
	  "\"pv\"},\"nodeName\":\"other\"}: field is immutable" },
	{ VAC, "", NULL, "{'parameters':null}", "parameters: Required value: must contain at least one key/value pair" },
	{ VAC, "", NULL, "{'driverName':''}", "driverName: Required value" },
	{ VAC, "", "", "{'driverName':'b.io'}", "driverName: Forbidden: updates to driverName are forbidden." },

	/* rbac */
	{ ROLE, "", NULL, "{'rules':[{'verbs':[],'apiGroups':[''],'resources':['pods']}]}",
	  "rules[0].verbs: Required value: verbs must contain at least one value" },
	{ ROLE, "", NULL, "{'rules':[{'verbs':['get'],'nonResourceURLs':['/*']}]}",
	  "rules[0].nonResourceURLs: Invalid value: [\"/*\"]: namespaced rules cannot apply to non-resource URLs" },
	{ ROLE, "", NULL, "{'rules':[{'verbs':['get']}]}", "rules[0].apiGroups: Required value: resource rules must supply at least one api "
	  "group\nrules[0].resources: Required value: resource rules must supply at least one resource" },
	{ ROLE, "", NULL, "{'metadata':{'name':'a/b'}}", "metadata.name: Invalid value: \"a/b\": may not contain '/'" },
	{ CROLE, "", NULL, "{'rules':[{'verbs':['get'],'nonResourceURLs':['/x'],'resources':['pods']}]}", "rules[0].nonResourceURLs: Invalid "
	  "value: [\"/x\"]: rules cannot apply to both regular resources and non-resource URLs" },
	{ CROLE, "", NULL, "{'aggregationRule':{}}", "aggregationRule.clusterRoleSelectors: Required value: at least one clusterRoleSelector "
	  "required if aggregationRule is non-nil" },
	{ BIND, "", NULL, "{'roleRef':{'apiGroup':'x','kind':'No','name':''}}", "roleRef.apiGroup: Unsupported value: \"x\": supported values: "
	  "\"rbac.authorization.k8s.io\"\nroleRef.kind: Unsupported value: \"No\": supported values: \"Role\", \"ClusterRole\"\n"
	  "roleRef.name: Required value" },
	{ BIND, "", NULL, "{'subjects':[{'kind':'No','name':'n'}]}", "subjects[0].kind: Unsupported value: \"No\": supported values: "
	  "\"ServiceAccount\", \"User\", \"Group\"" },
	{ BIND, "", NULL, "{'subjects':[{'kind':'User','name':''}]}", "subjects[0].name: Required value" },
	{ CBIND, "", NULL, "{'subjects':[{'kind':'ServiceAccount','name':'s'}]}", "subjects[0].namespace: Required value" },
	{ CBIND, "", NULL, "{'roleRef':{'kind':'Role'}}", "roleRef.kind: Unsupported value: \"Role\": supported values: \"ClusterRole\"" },
	{ BIND, "", "", "{'roleRef':{'name':'s'}}", "roleRef: Invalid value: {\"APIGroup\":\"rbac.authorization.k8s.io\",\"Kind\":\"Role\","
	  "\"Name\":\"s\"}: cannot change roleRef" },

	/* scheduling, coordination, node */
	{ PC, "", NULL, "{'value':1000000001}", "value: Forbidden: maximum allowed value of a user defined priority is 1000000000" },
	{ PC, "", NULL, "{'metadata':{'name':'system-x'}}", "metadata.name: Forbidden: priority class names with 'system-' prefix are reserved "
	  "for system use only. error: system-x is not a known system priority class" },
	{ PC, "", NULL, "{'metadata':{'name':'system-node-critical'}}", "metadata.name: Forbidden: priority class names with 'system-' prefix "
	  "are reserved for system use only. error: value of system-node-critical PriorityClass must be 2000001000" },
	{ PC, "", NULL, "{'preemptionPolicy':'No'}", "preemptionPolicy: Unsupported value: \"No\": supported values: "
	  "\"PreemptLowerPriority\", \"Never\"" },
	{ PC, "", "", "{'preemptionPolicy':'Never'}", "preemptionPolicy: Invalid value: \"Never\": field is immutable" },
	{ LEASE, "", NULL, "{'spec':{'leaseDurationSeconds':0,'leaseTransitions':-1}}", "spec.leaseDurationSeconds: Invalid value: 0: must be "
	  "greater than 0\nspec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0" },
	{ RTC, "", NULL, "{'handler':''}", "handler: Invalid value: \"\": " LABEL },
	{ RTC, "", NULL, "{'scheduling':{'tolerations':[{'key':'a','operator':'Exists'},{'key':'a','operator':'Exists'}]}}",
	  "scheduling.tolerations[1]: Duplicate value: \"a\"" },
	{ RTC, "", "", "{'handler':'j'}", "handler: Invalid value: \"j\": field is immutable" },

	/* certificates */
	{ CSR, "", NULL, "{}", "" },
	{ CSR, "", NULL, "{'spec':{'usages':[]}}", "spec.usages: Required value" },
	{ CSR, "", NULL, "{'spec':{'usages':['client auth','client auth']}}", "spec.usages[1]: Duplicate value: \"client auth\"" },
	{ CSR, "", NULL, "{'spec':{'signerName':''}}", "spec.signerName: Required value" },
	{ CSR, "", NULL, "{'spec':{'signerName':'abc'}}", "spec.signerName: Invalid value: \"abc\": must be a fully qualified domain and path "
	  "of the form 'example.com/signer-name'" },
	{ CSR, "", NULL, "{'spec':{'signerName':'abc/x'}}",
	  "spec.signerName: Invalid value: \"abc\": should be a domain with at least two segments separated by dots" },
	{ CSR, "", NULL, "{'spec':{'signerName':'a.io/UPPER'}}",
	  "spec.signerName: Invalid value: \"UPPER\": validating label \"UPPER\": " SUBDOMAIN },
	{ CSR, "", NULL, "{'spec':{'signerName':'kubernetes.io/legacy-unknown'}}", "spec.signerName: Invalid value: "
	  "\"kubernetes.io/legacy-unknown\": the legacy signerName is not allowed via this API version" },
	{ CSR, "", NULL, "{'spec':{'expirationSeconds':599}}", "spec.expirationSeconds: Invalid value: 599: may not specify a duration less "
	  "than 600 seconds (10 minutes)" },
	{ CSR, "", NULL, "{'spec':{'request':'eA=='}}", "spec.request: Invalid value: \"eA==\": PEM block type must be CERTIFICATE REQUEST" },
	{ CSR, "status", "", "{'status':{'conditions':[{'type':'Approved','status':'True'}]}}",
	  "status.conditions: Forbidden: updates may not add a condition of type \"Approved\"" },
	{ CSR, "approval", "", "{'status':{'conditions':[{'type':'Approved','status':'True'}]}}", "" },
	{ CSR, "approval", "", "{'status':{'conditions':[{'type':'Approved','status':'True'},{'type':'Denied','status':'True'}]}}",
	  "status.conditions: Invalid value: \"Denied\": Approved and Denied conditions are mutually exclusive" },
	{ CSR, "approval", "", "{'status':{'conditions':[{'type':'Approved','status':'False'}]}}",
	  "status.conditions[0].status: Unsupported value: \"False\": supported values: \"True\"" },
	{ CSR, "approval", "{'status':{'conditions':[{'type':'Approved','status':'True'}]}}", "{'status':{'conditions':[]}}",
	  "status.conditions: Forbidden: updates may not remove a condition of type \"Approved\"" },
	{ CSR, "status", "{'status':{'certificate':'YQ=='}}", "{'status':{'certificate':'Yg=='}}",
	  "status.certificate: Forbidden: updates may not modify existing certificate content" },

	/* admissionregistration */
	{ HOOKS, "", NULL, "{}", "" },
	{ HOOKS, "", NULL, "{'webhooks':[{'name':'a.b','sideEffects':'None','admissionReviewVersions':['v1'],'clientConfig':{'url':"
	  "'https://h'}}]}", "webhooks[0].name: Invalid value: \"a.b\": should be a domain with at least three segments separated by dots" },
	{ HOOKS, "", NULL, "{'webhooks':[{'name':'a.b.c','admissionReviewVersions':['v1'],'clientConfig':{'url':'https://h'}}]}",
	  "webhooks[0].sideEffects: Required value: must specify one of None, NoneOnDryRun" },
	{ HOOKS, "", NULL, "{'webhooks':[{'name':'a.b.c','sideEffects':'Some','admissionReviewVersions':['v1'],'clientConfig':{'url':"
	  "'https://h'}}]}", "webhooks[0].sideEffects: Unsupported value: \"Some\": supported values: \"None\", \"NoneOnDryRun\"" },
	{ HOOKS, "", NULL, "{'webhooks':[{'name':'a.b.c','sideEffects':'None','admissionReviewVersions':[],'clientConfig':{}}]}",
	  "webhooks[0].clientConfig: Required value: exactly one of url or service is required\n"
	  "webhooks[0].admissionReviewVersions: Required value: must specify one of v1, v1beta1" },
	{ HOOKS, "", NULL, "{'webhooks':[{'name':'a.b.c','sideEffects':'None','admissionReviewVersions':['v9','v9'],'clientConfig':{'url':"
	  "'http://u@h/?q#f'}}]}",
	  "webhooks[0].clientConfig.url: Invalid value: \"http\": 'https' is the only allowed URL scheme; desired format: "
	  "https://host[/path]\nwebhooks[0].clientConfig.url: Invalid value: \"u\": user information is not permitted in the URL\n"
	  "webhooks[0].clientConfig.url: Invalid value: \"f\": fragments are not permitted in the URL\n"
	  "webhooks[0].clientConfig.url: Invalid value: \"q\": query parameters are not permitted in the URL\n"
	  "webhooks[0].admissionReviewVersions[1]: Invalid value: \"v9\": duplicate version\n"
	  "webhooks[0].admissionReviewVersions: Invalid value: [\"v9\",\"v9\"]: must include at least one of v1, v1beta1" },
	{ HOOKS, "", NULL, "{'webhooks':[{'name':'a.b.c','sideEffects':'None','admissionReviewVersions':['v1'],'clientConfig':{'service':"
	  "{'name':'','namespace':'','port':0,'path':'apis//x'}}}]}",
	  "webhooks[0].clientConfig.service.namespace: Required value: service namespace is required\n"
	  "webhooks[0].clientConfig.service.name: Required value: service name is required\n"
	  "webhooks[0].clientConfig.service.port: Invalid value: 0: port is not valid: must be between 1 and 65535, inclusive\n"
	  "webhooks[0].clientConfig.service.path: Invalid value: \"apis//x\": must start with a '/'\n"
	  "webhooks[0].clientConfig.service.path: Invalid value: \"apis//x\": segment[1] may not be empty" },
	{ HOOKS, "", NULL, "{'webhooks':[{'name':'a.b.c','sideEffects':'None','timeoutSeconds':31,'failurePolicy':'other','matchPolicy':'o',"
	  "'reinvocationPolicy':'o','admissionReviewVersions':['v1'],'clientConfig':{'url':'https://h'}}]}",
	  "webhooks[0].failurePolicy: Unsupported value: \"other\": supported values: \"Fail\", \"Ignore\"\n"
	  "webhooks[0].matchPolicy: Unsupported value: \"o\": supported values: \"Equivalent\", \"Exact\"\n"
	  "webhooks[0].reinvocationPolicy: Unsupported value: \"o\": supported values: \"IfNeeded\", \"Never\"\n"
	  "webhooks[0].timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds" },
	{ HOOKS, "", NULL, "{'webhooks':[{'name':'a.b.c','sideEffects':'None','rules':[{'operations':['*','CREATE'],'apiGroups':['*','a'],"
	  "'apiVersions':[''],'resources':['*','pods']}],'admissionReviewVersions':['v1'],'clientConfig':{'url':'https://h'}}]}",
	  "webhooks[0].rules[0].operations: Invalid value: [\"*\",\"CREATE\"]: if '*' is present, must not specify other operations\n"
	  "webhooks[0].rules[0].apiGroups: Invalid value: [\"*\",\"a\"]: if '*' is present, must not specify other API groups\n"
	  "webhooks[0].rules[0].apiVersions[0]: Required value\n"
	  "webhooks[0].rules[0].resources: Invalid value: [\"*\",\"pods\"]: if '*' is present, must not specify other resources without "
	  "subresources" },
	{ HOOKS, "", NULL, "{'webhooks':[{'name':'a.b.c','sideEffects':'None','rules':[{'operations':['PATCH'],'apiGroups':['a'],"
	  "'apiVersions':['a'],'resources':['a/*','a/x','*/*']}],'admissionReviewVersions':['v1'],'clientConfig':{'url':'https://h'}}]}",
	  "webhooks[0].rules[0].operations[0]: Unsupported value: \"PATCH\": supported values: \"*\", \"CONNECT\", \"CREATE\", \"DELETE\", "
	  "\"UPDATE\"\nwebhooks[0].rules[0].resources[1]: Invalid value: \"a/x\": if 'a/*' is present, must not specify a/x\n"
	  "webhooks[0].rules[0].resources: Invalid value: [\"a/*\",\"a/x\",\"*/*\"]: if '*/*' is present, must not specify other resources" },
	{ HOOKS, "", NULL, "{'webhooks':[{'name':'a.b.c','sideEffects':'None','matchConditions':[{'name':'a','expression':' '},{'name':'a',"
	  "'expression':'true'}],'admissionReviewVersions':['v1'],'clientConfig':{'url':'https://h'}}]}",
	  "webhooks[0].matchConditions[0].expression: Required value\nwebhooks[0].matchConditions[1].name: Duplicate value: \"a\"" },
	{ VAP, "", NULL, "{}", "" },
	{ VAP, "", NULL, "{'spec':{'failurePolicy':'other'}}",
	  "spec.failurePolicy: Unsupported value: \"other\": supported values: \"Fail\", \"Ignore\"" },
	{ VAP, "", NULL, "{'spec':{'matchConstraints':null}}", "spec.matchConstraints: Required value" },
	{ VAP, "", NULL, "{'spec':{'matchConstraints':{'resourceRules':null}}}", "spec.matchConstraints.resourceRules: Required value" },
	{ VAP, "", NULL, "{'spec':{'validations':null}}", "spec.validations: Required value: validations or auditAnnotations must contain at "
	  "least one item\nspec.auditAnnotations: Required value: validations or auditAnnotations must contain at least one item" },
	{ VAP, "", NULL, "{'spec':{'paramKind':{'apiVersion':'a/b/c','kind':''}}}", "spec.paramKind.apiVersion: Invalid value: \"a/b/c\": "
	  "unexpected GroupVersion string: a/b/c\nspec.paramKind.kind: Required value" },
	{ VAP, "", NULL, "{'spec':{'validations':[{'expression':' ','message':'a\\nb','reason':'No'}]}}",
	  "spec.validations[0].expression: Required value: expression is not specified\n"
	  "spec.validations[0].message: Invalid value: \"a\\nb\": must not contain line breaks\n"
	  "spec.validations[0].reason: Unsupported value: \"No\": supported values: \"Forbidden\", \"Invalid\", "
	  "\"RequestEntityTooLarge\"" },
	{ VAP, "", NULL, "{'spec':{'variables':[{'name':'4x','expression':'1'},{'name':'true','expression':''}]}}",
	  "spec.variables[0].name: Invalid value: \"4x\": must be a valid CEL identifier\n"
	  "spec.variables[1].name: Invalid value: \"true\": must be a valid CEL identifier\n"
	  "spec.variables[1].expression: Required value: expression is not specified" },
	{ VAP, "", NULL, "{'spec':{'auditAnnotations':[{'key':'k','valueExpression':'1'},{'key':'k','valueExpression':''}]}}",
	  "spec.auditAnnotations[1].valueExpression: Required value: valueExpression is not specified\n"
	  "spec.auditAnnotations[1].key: Duplicate value: \"k\"" },
	{ VAPB, "", NULL, "{}", "" },
	{ VAPB, "", NULL, "{'spec':{'policyName':''}}", "spec.policyName: Required value" },
	{ VAPB, "", NULL, "{'spec':{'validationActions':['Deny','Warn']}}", "spec.validationActions: Invalid value: [\"Deny\",\"Warn\"]: must "
	  "not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no "
	  "purpose)" },
	{ VAPB, "", NULL, "{'spec':{'validationActions':['illegal','illegal']}}", "spec.validationActions[0]: Unsupported value: \"illegal\": "
	  "supported values: \"Audit\", \"Deny\", \"Warn\"\nspec.validationActions[1]: Unsupported value: \"illegal\": supported values: "
	  "\"Audit\", \"Deny\", \"Warn\"\nspec.validationActions[1]: Duplicate value: \"illegal\"" },
	{ VAPB, "", NULL, "{'spec':{'paramRef':{'name':'a','selector':{}}}}", "spec.paramRef.name: Forbidden: name and selector are mutually "
	  "exclusive\nspec.paramRef.selector: Forbidden: name and selector are mutually exclusive\n"
	  "spec.paramRef.parameterNotFoundAction: Required value" },
	{ MAP, "", NULL, "{}", "" },
	{ MAP, "", NULL, "{'spec':{'mutations':[]}}", "spec.mutations: Required value: mutations must contain at least one item" },
	{ MAP, "", NULL, "{'spec':{'reinvocationPolicy':''}}", "spec.reinvocationPolicy: Required value" },
	{ MAP, "", NULL, "{'spec':{'mutations':[{'patchType':'ApplyConfiguration','jsonPatch':{'expression':'[]'}}]}}",
	  "spec.mutations[0].applyConfiguration: Required value: must be specified when patchType is ApplyConfiguration\n"
	  "spec.mutations[0].jsonPatch: Invalid value: \"{jsonPatch}\": must not be specified when patchType is ApplyConfiguration" },
	{ MAP, "", NULL, "{'spec':{'matchConstraints':{'resourceRules':[{'operations':['DELETE'],'apiGroups':[''],'apiVersions':['v1'],"
	  "'resources':['pods']}]}}}", "spec.matchConstraints.resourceRules.operations: Unsupported value: \"DELETE\": supported values: "
	  "\"*\", \"CONNECT\", \"CREATE\", \"UPDATE\"" },
	{ MAPB, "", NULL, "{'spec':{'paramRef':{'parameterNotFoundAction':'No'}}}", "spec.paramRef: Required value: one of name or selector "
	  "must be specified\nspec.paramRef.parameterNotFoundAction: Unsupported value: \"No\": supported values: \"Deny\", \"Allow\"" },

	/* apiregistration */
	{ SERVICE, "", NULL, "{}", "" },
	{ SERVICE, "", NULL, "{'metadata':{'name':'v2.a.io'}}",
	  "metadata.name: Invalid value: \"v2.a.io\": must be `spec.version+\".\"+spec.group`: \"v1.a.io\"" },
	{ SERVICE, "", NULL, "{'spec':{'groupPriorityMinimum':0,'versionPriority':1001}}",
	  "spec.groupPriorityMinimum: Invalid value: 0: must be positive and less than 20000\n"
	  "spec.versionPriority: Invalid value: 1001: must be positive and less than 1000" },
	{ SERVICE, "", NULL, "{'metadata':{'name':'v2.'},'spec':{'group':'','version':'v2'}}",
	  "spec.group: Required value: only v1 may have an empty group and it better be legacy kube" },
	{ SERVICE, "", NULL, "{'spec':{'service':null,'insecureSkipTLSVerify':true}}",
	  "spec.insecureSkipTLSVerify: Invalid value: true: local APIServices may not have insecureSkipTLSVerify" },
	{ SERVICE, "", NULL, "{'spec':{'insecureSkipTLSVerify':true,'caBundle':'YQ=='}}",
	  "spec.insecureSkipTLSVerify: Invalid value: true: may not be true if caBundle is present" },
	{ SERVICE, "", NULL, "{'spec':{'service':{'port':-1}}}",
	  "spec.service.port: Invalid value: -1: port is not valid: must be between 1 and 65535, inclusive" },

	/* flowcontrol */
	{ FLOW, "", NULL, "{}", "" },
	{ FLOW, "", NULL, "{'spec':{'matchingPrecedence':10001}}", "spec.matchingPrecedence: Invalid value: 10001: must not be greater than 10000" },
	{ FLOW, "", NULL, "{'spec':{'matchingPrecedence':1}}",
	  "spec.matchingPrecedence: Invalid value: 1: only the schema named 'exempt' may have matchingPrecedence 1" },
	{ FLOW, "", NULL, "{'spec':{'distinguisherMethod':{'type':'No'}}}", "spec.distinguisherMethod.type: Unsupported value: {\"Type\":\"No\"}: "
	  "supported values: \"ByNamespace\", \"ByUser\"" },
	{ FLOW, "", NULL, "{'spec':{'priorityLevelConfiguration':{'name':''}}}",
	  "spec.priorityLevelConfiguration.name: Required value: must reference a priority level" },
	{ FLOW, "", NULL, "{'spec':{'rules':[{}]}}", "spec.rules[0].subjects: Required value: subjects must contain at least one value\n"
	  "spec.rules[0]: Required value: at least one of resourceRules and nonResourceRules has to be non-empty" },
	{ FLOW, "", NULL, "{'spec':{'rules':[{'subjects':[{'kind':'User','group':{'name':'g'}}],'nonResourceRules':[{'verbs':['get'],"
	  "'nonResourceURLs':['/a*']}]}]}}", "spec.rules[0].subjects[0].user: Required value: user is required when subject kind is 'User'\n"
	  "spec.rules[0].subjects[0].group: Forbidden: group is forbidden when subject kind is not 'Group'\n"
	  "spec.rules[0].nonResourceRules[0].nonResourceURLs[0]: Invalid value: \"/a*\": wildcard can only do suffix matching" },
	{ FLOW, "", NULL, "{'spec':{'rules':[{'subjects':[{'kind':'Group','group':{'name':'g'}}],'resourceRules':[{'verbs':['feel'],"
	  "'apiGroups':['*','a'],'resources':['r']}]}]}}",
	  "spec.rules[0].resourceRules[0].verbs: Unsupported value: [\"feel\"]: supported values: \"create\", \"delete\", "
	  "\"deletecollection\", \"get\", \"list\", \"patch\", \"proxy\", \"update\", \"watch\"\n"
	  "spec.rules[0].resourceRules[0].apiGroups: Invalid value: [\"*\",\"a\"]: if '*' is present, must not specify other api groups\n"
	  "spec.rules[0].resourceRules[0].namespaces: Required value: resource rules that are not cluster scoped must supply at least one "
	  "namespace" },
	{ FLOW, "", NULL, "{'metadata':{'name':'catch-all'},'spec':{'rules':null}}", "spec: Invalid value: {\"priorityLevelConfiguration\":"
	  "{\"name\":\"p\"},\"matchingPrecedence\":1000}: spec of 'catch-all' must equal the fixed value" },
	{ LEVEL, "", NULL, "{}", "" },
	{ LEVEL, "", NULL, "{'spec':{'limited':null}}", "spec.limited: Required value: must not be empty when type is Limited" },
	{ LEVEL, "", NULL, "{'spec':{'type':'Exempt'}}", "spec.type: Invalid value: \"Exempt\": type must be 'Exempt' if and only if name is "
	  "'exempt'\nspec.limited: Forbidden: must be nil if the type is not Limited" },
	{ LEVEL, "", NULL, "{'spec':{'limited':{'nominalConcurrencyShares':-1,'lendablePercent':101}}}",
	  "spec.limited.nominalConcurrencyShares: Invalid value: -1: must be a non-negative integer\n"
	  "spec.limited.lendablePercent: Invalid value: 101: must be between 0 and 100, inclusive" },
	{ LEVEL, "", NULL, "{'spec':{'limited':{'limitResponse':{'type':'Queue'}}}}", "spec.limited.limitResponse.queuing: Required value: must "
	  "not be empty if limited.limitResponse.type is Limited" },
	{ LEVEL, "", NULL, "{'spec':{'limited':{'limitResponse':{'type':'Queue','queuing':{'queues':512,'handSize':8}}}}}",
	  "spec.limited.limitResponse.queuing.handSize: Invalid value: 8: required entropy bits of deckSize 512 and handSize 8 should not "
	  "be greater than 60" },
	{ LEVEL, "", NULL, "{'spec':{'limited':{'limitResponse':{'type':'Queue','queuing':{'queues':2,'handSize':8}}}}}",
	  "spec.limited.limitResponse.queuing.handSize: Invalid value: 8: should not be greater than queues (2)" },
	{ LEVEL, "status", "", "{'status':{'conditions':[{'type':'a','status':'True'},{'type':'a','status':'True'},{'status':'True'}]}}",
	  "status.conditions[1].type: Duplicate value: \"a\"\nstatus.conditions[2].type: Required value: must not be empty" },

	/* resource */
	{ CLAIM, "", NULL, "{}", "" },
	{ CLAIM, "", NULL, "{'spec':{'devices':{'requests':[{'name':'r'}]}}}",
	  "spec.devices.requests[0]: Required value: exactly one of `exactly` or `firstAvailable` is required" },
	{ CLAIM, "", NULL, "{'spec':{'devices':{'requests':[{'name':'R','exactly':{'deviceClassName':'','allocationMode':'All','count':1}}]}}}",
	  "spec.devices.requests[0].name: Invalid value: \"R\": " LABEL "\nspec.devices.requests[0].exactly.deviceClassName: Required value\n"
	  "spec.devices.requests[0].exactly.count: Invalid value: 1: must not be specified when allocationMode is 'All'" },
	{ CLAIM, "", NULL, "{'spec':{'devices':{'requests':[{'name':'r','exactly':{'deviceClassName':'c','count':-1}},{'name':'r','exactly':"
	  "{'deviceClassName':'c','allocationMode':'No'}}]}}}",
	  "spec.devices.requests[0].exactly.count: Invalid value: -1: must be greater than zero\n"
	  "spec.devices.requests[1].exactly.allocationMode: Unsupported value: \"No\": supported values: \"All\", \"ExactCount\"\n"
	  "spec.devices.requests[1]: Duplicate value: \"r\"" },
	{ CLAIM, "", NULL, "{'spec':{'devices':{'constraints':[{'requests':['z'],'matchAttribute':'model'}]}}}",
	  "spec.devices.constraints[0].requests[0]: Invalid value: \"z\": must be the name of a request in the claim or the name of a request "
	  "and a subrequest separated by '/'\nspec.devices.constraints[0].matchAttribute: Invalid value: \"model\": a fully qualified name "
	  "must be a domain and a name separated by a slash" },
	{ CLAIM, "", NULL, "{'spec':{'devices':{'config':[{'opaque':{'driver':'a.io','parameters':null}},{}]}}}",
	  "spec.devices.config[0].opaque.parameters: Required value\nspec.devices.config[1].opaque: Required value" },
	{ CLAIM, "", "", "{'spec':{'devices':{'requests':null}}}", "spec: Invalid value: {\"devices\":{}}: field is immutable" },
	{ CLAIM, "status", "", "{'status':{'reservedFor':[{'resource':'pods','name':'p','uid':'1'}]}}",
	  "status.reservedFor: Forbidden: may not be specified when `allocated` is not set" },
	{ CLAIM, "status", "", "{'status':{'allocation':{'devices':{'results':[{'request':'r','driver':'a.io','pool':'p','device':'d'}]}}}}", "" },
	{ CLAIM, "status", "", "{'status':{'allocation':{'devices':{'results':[{'request':'z','driver':'a.io','pool':'','device':'D'}]}}}}",
	  "status.allocation.devices.results[0].request: Invalid value: \"z\": must be the name of a request in the claim or the name of a "
	  "request and a subrequest separated by '/'\nstatus.allocation.devices.results[0].pool: Required value\n"
	  "status.allocation.devices.results[0].device: Invalid value: \"D\": " LABEL },
	{ CLAIM, "status", "", "{'status':{'devices':[{'driver':'a.io','pool':'p','device':'d'}]}}",
	  "status.devices[0]: Invalid value: \"a.io/p/d\": must be an allocated device in the claim" },
	{ CLAIMT, "", NULL, "{'spec':{'spec':{'devices':{'requests':[{'name':'r'}]}}}}",
	  "spec.spec.devices.requests[0]: Required value: exactly one of `exactly` or `firstAvailable` is required" },
	{ DCLASS, "", NULL, "{'spec':{'selectors':[{}],'config':[{'opaque':{'driver':'a.io','parameters':{}}}]}}",
	  "spec.selectors[0].cel: Required value" },
	{ DCLASS, "", NULL, "{'spec':{'extendedResourceName':'gpu'}}",
	  "spec.extendedResourceName: Invalid value: \"gpu\": must be a valid extended resource name" },
	{ DSLICE, "", NULL, "{}", "" },
	{ DSLICE, "", NULL, "{'spec':{'nodeName':null}}",
	  "spec: Required value: exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required" },
	{ DSLICE, "", NULL, "{'spec':{'allNodes':true}}", "spec: Invalid value: \"{`nodeName`, `allNodes`}\": exactly one of `nodeName`, "
	  "`nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required, but multiple fields are set" },
	{ DSLICE, "", NULL, "{'spec':{'pool':{'generation':-1,'resourceSliceCount':0}}}",
	  "spec.pool.resourceSliceCount: Invalid value: 0: must be greater than zero\n"
	  "spec.pool.generation: Invalid value: -1: must be greater than or equal to zero" },
	{ DSLICE, "", NULL, "{'spec':{'devices':[{'name':'d','attributes':{'a':{},'b':{'version':'1.2'},'c':{'int':1,'string':'x'}}},"
	  "{'name':'d'}]}}", "spec.devices[0].attributes[a]: Invalid value: \"\": exactly one value must be specified\n"
	  "spec.devices[0].attributes[b].version: Invalid value: \"1.2\": must be a string compatible with semver.org spec 2.0.0\n"
	  "spec.devices[0].attributes[c]: Invalid value: {\"int\":1,\"string\":\"x\"}: exactly one value must be specified\n"
	  "spec.devices[1]: Duplicate value: \"d\"" },
	{ DSLICE, "", NULL, "{'spec':{'devices':[{'name':'d','attributes':{'a.io/v':{'version':'1.2.3-rc.1+b'}},'capacity':{'mem':{'value':"
	  "'1Gi'}}}]}}", "" },
	{ DSLICE, "", NULL, "{'spec':{'devices':[{'name':'d','taints':[{'key':'a/b','effect':'No'}]}]}}", "spec.devices[0].taints[0].effect: "
	  "Unsupported value: \"No\": supported values: \"NoExecute\", \"NoSchedule\", \"None\"" },
	{ DSLICE, "", "", "{'spec':{'driver':'b.io'}}", "spec.driver: Invalid value: \"b.io\": field is immutable" },

	/* authorization */
	{ SAR, "", NULL, "{}", "" },
	{ SAR, "", NULL, "{'spec':{'user':null}}", "spec.user: Invalid value: \"\": at least one of user or group must be specified" },
	{ SAR, "", NULL, "{'spec':{'resourceAttributes':null}}", "spec.resourceAttributes: Invalid value: \"null\": exactly one of "
	  "nonResourceAttributes or resourceAttributes must be specified" },
	{ SAR, "", NULL, "{'spec':{'nonResourceAttributes':{'path':'/x'}}}", "spec.nonResourceAttributes: Invalid value: {\"path\":\"/x\"}: cannot "
	  "be specified in combination with resourceAttributes" },
	{ LSAR, "", NULL, "{'spec':{'resourceAttributes':{'namespace':'m'}}}",
	  "spec.resourceAttributes.namespace: Invalid value: \"m\": must match metadata.namespace" },
};

static void every_rule_says_what_upstream_says(void **state)
{
	judge(bases, cases, sizeof(cases) / sizeof(cases[0]));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(every_rule_says_what_upstream_says) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
