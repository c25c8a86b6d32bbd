/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of the core group's other kinds: what is said of a change of a well-formed object.
 * Drawn from the tests beside upstream's pkg/apis/core/validation.
 */
#include "judge.h"

#define SUBDOMAIN "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', " \
	"and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is " \
	"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
#define LABEL "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start " \
	"and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is " \
	"'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
#define LABEL_1035 "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an " \
	"alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for " \
	"validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"
#define QUALIFIED "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with " \
	"an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is " \
	"'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
#define LABEL_VALUE "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', " \
	"and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used " \
	"for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
#define CONFIG_KEY "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  " \
	"or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
#define CLAIM_UPDATE "spec: Forbidden: spec is immutable after creation except resources.requests and " \
	"volumeAttributesClassName for bound claims\n"
#define NOT_NEGATIVE ": must be greater than or equal to 0"
#define PORT_RANGE ": must be between 1 and 65535, inclusive"
#define BAD_IP "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
#define BAD_CIDR "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
#define BAD_RESOURCE "must be a standard resource type or fully qualified"
#define C0 "spec.containers[0]."
#define S(more) "{'spec':{" more "}}"

enum base { SVC, NODE, NS, EP, CM, SEC, SA, EV, EVN, LR, RQ, PV, PVC, RC, PT, BASES };
static const struct judge_base bases[BASES] = {
	[SVC] = { "v1 Service", "{'metadata':{'name':'x','namespace':'n','uid':'u','resourceVersion':'5'},'spec':{"
	  "'clusterIP':'10.0.0.5','clusterIPs':['10.0.0.5'],'ipFamilies':['IPv4'],'ipFamilyPolicy':'SingleStack',"
	  "'selector':{'a':'b'},'ports':[{'name':'p','port':80}]}}" },
	[NODE] = { "v1 Node", "{'metadata':{'name':'x','uid':'u','resourceVersion':'5'},'spec':{},'status':{"
	  "'capacity':{'cpu':'1'}}}" },
	[NS] = { "v1 Namespace", "{'metadata':{'name':'x','uid':'u','resourceVersion':'5'},'spec':{'finalizers':["
	  "'kubernetes']}}" },
	[EP] = { "v1 Endpoints", "{'metadata':{'name':'x','namespace':'n','uid':'u','resourceVersion':'5'},"
	  "'subsets':[{'addresses':[{'ip':'10.1.1.1'}],'ports':[{'name':'a','port':80}]}]}" },
	[CM] = { "v1 ConfigMap", "{'metadata':{'name':'x','namespace':'n','uid':'u','resourceVersion':'5'},"
	  "'data':{'a':'b'}}" },
	[SEC] = { "v1 Secret", "{'metadata':{'name':'x','namespace':'n','uid':'u','resourceVersion':'5'},'data':{"
	  "'a':'Yg=='}}" },
	[SA] = { "v1 ServiceAccount", "{'metadata':{'name':'x','namespace':'n','uid':'u','resourceVersion':'5'}}" },
	[EV] = { "v1 Event", "{'metadata':{'name':'x','namespace':'n','uid':'u','resourceVersion':'5'},"
	  "'involvedObject':{'kind':'Pod','namespace':'n','name':'p'},'reason':'r','message':'m'}" },
	[EVN] = { "events.k8s.io/v1 Event", "{'metadata':{'name':'x','namespace':'n','uid':'u',"
	  "'resourceVersion':'5'},'regarding':{'kind':'Pod','namespace':'n','name':'p'},'reason':'r','action':'a',"
	  "'type':'Normal','eventTime':'2026-01-01T00:00:00.000000Z','reportingController':'a.io/c',"
	  "'reportingInstance':'i'}" },
	[LR] = { "v1 LimitRange", "{'metadata':{'name':'x','namespace':'n','uid':'u','resourceVersion':'5'},"
	  "'spec':{'limits':[{'type':'Container','max':{'cpu':'2'}}]}}" },
	[RQ] = { "v1 ResourceQuota", "{'metadata':{'name':'x','namespace':'n','uid':'u','resourceVersion':'5'},"
	  "'spec':{'hard':{'cpu':'1'}}}" },
	[PV] = { "v1 PersistentVolume", "{'metadata':{'name':'x','uid':'u','resourceVersion':'5'},'spec':{"
	  "'capacity':{'storage':'1Gi'},'accessModes':['ReadWriteOnce'],'storageClassName':'s',"
	  "'persistentVolumeReclaimPolicy':'Retain','hostPath':{'path':'/d'}}}" },
	[PVC] = { "v1 PersistentVolumeClaim", "{'metadata':{'name':'x','namespace':'n','uid':'u',"
	  "'resourceVersion':'5'},'spec':{'accessModes':['ReadWriteOnce'],'storageClassName':'s','resources':{"
	  "'requests':{'storage':'1Gi'}}},'status':{'phase':'Bound'}}" },
	[RC] = { "v1 ReplicationController", "{'metadata':{'name':'x','namespace':'n','uid':'u',"
	  "'resourceVersion':'5'},'spec':{'replicas':1,'selector':{'a':'b'},'template':{'metadata':{'labels':{"
	  "'a':'b'}},'spec':{'containers':[{'name':'c','image':'i'}]}}}}" },
	[PT] = { "v1 PodTemplate", "{'metadata':{'name':'x','namespace':'n','uid':'u','resourceVersion':'5'},"
	  "'template':{'metadata':{'labels':{'a':'b'}},'spec':{'containers':[{'name':'c','image':'i'}]}}}" },
};

static const struct judge_case cases[] = {
	/* services */
	{ SVC, "", NULL, "{}", "" },
	{ SVC, "", NULL, "{'metadata':{'name':'1a'}}", "metadata.name: Invalid value: \"1a\": " LABEL_1035 },
	{ SVC, "", NULL, "{'metadata':{'name':'a.b'}}", "metadata.name: Invalid value: \"a.b\": " LABEL_1035 },
	{ SVC, "", NULL, S("'ports':[]"), "spec.ports: Required value" },
	{ SVC, "", NULL, S("'type':'No'"), "spec.type: Unsupported value: \"No\": supported values: \"ClusterIP\", "
	  "\"ExternalName\", \"LoadBalancer\", \"NodePort\"" },
	{ SVC, "", NULL, S("'sessionAffinity':'No'"), "spec.sessionAffinity: Unsupported value: \"No\": supported "
	  "values: \"ClientIP\", \"None\"" },
	{ SVC, "", NULL, S("'sessionAffinity':'ClientIP','sessionAffinityConfig':{'clientIP':{'timeoutSeconds':0}}"),
	  "spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 0: must be greater than 0 and less "
	  "than 86400" },
	{ SVC, "", NULL, S("'sessionAffinity':'ClientIP','sessionAffinityConfig':{'clientIP':{"
	  "'timeoutSeconds':86401}}"), "spec.sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 86401: "
	  "must be greater than 0 and less than 86400" },
	{ SVC, "", NULL, S("'selector':{'a b':'c'}"), "spec.selector: Invalid value: \"a b\": " QUALIFIED },
	{ SVC, "", NULL, S("'ports':[{'name':'p','port':0}]"), "spec.ports[0].port: Invalid value: 0" PORT_RANGE
	  "\nspec.ports[0].targetPort: Invalid value: 0" PORT_RANGE },
	{ SVC, "", NULL, S("'ports':[{'name':'p','port':65536}]"), "spec.ports[0].port: Invalid value: 65536"
	  PORT_RANGE "\nspec.ports[0].targetPort: Invalid value: 65536" PORT_RANGE },
	{ SVC, "", NULL, S("'ports':[{'name':'P','port':80}]"), "spec.ports[0].name: Invalid value: \"P\": " LABEL },
	{ SVC, "", NULL, S("'ports':[{'port':80},{'port':81}]"), "spec.ports[0].name: Required value\nspec.ports[1]."
	  "name: Required value" },
	{ SVC, "", NULL, S("'ports':[{'name':'p','port':80},{'name':'p','port':81}]"), "spec.ports[1].name: "
	  "Duplicate value: \"p\"" },
	{ SVC, "", NULL, S("'ports':[{'name':'p','port':80},{'name':'q','port':80}]"), "spec.ports[1]: Duplicate "
	  "value: {\"Name\":\"\",\"Protocol\":\"TCP\",\"AppProtocol\":null,\"Port\":80,\"TargetPort\":0,"
	  "\"NodePort\":0}" },
	{ SVC, "", NULL, S("'ports':[{'name':'p','port':80},{'name':'q','port':80,'protocol':'UDP'}]"), "" },
	{ SVC, "", NULL, S("'ports':[{'name':'p','port':80,'protocol':'No'}]"), "spec.ports[0].protocol: "
	  "Unsupported value: \"No\": supported values: \"SCTP\", \"TCP\", \"UDP\"" },
	{ SVC, "", NULL, S("'ports':[{'name':'p','port':80,'targetPort':'A'}]"), "spec.ports[0].targetPort: Invalid "
	  "value: \"A\": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)\nspec.ports[0]."
	  "targetPort: Invalid value: \"A\": must contain at least one letter (a-z)" },
	{ SVC, "", NULL, S("'ports':[{'name':'p','port':80,'targetPort':65536}]"), "spec.ports[0].targetPort: "
	  "Invalid value: 65536" PORT_RANGE },
	{ SVC, "", NULL, S("'ports':[{'name':'p','port':80,'appProtocol':'a b'}]"), "spec.ports[0].appProtocol: "
	  "Invalid value: \"a b\": " QUALIFIED },
	{ SVC, "", NULL, S("'ports':[{'name':'p','port':80,'nodePort':30000}]"), "spec.ports[0].nodePort: "
	  "Forbidden: may not be used when `type` is 'ClusterIP'" },
	{ SVC, "", NULL, S("'clusterIP':'x','clusterIPs':['x']"), "spec.clusterIPs[0]: Invalid value: \"x\": " BAD_IP
	  },
	{ SVC, "", NULL, S("'clusterIP':'10.0.0.5','clusterIPs':['10.0.0.6']"), "spec.clusterIPs: Invalid value: ["
	  "\"10.0.0.6\"]: first value must match `clusterIP`" },
	{ SVC, "", NULL, S("'clusterIPs':['10.0.0.5','10.0.0.6']"), "spec.clusterIPs: Invalid value: [\"10.0.0.5\","
	  "\"10.0.0.6\"]: may specify no more than one IP for each IP family" },
	{ SVC, "", NULL, S("'clusterIPs':['10.0.0.5','fd00::1','fd00::2']"), "spec.clusterIPs: Invalid value: [\"10."
	  "0.0.5\",\"fd00::1\",\"fd00::2\"]: may only hold up to 2 values\nspec.clusterIPs: Invalid value: [\"10.0."
	  "0.5\",\"fd00::1\",\"fd00::2\"]: may specify no more than one IP for each IP family" },
	{ SVC, "", NULL, S("'clusterIP':null"), "spec.clusterIPs: Invalid value: [\"10.0.0.5\"]: must be empty when "
	  "`clusterIP` is not specified" },
	{ SVC, "", NULL, S("'clusterIP':'None','clusterIPs':['None']"), "" },
	{ SVC, "", NULL, S("'clusterIP':'None','clusterIPs':['None','10.0.0.1']"), "spec.clusterIPs: Invalid value: "
	  "[\"None\",\"10.0.0.1\"]: 'None' must be the first and only value" },
	{ SVC, "", NULL, S("'clusterIP':'None','clusterIPs':['None'],'type':'NodePort'"), "spec.clusterIPs[0]: "
	  "Invalid value: \"None\": may not be set to 'None' for NodePort services" },
	{ SVC, "", NULL, S("'clusterIP':'None','clusterIPs':['None'],'type':'LoadBalancer'"),
	  "spec.clusterIPs[0]: Invalid value: \"None\": may not be set to 'None' for LoadBalancer services" },
	{ SVC, "", NULL, S("'clusterIP':'None','clusterIPs':['None'],'ports':[{'name':'p','port':80,'targetPort':81}"
	  "]"), "" },
	{ SVC, "", NULL, S("'ipFamilies':['IPv5']"), "spec.ipFamilies[0]: Unsupported value: \"IPv5\": supported "
	  "values: \"IPv4\", \"IPv6\"" },
	{ SVC, "", NULL, S("'ipFamilies':['IPv4','IPv4']"), "spec.ipFamilies[1]: Duplicate value: \"IPv4\"" },
	{ SVC, "", NULL, S("'ipFamilies':['IPv6']"), "spec.clusterIPs[0]: Invalid value: \"10.0.0.5\": expected an "
	  "IPv6 value as indicated by `ipFamilies[0]`" },
	{ SVC, "", NULL, S("'ipFamilyPolicy':'No'"), "spec.ipFamilyPolicy: Unsupported value: \"No\": supported "
	  "values: \"PreferDualStack\", \"RequireDualStack\", \"SingleStack\"" },
	{ SVC, "", NULL, S("'ipFamilies':['IPv4','IPv6']"), "" },
	{ SVC, "", NULL, S("'ipFamilies':['IPv4','IPv6'],'ipFamilyPolicy':'PreferDualStack'"), "" },
	{ SVC, "", NULL, S("'externalIPs':['x']"), "spec.externalIPs[0]: Invalid value: \"x\": " BAD_IP },
	{ SVC, "", NULL, S("'externalIPs':['127.0.0.1','0.0.0.0','169.254.1.1','224.0.0.1','::1']"),
	  "spec.externalIPs[0]: Invalid value: \"127.0.0.1\": may not be in the loopback range (127.0.0.0/8, "
	  "::1/128)\nspec.externalIPs[1]: Invalid value: \"0.0.0.0\": may not be unspecified (0.0.0.0)\nspec."
	  "externalIPs[2]: Invalid value: \"169.254.1.1\": may not be in the link-local range (169.254.0.0/16, "
	  "fe80::/10)\nspec.externalIPs[3]: Invalid value: \"224.0.0.1\": may not be in the link-local multicast "
	  "range (224.0.0.0/24, ff02::/10)\nspec.externalIPs[4]: Invalid value: \"::1\": may not be in the loopback "
	  "range (127.0.0.0/8, ::1/128)" },
	{ SVC, "", NULL, S("'externalTrafficPolicy':'Local'"), "spec.externalTrafficPolicy: Invalid value: "
	  "\"Local\": may only be set for externally-accessible services" },
	{ SVC, "", NULL, S("'type':'NodePort','externalTrafficPolicy':'No'"), "spec.externalTrafficPolicy: "
	  "Unsupported value: \"No\": supported values: \"Cluster\", \"Local\"" },
	{ SVC, "", NULL, S("'internalTrafficPolicy':'No'"), "spec.internalTrafficPolicy: Unsupported value: \"No\": "
	  "supported values: \"Cluster\", \"Local\"" },
	{ SVC, "", NULL, S("'internalTrafficPolicy':null,'type':'LoadBalancer'"), "" },
	{ SVC, "", NULL, S("'loadBalancerSourceRanges':['10.0.0.0/8']"), "spec.LoadBalancerSourceRanges: Forbidden: "
	  "may only be used when `type` is 'LoadBalancer'" },
	{ SVC, "", NULL, S("'type':'LoadBalancer','loadBalancerSourceRanges':['x']"),
	  "spec.LoadBalancerSourceRanges[0]: Invalid value: \"x\": " BAD_CIDR },
	{ SVC, "", NULL, "{'metadata':{'annotations':{'service.beta.kubernetes.io/load-balancer-source-ranges':'10."
	  "0.0.0/8'}}}", "metadata.annotations[service.beta.kubernetes.io/load-balancer-source-ranges]: Forbidden: "
	  "may only be used when `type` is 'LoadBalancer'" },
	{ SVC, "", NULL, "{'metadata':{'annotations':{'service.beta.kubernetes.io/load-balancer-source-ranges':'x, "
	  "10.0.0.0/8'}},'spec':{'type':'LoadBalancer'}}", "metadata.annotations[service.beta.kubernetes."
	  "io/load-balancer-source-ranges]: Invalid value: \"x\": " BAD_CIDR },
	{ SVC, "", NULL, S("'allocateLoadBalancerNodePorts':true"), "spec.allocateLoadBalancerNodePorts: Forbidden: "
	  "may only be used when `type` is 'LoadBalancer'" },
	{ SVC, "", NULL, S("'loadBalancerClass':'a.io/b'"), "spec.loadBalancerClass: Forbidden: may only be used "
	  "when `type` is 'LoadBalancer'" },
	{ SVC, "", NULL, S("'type':'LoadBalancer','loadBalancerClass':'A B'"), "spec.loadBalancerClass: Invalid "
	  "value: \"A B\": " QUALIFIED },
	{ SVC, "", NULL, S("'healthCheckNodePort':30000"), "spec.healthCheckNodePort: Invalid value: 30000: may "
	  "only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'" },
	{ SVC, "", NULL, S("'type':'LoadBalancer','externalTrafficPolicy':'Cluster','healthCheckNodePort':30000"),
	  "spec.healthCheckNodePort: Invalid value: 30000: may only be set when `type` is 'LoadBalancer' and "
	  "`externalTrafficPolicy` is 'Local'" },
	{ SVC, "", NULL, S("'trafficDistribution':'No'"), "spec.trafficDistribution: Unsupported value: \"No\": "
	  "supported values: \"PreferClose\", \"PreferSameZone\", \"PreferSameNode\"" },
	{ SVC, "", NULL, S("'trafficDistribution':'PreferClose'"), "" },
	{ SVC, "", NULL, S("'trafficDistribution':'PreferSameNode'"), "" },
	{ SVC, "", NULL, S("'type':'ExternalName','externalName':'a.b'"), "spec.clusterIPs: Forbidden: may not be "
	  "set for ExternalName services\nspec.ipFamilies: Forbidden: may not be set for ExternalName services\n"
	  "spec.ipFamilyPolicy: Forbidden: may not be set for ExternalName services" },
	{ SVC, "", NULL, S("'type':'ExternalName','clusterIP':null,'clusterIPs':null,'ipFamilies':null,"
	  "'ipFamilyPolicy':null,'externalName':'a.b'"), "" },
	{ SVC, "", NULL, S("'type':'ExternalName','clusterIP':null,'clusterIPs':null,'ipFamilies':null,"
	  "'ipFamilyPolicy':null"), "spec.externalName: Required value" },
	{ SVC, "", NULL, S("'type':'ExternalName','clusterIP':null,'clusterIPs':null,'ipFamilies':null,"
	  "'ipFamilyPolicy':null,'externalName':'A b'"), "spec.externalName: Invalid value: \"A b\": " SUBDOMAIN },
	{ SVC, "", NULL, S("'type':'ExternalName','clusterIP':'None','clusterIPs':['None'],'ipFamilies':null,"
	  "'ipFamilyPolicy':null,'externalName':'a.b'"), "spec.clusterIPs: Forbidden: may not be set for "
	  "ExternalName services" },
	{ SVC, "", NULL, S("'type':'NodePort','ports':[{'name':'p','port':80,'nodePort':30001},{'name':'q',"
	  "'port':81,'nodePort':30001}]"), "spec.ports[1].nodePort: Duplicate value: 30001" },
	{ SVC, "", NULL, S("'type':'NodePort','ports':[{'name':'p','port':80,'nodePort':30001},{'name':'q',"
	  "'port':80,'nodePort':30001,'protocol':'UDP'}]"), "" },
	{ SVC, "", NULL, S("'type':'LoadBalancer','ports':[{'name':'p','port':80,'nodePort':-1}]"), "" },
	{ SVC, "", "", S("'clusterIP':'10.0.0.6','clusterIPs':['10.0.0.6']"), "spec.clusterIPs[0]: Invalid value: ["
	  "\"10.0.0.6\"]: may not change once set" },
	{ SVC, "", "", S("'clusterIP':null,'clusterIPs':null,'ipFamilies':null,'ipFamilyPolicy':null,"
	  "'type':'ExternalName','externalName':'a.b'"), "" },
	{ SVC, "", "", S("'ipFamilies':['IPv6']"), "spec.ipFamilies[0]: Invalid value: [\"IPv6\"]: may not change "
	  "once set\nspec.clusterIPs[0]: Invalid value: \"10.0.0.5\": expected an IPv6 value as indicated by "
	  "`ipFamilies[0]`" },
	{ SVC, "", "", S("'selector':{'a':'c'},'ports':[{'name':'q','port':81}]"), "" },
	{ SVC, "", S("'type':'LoadBalancer','loadBalancerClass':'a.io/b'"), S("'type':'LoadBalancer',"
	  "'loadBalancerClass':'a.io/c'"), "spec.loadBalancerClass: Invalid value: \"a.io/c\": may not change once "
	  "set" },
	{ SVC, "", "", S("'type':'LoadBalancer','loadBalancerClass':'a.io/b'"), "" },
	{ SVC, "", "", S("'type':'NodePort'"), "" },
	{ SVC, "status", "", "{'status':{'loadBalancer':{'ingress':[{'ip':'1.2.3.4'}]}}}", "status.loadBalancer."
	  "ingress: Forbidden: may only be used when `spec.type` is 'LoadBalancer'" },
	{ SVC, "status", S("'type':'LoadBalancer'"), "{'spec':{'type':'LoadBalancer'},'status':{'loadBalancer':{"
	  "'ingress':[{'ip':'x'},{'hostname':'A b'},{'hostname':'1.2.3.4'},{'ip':'1.2.3.4','ipMode':'No'},{"
	  "'hostname':'a.b','ipMode':'VIP'}]}}}", "status.loadBalancer.ingress[0].ip: Invalid value: \"x\": " BAD_IP
	  "\nstatus.loadBalancer.ingress[1].hostname: Invalid value: \"A b\": " SUBDOMAIN "\nstatus.loadBalancer."
	  "ingress[2].hostname: Invalid value: \"1.2.3.4\": must be a DNS name, not an IP address\nstatus."
	  "loadBalancer.ingress[3].ipMode: Unsupported value: \"No\": supported values: \"Proxy\", \"VIP\"\nstatus."
	  "loadBalancer.ingress[4].ipMode: Forbidden: may not be specified when `ip` is not set" },
	{ SVC, "status", "", "{'status':{'conditions':[{'type':'A','status':'No','reason':'','message':'',"
	  "'lastTransitionTime':null}]}}", "" },

	/* nodes */
	{ NODE, "", NULL, "{}", "" },
	{ NODE, "", NULL, "{'metadata':{'name':'A_b'}}", "metadata.name: Invalid value: \"A_b\": " SUBDOMAIN },
	{ NODE, "", NULL, S("'taints':[{'key':'','effect':''}]"), "metadata.taints[0].key: Invalid value: \"\": "
	  "name part must be non-empty\nmetadata.taints[0].key: Invalid value: \"\": " QUALIFIED
	  "\nmetadata.taints[0].effect: Required value" },
	{ NODE, "", NULL, S("'taints':[{'key':'a','effect':'No'}]"), "metadata.taints[0].effect: Unsupported value: "
	  "\"No\": supported values: \"NoSchedule\", \"PreferNoSchedule\", \"NoExecute\"" },
	{ NODE, "", NULL, S("'taints':[{'key':'a','effect':'NoSchedule','value':'a b'}]"), "metadata.taints[0]."
	  "value: Invalid value: \"a b\": " LABEL_VALUE },
	{ NODE, "", NULL, S("'taints':[{'key':'a','effect':'NoSchedule'},{'key':'a','effect':'NoSchedule',"
	  "'value':'b'}]"), "metadata.taints[1]: Duplicate value: {\"key\":\"a\",\"value\":\"b\","
	  "\"effect\":\"NoSchedule\"}: taints must be unique by key and effect pair" },
	{ NODE, "", NULL, S("'podCIDR':'x','podCIDRs':['x']"), "spec.podCIDRs[0]: Invalid value: \"x\": " BAD_CIDR },
	{ NODE, "", NULL, S("'podCIDR':'10.0.0.0/24','podCIDRs':['10.0.0.0/24','10.0.1.0/24']"),
	  "spec.podCIDRs: Invalid value: [\"10.0.0.0/24\",\"10.0.1.0/24\"]: may specify no more than one CIDR for "
	  "each IP family" },
	{ NODE, "", NULL, S("'podCIDR':'10.0.0.0/24','podCIDRs':['10.0.0.0/24','fd00::/64']"), "" },
	{ NODE, "", NULL, "{'status':{'capacity':{'cpu':'-1'}}}", "status.capacity.cpu: Invalid value: \"-1\""
	  NOT_NEGATIVE "\nstatus.allocatable.cpu: Invalid value: \"-1\"" NOT_NEGATIVE },
	{ NODE, "", NULL, "{'metadata':{'annotations':{'scheduler.alpha.kubernetes.io/preferAvoidPods':'x'}}}", "" },
	{ NODE, "", S("'podCIDR':'10.0.0.0/24','podCIDRs':['10.0.0.0/24']"), S("'podCIDR':'10.0.1.0/24','podCIDRs':["
	  "'10.0.1.0/24']"), "spec.podCIDRs: Forbidden: node updates may not change podCIDR except from \"\" to valid"
	  },
	{ NODE, "", "", S("'podCIDR':'10.0.0.0/24','podCIDRs':['10.0.0.0/24']"), "" },
	{ NODE, "", S("'podCIDR':'10.0.0.0/24','podCIDRs':['10.0.0.0/24']"), S("'podCIDR':null"),
	  "spec.podCIDRs: Forbidden: node updates may not change podCIDR except from \"\" to valid" },
	{ NODE, "", S("'providerID':'a'"), S("'providerID':'b'"), "spec.providerID: Forbidden: node updates may not "
	  "change providerID except from \"\" to valid" },
	{ NODE, "", "", S("'providerID':'b'"), "" },
	{ NODE, "", "", S("'unschedulable':true,'taints':[{'key':'a','effect':'NoSchedule'}]"), "" },
	{ NODE, "", S("'externalID':'a'"), S("'externalID':'b'"), "spec.externalID: Forbidden: may not be updated" },
	{ NODE, "", S("'configSource':{'configMap':{'name':'m','namespace':'n','kubeletConfigKey':'k'}}"),
	  S("'configSource':{'configMap':{'name':'m','namespace':'n','kubeletConfigKey':'k','uid':'u'}}"),
	  "spec.configSource.configMap.uid: Forbidden: uid must not be set in spec" },
	{ NODE, "status", "", "{'status':{'addresses':[{'type':'InternalIP','address':'1.1.1.1'},{"
	  "'type':'InternalIP','address':'1.1.1.1'}]}}", "status.addresses[1]: Duplicate value: {"
	  "\"Type\":\"InternalIP\",\"Address\":\"1.1.1.1\"}" },

	/* namespaces */
	{ NS, "", NULL, "{}", "" },
	{ NS, "", NULL, "{'metadata':{'name':'a.b'}}", "metadata.name: Invalid value: \"a.b\": " LABEL },
	{ NS, "", NULL, "{'metadata':{'name':'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa'}}",
	  "metadata.name: Invalid value: \"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\": must "
	  "be no more than 63 bytes\nmetadata.labels: Invalid value: "
	  "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\": must be no more than 63 bytes" },
	{ NS, "", NULL, S("'finalizers':['a b']"), "spec.finalizers: Invalid value: \"a b\": " QUALIFIED
	  "\nspec.finalizers: Invalid value: \"a b\": name is neither a standard finalizer name nor is it fully "
	  "qualified" },
	{ NS, "", "", S("'finalizers':['a.io/b']"), "" },
	{ NS, "finalize", "", S("'finalizers':['a.io/b']"), "" },
	{ NS, "finalize", "", S("'finalizers':['b']"), "spec.finalizers[0]: Invalid value: \"b\": name is neither a "
	  "standard finalizer name nor is it fully qualified" },
	{ NS, "status", "", "{'status':{'phase':'Terminating'}}", "status.Phase: Invalid value: \"Terminating\": "
	  "may only be 'Active' if `deletionTimestamp` is empty" },
	{ NS, "status", "{'metadata':{'deletionTimestamp':'2026-01-01T00:00:00Z'}}",
	  "{'status':{'phase':'Terminating'},'metadata':{'deletionTimestamp':'2026-01-01T00:00:00Z'}}", "" },
	{ NS, "status", "{'metadata':{'deletionTimestamp':'2026-01-01T00:00:00Z'}}", "{'status':{'phase':'Active'},"
	  "'metadata':{'deletionTimestamp':'2026-01-01T00:00:00Z'}}", "status.Phase: Invalid value: \"Active\": may "
	  "only be 'Terminating' if `deletionTimestamp` is not empty" },

	/* endpoints */
	{ EP, "", NULL, "{}", "" },
	{ EP, "", NULL, "{'subsets':[{}]}", "subsets[0]: Required value: must specify `addresses` or "
	  "`notReadyAddresses`" },
	{ EP, "", NULL, "{'subsets':[{'addresses':[{'ip':'x'}],'ports':[{'port':1}]}]}", "subsets[0].addresses[0]."
	  "ip: Invalid value: \"x\": " BAD_IP "\nsubsets[0].addresses[0].ip: Invalid value: \"x\": must be a valid "
	  "IP address" },
	{ EP, "", NULL, "{'subsets':[{'addresses':[{'ip':'127.0.0.1'}],'ports':[{'port':1}]}]}",
	  "subsets[0].addresses[0].ip: Invalid value: \"127.0.0.1\": may not be in the loopback range (127.0.0.0/8, "
	  "::1/128)" },
	{ EP, "", NULL, "{'subsets':[{'addresses':[{'ip':'169.254.0.1'}],'ports':[{'port':1}]}]}",
	  "subsets[0].addresses[0].ip: Invalid value: \"169.254.0.1\": may not be in the link-local range (169.254."
	  "0.0/16, fe80::/10)" },
	{ EP, "", NULL, "{'subsets':[{'addresses':[{'ip':'224.0.0.1'}],'ports':[{'port':1}]}]}",
	  "subsets[0].addresses[0].ip: Invalid value: \"224.0.0.1\": may not be in the link-local multicast range "
	  "(224.0.0.0/24, ff02::/10)" },
	{ EP, "", NULL, "{'subsets':[{'addresses':[{'ip':'0.0.0.0'}],'ports':[{'port':1}]}]}",
	  "subsets[0].addresses[0].ip: Invalid value: \"0.0.0.0\": may not be unspecified (0.0.0.0)" },
	{ EP, "", NULL, "{'subsets':[{'addresses':[{'ip':'10.0.0.1','hostname':'A','nodeName':'B C'}],'ports':[{"
	  "'port':1}]}]}", "subsets[0].addresses[0].hostname: Invalid value: \"A\": " LABEL
	  "\nsubsets[0].addresses[0].nodeName: Invalid value: \"B C\": " SUBDOMAIN },
	{ EP, "", NULL, "{'subsets':[{'addresses':[{'ip':'10.0.0.1'}],'ports':[{'port':1},{'port':2}]}]}",
	  "subsets[0].ports[0].name: Required value\nsubsets[0].ports[1].name: Required value" },
	{ EP, "", NULL, "{'subsets':[{'addresses':[{'ip':'10.0.0.1'}],'ports':[{'name':'A','port':0,'protocol':'No',"
	  "'appProtocol':'a b'}]}]}", "subsets[0].ports[0].name: Invalid value: \"A\": " LABEL
	  "\nsubsets[0].ports[0].port: Invalid value: 0" PORT_RANGE "\nsubsets[0].ports[0].protocol: Unsupported "
	  "value: \"No\": supported values: \"SCTP\", \"TCP\", \"UDP\"\nsubsets[0].ports[0].appProtocol: Invalid "
	  "value: \"a b\": " QUALIFIED },
	{ EP, "", NULL, "{'subsets':[{'notReadyAddresses':[{'ip':'10.0.0.1'}]}]}", "" },
	{ EP, "", NULL, "{'metadata':{'annotations':{'endpoints.kubernetes.io/last-change-trigger-time':'x'}}}", "" },
	{ EP, "", "{'subsets':[{'addresses':[{'ip':'10.0.0.2','nodeName':'a'}],'ports':[{'port':1}]}]}",
	  "{'subsets':[{'addresses':[{'ip':'10.0.0.2','nodeName':'b'}],'ports':[{'port':1}]}]}", "" },

	/* config maps */
	{ CM, "", NULL, "{}", "" },
	{ CM, "", NULL, "{'metadata':{'name':'A'}}", "metadata.name: Invalid value: \"A\": " SUBDOMAIN },
	/* U+0000 ends no text. */
	{ CM, "", NULL, "{'metadata':{'name':'a\\u0000b'}}", "metadata.name: Invalid value: \"a\\u0000b\": " SUBDOMAIN },
	{ CM, "", NULL, "{'metadata':{'namespace':'n\\u0000'}}", "metadata.namespace: Invalid value: \"n\\u0000\": " LABEL },
	{ CM, "", NULL, "{'metadata':{'labels':{'a\\u0000':'b\\u0000/'}}}", "metadata.labels: Invalid value: \"a\\u0000\": " QUALIFIED
	  "\nmetadata.labels: Invalid value: \"b\\u0000/\": " LABEL_VALUE },
	{ CM, "", NULL, "{'metadata':{'annotations':{'a\\u0000':'\\u0000'}}}", "metadata.annotations: Invalid value: \"a\\u0000\": " QUALIFIED },
	{ CM, "", NULL, "{'metadata':{'finalizers':['x/y\\u0000']}}", "metadata.finalizers: Invalid value: \"x/y\\u0000\": " QUALIFIED },
	{ CM, "", NULL, "{'data':{'a':'\\u0000\\u0001'}}", "" },
	{ CM, "", "{'immutable':true,'data':{'a':'\\u0000'}}", "{'immutable':true,'data':{'a':'\\u0000'}}", "" },
	{ CM, "", "{'immutable':true,'data':{'a':'\\u0000'}}", "{'immutable':true,'data':{'a':'\\u0001'}}",
	  "data: Forbidden: field is immutable when `immutable` is set" },
	{ CM, "", NULL, "{'data':{'a b':'c'}}", "data[a b]: Invalid value: \"a b\": " CONFIG_KEY },
	{ CM, "", NULL, "{'data':{'..':'c','.':'d','..a':'e'}}", "data[.]: Invalid value: \".\": must not be '.'\n"
	  "data[..]: Invalid value: \"..\": must not be '..'\ndata[..a]: Invalid value: \"..a\": must not start "
	  "with '..'" },
	{ CM, "", NULL, "{'data':{'a':'b'},'binaryData':{'a':'Yg=='}}", "data[a]: Invalid value: \"a\": duplicate "
	  "of key present in binaryData" },
	{ CM, "", NULL, "{'binaryData':{'a/b':'Yg=='}}", "binaryData[a/b]: Invalid value: \"a/b\": " CONFIG_KEY },
	{ CM, "", NULL,
	  "{'data':{'kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
	  "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
	  "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk':'b'}}",
	  "data[kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
	  "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
	  "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk]: Invalid value: "
	  "\"kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
	  "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
	  "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk\": must be no more than 253 bytes" },
	{ CM, "", "", "{'data':{'a':'c'}}", "" },
	{ CM, "", "{'immutable':true}", "{'immutable':true,'data':{'a':'c'}}", "data: Forbidden: field is immutable "
	  "when `immutable` is set" },
	{ CM, "", "{'immutable':true}", "{'immutable':null}", "immutable: Forbidden: field is immutable when "
	  "`immutable` is set" },
	{ CM, "", "{'immutable':true}", "{'immutable':false}", "immutable: Forbidden: field is immutable when "
	  "`immutable` is set" },
	{ CM, "", "{'immutable':true}", "{'immutable':true,'binaryData':{'z':'Yg=='}}", "binaryData: Forbidden: "
	  "field is immutable when `immutable` is set" },
	{ CM, "", "{'immutable':true}", "{'immutable':true,'metadata':{'labels':{'a':'b'}}}", "" },

	/* secrets */
	{ SEC, "", NULL, "{}", "" },
	{ SEC, "", NULL, "{'data':{'a b':'Yg=='}}", "data[a b]: Invalid value: \"a b\": " CONFIG_KEY },
	{ SEC, "", NULL, "{'type':'kubernetes.io/service-account-token'}", "metadata.annotations[kubernetes."
	  "io/service-account.name]: Required value" },
	{ SEC, "", NULL, "{'type':'kubernetes.io/service-account-token','metadata':{'annotations':{'kubernetes."
	  "io/service-account.name':'s'}}}", "" },
	{ SEC, "", NULL, "{'type':'kubernetes.io/dockercfg'}", "data[.dockercfg]: Required value" },
	{ SEC, "", NULL, "{'type':'kubernetes.io/dockercfg','data':{'.dockercfg':'e30='}}", "" },
	{ SEC, "", NULL, "{'type':'kubernetes.io/dockercfg','data':{'.dockercfg':'eA=='}}",
	  "data[.dockercfg]: Invalid value: \"<secret contents redacted>\": invalid character 'x' looking for "
	  "beginning of value" },
	{ SEC, "", NULL, "{'type':'kubernetes.io/dockerconfigjson'}", "data[.dockerconfigjson]: Required value" },
	{ SEC, "", NULL, "{'type':'kubernetes.io/dockerconfigjson','data':{'.dockerconfigjson':'eA=='}}",
	  "data[.dockerconfigjson]: Invalid value: \"<secret contents redacted>\": invalid character 'x' looking "
	  "for beginning of value" },
	{ SEC, "", NULL, "{'type':'kubernetes.io/basic-auth'}", "data[username]: Required value\ndata[password]: "
	  "Required value" },
	{ SEC, "", NULL, "{'type':'kubernetes.io/basic-auth','data':{'username':'Yg=='}}", "" },
	{ SEC, "", NULL, "{'type':'kubernetes.io/ssh-auth'}", "data[ssh-privatekey]: Required value" },
	{ SEC, "", NULL, "{'type':'kubernetes.io/ssh-auth','data':{'ssh-privatekey':''}}", "data[ssh-privatekey]: "
	  "Required value" },
	{ SEC, "", NULL, "{'type':'kubernetes.io/tls'}", "data[tls.crt]: Required value\ndata[tls.key]: Required "
	  "value" },
	{ SEC, "", NULL, "{'type':'kubernetes.io/tls','data':{'tls.crt':'Yg==','tls.key':'Yg=='}}", "" },
	{ SEC, "", NULL, "{'type':'bootstrap.kubernetes.io/token'}", "" },
	{ SEC, "", NULL, "{'type':'example.com/any'}", "" },
	{ SEC, "", "", "{'type':'other'}", "type: Invalid value: \"other\": field is immutable" },
	{ SEC, "", "", "{'data':{'a':'Yw=='}}", "" },
	{ SEC, "", "{'immutable':true}", "{'immutable':true,'data':{'a':'Yw=='}}", "data: Forbidden: field is "
	  "immutable when `immutable` is set" },
	{ SEC, "", "{'immutable':true}", "{'immutable':null}", "immutable: Forbidden: field is immutable when "
	  "`immutable` is set" },
	{ SEC, "", "{'immutable':true}", "{'immutable':true,'metadata':{'annotations':{'a':'b'}}}", "" },

	/* service accounts */
	{ SA, "", NULL, "{}", "" },
	{ SA, "", NULL, "{'metadata':{'name':'A'}}", "metadata.name: Invalid value: \"A\": " SUBDOMAIN },

	/* events */
	{ EV, "", NULL, "{}", "" },
	{ EV, "", NULL, "{'involvedObject':{'namespace':'m'}}", "involvedObject.namespace: Invalid value: \"m\": "
	  "does not match event.namespace" },
	{ EV, "", NULL, "{'metadata':{'namespace':'default'},'involvedObject':{'kind':'Node','namespace':null}}", ""
	  },
	{ EV, "", NULL, "{'involvedObject':{'kind':'Node','namespace':null}}", "involvedObject.namespace: Invalid "
	  "value: \"\": does not match event.namespace" },
	{ EV, "", NULL, "{'involvedObject':{'apiVersion':'v1','kind':'Pod','namespace':null}}",
	  "involvedObject.namespace: Invalid value: \"\": does not match event.namespace" },
	{ EV, "", NULL, "{'type':'No'}", "" },
	{ EV, "", NULL, "{'eventTime':'2026-01-01T00:00:00.000000Z'}", "reportingController: Required value\n"
	  "reportingController: Invalid value: \"\": name part must be non-empty\nreportingController: Invalid "
	  "value: \"\": " QUALIFIED "\nreportingInstance: Required value\naction: Required value" },
	{ EV, "", NULL, "{'eventTime':'2026-01-01T00:00:00.000000Z','reportingComponent':'a.io/c',"
	  "'reportingInstance':'i','action':'a','type':'Normal'}", "" },
	{ EV, "", NULL,
	  "{'reason':'rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr"
	  "rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr"
	  "r'}", "" },
	{ EV, "", NULL,
	  "{'message':'mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm"
	  "mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm"
	  "mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm"
	  "mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm"
	  "mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm"
	  "mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm"
	  "mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm"
	  "mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm"
	  "mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm"
	  "mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm"
	  "mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm"
	  "mmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmmm'}", "" },
	{ EV, "", "", "{'count':2,'message':'n'}", "" },
	{ EV, "", "{'eventTime':'2026-01-01T00:00:00.000000Z','reportingComponent':'a.io/c','reportingInstance':'i',"
	  "'action':'a','type':'Normal'}", "{'eventTime':'2026-01-01T00:00:00.000000Z','reportingComponent':'a."
	  "io/c','reportingInstance':'i','action':'b','type':'Normal'}", "" },

	/* events of events.k8s.io */
	{ EVN, "", NULL, "{}", "" },
	{ EVN, "", NULL, "{'eventTime':null}", "eventTime: Required value" },
	{ EVN, "", NULL, "{'reportingController':'','reportingInstance':'','action':'','reason':'','type':''}",
	  "reportingController: Required value\nreportingController: Invalid value: \"\": name part must be "
	  "non-empty\nreportingController: Invalid value: \"\": " QUALIFIED "\nreportingInstance: Required value\n"
	  "action: Required value\nreason: Required value\ntype: Invalid value: \"\": has invalid value: " },
	{ EVN, "", NULL, "{'reportingController':'a b','type':'No'}", "reportingController: Invalid value: \"a b\": "
	  QUALIFIED "\ntype: Invalid value: \"\": has invalid value: No" },
	{ EVN, "", NULL,
	  "{'reportingInstance':'iiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiii"
	  "iiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiiii',"
	  "'action':'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',"
	  "'reason':'rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr"
	  "rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr'}", "reportingInstance: Invalid value: \"\": can have at most 128 "
	  "characters\naction: Invalid value: \"\": can have at most 128 characters\nreason: Invalid value: \"\": "
	  "can have at most 128 characters" },
	{ EVN, "", NULL,
	  "{'note':'nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
	  "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
	  "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
	  "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
	  "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
	  "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
	  "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
	  "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
	  "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn"
	  "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn'}",
	  "message: Invalid value: \"\": can have at most 1024 characters" },
	{ EVN, "", NULL, "{'series':{'count':1,'lastObservedTime':'2026-01-01T00:00:00.000000Z'}}",
	  "series.count: Invalid value: \"\": should be at least 2" },
	{ EVN, "", NULL, "{'series':{'count':2,'lastObservedTime':null}}", "series.lastObservedTime: Required value"
	  },
	{ EVN, "", NULL, "{'deprecatedCount':1}", "count: Invalid value: \"\": needs to be unset" },
	{ EVN, "", NULL, "{'deprecatedSource':{'component':'c'}}", "source: Invalid value: \"\": needs to be unset" },
	{ EVN, "", NULL, "{'deprecatedFirstTimestamp':'2026-01-01T00:00:00Z'}", "firstTimestamp: Invalid value: "
	  "\"\": needs to be unset" },
	{ EVN, "", NULL, "{'regarding':{'namespace':'m'}}", "" },
	{ EVN, "", "{'series':{'count':2,'lastObservedTime':'2026-01-01T00:00:00.000000Z'}}",
	  "{'series':{'count':3,'lastObservedTime':'2026-01-01T00:00:00.000000Z'}}", "" },
	{ EVN, "", "", "{'note':'x'}", "message: Invalid value: \"x\": field is immutable" },
	{ EVN, "", "", "{'action':'b'}", "action: Invalid value: \"b\": field is immutable" },
	{ EVN, "", "", "{'regarding':{'name':'q'}}", "involvedObject: Invalid value: {\"kind\":\"Pod\","
	  "\"namespace\":\"n\",\"name\":\"q\"}: field is immutable" },
	{ EVN, "", "", "{'eventTime':'2026-01-02T00:00:00.000000Z'}", "eventTime: Invalid value: "
	  "\"2026-01-02T00:00:00.000000Z\": field is immutable" },

	/* limit ranges */
	{ LR, "", NULL, "{}", "" },
	{ LR, "", NULL, S("'limits':[{'type':'No'}]"), "spec.limits[0].type: Invalid value: \"No\": must be a "
	  "standard limit type or fully qualified" },
	{ LR, "", NULL, S("'limits':[{'type':'Container'},{'type':'Container'}]"), "spec.limits[1].type: Duplicate "
	  "value: \"Container\"" },
	{ LR, "", NULL, S("'limits':[{'type':'','max':{'cpu':'1'}}]"), "spec.limits[0].type: Invalid value: \"\": "
	  "name part must be non-empty" },
	{ LR, "", NULL, S("'limits':[{'type':'Container','max':{'cpu':'1'},'min':{'cpu':'2'}}]"),
	  "spec.limits[0].min[cpu]: Invalid value: \"2\": min value 2 is greater than max value 1\nspec.limits[0]."
	  "defaultRequest[cpu]: Invalid value: \"1\": min value 2 is greater than default request value 1\nspec."
	  "limits[0].default[cpu]: Invalid value: \"2\": min value 2 is greater than default value 1" },
	{ LR, "", NULL, S("'limits':[{'type':'Container','max':{'cpu':'1'},'default':{'cpu':'2'}}]"),
	  "spec.limits[0].defaultRequest[cpu]: Invalid value: \"2\": default request value 2 is greater than max "
	  "value 1\nspec.limits[0].default[cpu]: Invalid value: \"1\": default value 2 is greater than max value 1" },
	{ LR, "", NULL, S("'limits':[{'type':'Container','min':{'cpu':'2'},'default':{'cpu':'1'}}]"),
	  "spec.limits[0].defaultRequest[cpu]: Invalid value: \"1\": min value 2 is greater than default request "
	  "value 1\nspec.limits[0].default[cpu]: Invalid value: \"2\": min value 2 is greater than default value 1" },
	{ LR, "", NULL, S("'limits':[{'type':'Container','min':{'cpu':'2'},'defaultRequest':{'cpu':'1'},'default':{"
	  "'cpu':'3'}}]"), "spec.limits[0].defaultRequest[cpu]: Invalid value: \"1\": min value 2 is greater than "
	  "default request value 1" },
	{ LR, "", NULL, S("'limits':[{'type':'Container','default':{'cpu':'1'},'defaultRequest':{'cpu':'2'}}]"),
	  "spec.limits[0].defaultRequest[cpu]: Invalid value: \"2\": default request value 2 is greater than "
	  "default limit value 1" },
	{ LR, "", NULL, S("'limits':[{'type':'Pod','default':{'cpu':'1'},'defaultRequest':{'cpu':'1'}}]"),
	  "spec.limits[0].default: Forbidden: may not be specified when `type` is 'Pod'\nspec.limits[0]."
	  "defaultRequest: Forbidden: may not be specified when `type` is 'Pod'" },
	{ LR, "", NULL, S("'limits':[{'type':'Container','maxLimitRequestRatio':{'cpu':'500m'}}]"),
	  "spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: \"500m\": ratio 500m is less than 1" },
	{ LR, "", NULL, S("'limits':[{'type':'Container','max':{'cpu':'4'},'min':{'cpu':'2'},"
	  "'maxLimitRequestRatio':{'cpu':'3'}}]"), "spec.limits[0].maxLimitRequestRatio[cpu]: Invalid value: \"3\": "
	  "ratio 3 is greater than max/min = 2.000000" },
	{ LR, "", NULL, S("'limits':[{'type':'Container','max':{'nope':'4'}}]"), "spec.limits[0].max[nope]: Invalid "
	  "value: \"nope\": " BAD_RESOURCE "\nspec.limits[0].max[nope]: Invalid value: \"nope\": must be a standard "
	  "resource for containers\nspec.limits[0].default[nope]: Invalid value: \"nope\": " BAD_RESOURCE
	  "\nspec.limits[0].default[nope]: Invalid value: \"nope\": must be a standard resource for containers\n"
	  "spec.limits[0].defaultRequest[nope]: Invalid value: \"nope\": " BAD_RESOURCE "\nspec.limits[0]."
	  "defaultRequest[nope]: Invalid value: \"nope\": must be a standard resource for containers" },
	{ LR, "", NULL, S("'limits':[{'type':'PersistentVolumeClaim'}]"), "spec.limits[0].limits: Required value: "
	  "either minimum or maximum storage value is required, but neither was provided" },
	{ LR, "", NULL, S("'limits':[{'type':'PersistentVolumeClaim','min':{'storage':'1Gi'}}]"), "" },
	{ LR, "", NULL, S("'limits':[{'type':'Container','max':{'a.io/x':'2'},'default':{'a.io/x':'2'},"
	  "'defaultRequest':{'a.io/x':'1'}}]"), "spec.limits[0].defaultRequest[a.io/x]: Invalid value: \"1\": "
	  "default value 2 must equal to defaultRequest value 1 in a.io/x" },
	{ LR, "", NULL, "{'metadata':{'name':'A'}}", "metadata.name: Invalid value: \"A\": " SUBDOMAIN },

	/* quotas */
	{ RQ, "", NULL, "{}", "" },
	{ RQ, "", NULL, S("'hard':{'nope':'1'}"), "spec.hard[nope]: Invalid value: \"nope\": " BAD_RESOURCE
	  "\nspec.hard[nope]: Invalid value: \"nope\": must be a standard resource for quota" },
	{ RQ, "", NULL, S("'hard':{'pods':'1500m'}"), "spec.hard[pods]: Invalid value: \"1500m\": must be an integer"
	  },
	{ RQ, "", NULL, S("'hard':{'cpu':'-1'}"), "spec.hard[cpu]: Invalid value: \"-1\"" NOT_NEGATIVE },
	{ RQ, "", NULL, S("'hard':{'requests.a.io/gpu':'1'}"), "" },
	{ RQ, "", NULL, S("'hard':{'a.io/gpu':'1'}"), "" },
	{ RQ, "", NULL, S("'hard':{'limits.a.io/gpu':'1'}"), "" },
	{ RQ, "", NULL, S("'hard':{'count/deployments.apps':'1'}"), "" },
	{ RQ, "", NULL, S("'hard':{'gold.storageclass.storage.k8s.io/requests.storage':'1Gi'}"), "" },
	{ RQ, "", NULL, S("'scopes':['No']"), "spec.scopes: Invalid value: [\"No\"]: unsupported scope" },
	{ RQ, "", NULL, S("'scopes':['BestEffort','NotBestEffort']"), "spec.scopes: Invalid value: [\"BestEffort\","
	  "\"NotBestEffort\"]: unsupported scope applied to resource\nspec.scopes: Invalid value: [\"BestEffort\","
	  "\"NotBestEffort\"]: conflicting scopes" },
	{ RQ, "", NULL, S("'scopes':['Terminating','NotTerminating']"), "spec.scopes: Invalid value: ["
	  "\"Terminating\",\"NotTerminating\"]: conflicting scopes" },
	{ RQ, "", NULL, S("'scopes':['BestEffort']"), "spec.scopes: Invalid value: [\"BestEffort\"]: unsupported "
	  "scope applied to resource" },
	{ RQ, "", NULL, S("'scopes':['NotTerminating'],'hard':{'services':'1'}"), "spec.scopes: Invalid value: ["
	  "\"NotTerminating\"]: unsupported scope applied to resource" },
	{ RQ, "", NULL, S("'scopeSelector':{'matchExpressions':[{'scopeName':'PriorityClass','operator':'In'}]}"),
	  "spec.scopeSelector.matchExpressions.values: Required value: must be at least one value when `operator` "
	  "is 'In' or 'NotIn' for scope selector" },
	{ RQ, "", NULL, S("'scopeSelector':{'matchExpressions':[{'scopeName':'PriorityClass','operator':'Exists',"
	  "'values':['a']}]}"), "spec.scopeSelector.matchExpressions.values: Invalid value: [\"a\"]: must be no "
	  "value when `operator` is 'Exist' or 'DoesNotExist' for scope selector" },
	{ RQ, "", NULL, S("'scopeSelector':{'matchExpressions':[{'scopeName':'BestEffort','operator':'In','values':["
	  "'a']}]}"), "spec.scopeSelector.matchExpressions: Invalid value: {\"matchExpressions\":[{"
	  "\"scopeName\":\"BestEffort\",\"operator\":\"In\",\"values\":[\"a\"]}]}: unsupported scope applied to "
	  "resource\nspec.scopeSelector.matchExpressions.operator: Invalid value: \"In\": must be 'Exists' when "
	  "scope is any of ResourceQuotaScopeTerminating, ResourceQuotaScopeNotTerminating, "
	  "ResourceQuotaScopeBestEffort, ResourceQuotaScopeNotBestEffort or "
	  "ResourceQuotaScopeCrossNamespacePodAffinity" },
	{ RQ, "", NULL, S("'scopeSelector':{'matchExpressions':[{'scopeName':'PriorityClass','operator':'No'}]}"),
	  "spec.scopeSelector.matchExpressions.operator: Invalid value: \"No\": not a valid selector operator" },
	{ RQ, "", NULL, S("'scopeSelector':{'matchExpressions':[{'scopeName':'CrossNamespacePodAffinity',"
	  "'operator':'Exists'}]},'hard':{'pods':'1'}"), "" },
	{ RQ, "", "", S("'hard':{'cpu':'2'}"), "" },
	{ RQ, "", "", S("'scopes':['Terminating']"), "spec.scopes: Invalid value: [\"Terminating\"]: field is "
	  "immutable" },
	{ RQ, "", S("'scopes':['NotTerminating']"), S("'scopes':['Terminating']"), "spec.scopes: Invalid value: ["
	  "\"Terminating\"]: field is immutable" },
	{ RQ, "status", "", "{'status':{'hard':{'cpu':'-1'},'used':{'nope':'1'}}}", "status.hard[cpu]: Invalid "
	  "value: \"-1\"" NOT_NEGATIVE "\nstatus.used[nope]: Invalid value: \"nope\": " BAD_RESOURCE
	  "\nstatus.used[nope]: Invalid value: \"nope\": must be a standard resource for quota" },
	{ RQ, "status", "", "{'status':{'hard':{'cpu':'1'},'used':{'cpu':'1'}}}", "" },

	/* persistent volumes */
	{ PV, "", NULL, "{}", "" },
	{ PV, "", NULL, S("'accessModes':null"), "spec.accessModes: Required value" },
	{ PV, "", NULL, S("'accessModes':['No']"), "spec.accessModes: Unsupported value: \"No\": supported values: "
	  "\"ReadOnlyMany\", \"ReadWriteMany\", \"ReadWriteOnce\", \"ReadWriteOncePod\"" },
	{ PV, "", NULL, S("'accessModes':['ReadWriteOncePod','ReadWriteOnce']"), "spec.accessModes: Forbidden: may "
	  "not use ReadWriteOncePod with other access modes" },
	{ PV, "", NULL, S("'capacity':null"), "spec.capacity: Required value\nspec.capacity: Unsupported value: "
	  "\"null\": supported values: \"storage\"" },
	{ PV, "", NULL, S("'capacity':{'cpu':'1'}"), "spec.capacity: Unsupported value: {\"cpu\":\"1\","
	  "\"storage\":\"1Gi\"}: supported values: \"storage\"" },
	{ PV, "", NULL, S("'capacity':{'storage':'0'}"), "spec.capacity[storage]: Invalid value: \"0\": must be "
	  "greater than zero" },
	{ PV, "", NULL, S("'capacity':{'storage':'-1'}"), "spec.capacity[storage]: Invalid value: -1: must be a "
	  "valid resource quantity\nspec.capacity[storage]: Invalid value: \"-1\": must be greater than zero" },
	{ PV, "", NULL, S("'hostPath':null"), "spec: Required value: must specify a volume type" },
	{ PV, "", NULL, S("'nfs':{'server':'s','path':'/p'}"), "spec.nfs: Forbidden: may not specify more than 1 "
	  "volume type" },
	{ PV, "", NULL, S("'hostPath':{'path':'/'},'persistentVolumeReclaimPolicy':'Recycle'"),
	  "spec.persistentVolumeReclaimPolicy: Forbidden: may not be 'recycle' for a hostPath mount of '/'" },
	{ PV, "", NULL, S("'persistentVolumeReclaimPolicy':'No'"), "spec.persistentVolumeReclaimPolicy: Unsupported "
	  "value: \"No\": supported values: \"Delete\", \"Recycle\", \"Retain\"" },
	{ PV, "", NULL, S("'storageClassName':'A'"), "spec.storageClassName: Invalid value: \"A\": " SUBDOMAIN },
	{ PV, "", NULL, S("'volumeMode':'No'"), "spec.volumeMode: Unsupported value: \"No\": supported values: "
	  "\"Block\", \"Filesystem\"" },
	{ PV, "", NULL, S("'hostPath':{'path':'/a/../b'}"), "spec.hostPath.path: Invalid value: \"/a/../b\": must "
	  "not contain '..'" },
	{ PV, "", NULL, S("'hostPath':null,'local':{'path':''}"), "spec.local.path: Required value\nspec."
	  "nodeAffinity: Required value: Local volume requires node affinity" },
	{ PV, "", NULL, S("'hostPath':null,'local':{'path':'/a'}"), "spec.nodeAffinity: Required value: Local "
	  "volume requires node affinity" },
	{ PV, "", NULL, S("'nodeAffinity':{}"), "spec.nodeAffinity.required: Required value: must specify required "
	  "node constraints" },
	{ PV, "", NULL, S("'nodeAffinity':{'required':{'nodeSelectorTerms':[]}}"), "spec.nodeAffinity.required."
	  "nodeSelectorTerms: Required value: must have at least one node selector term" },
	{ PV, "", NULL, S("'hostPath':null,'csi':{'driver':'','volumeHandle':''}"), "spec.csi.driver: Required "
	  "value\nspec.csi.driver: Invalid value: \"\": " SUBDOMAIN "\nspec.csi.volumeHandle: Required value" },
	{ PV, "", NULL, S("'hostPath':null,'csi':{'driver':'a_b','volumeHandle':'h','controllerPublishSecretRef':{"
	  "'name':'','namespace':''}}"), "spec.csi.driver: Invalid value: \"a_b\": " SUBDOMAIN
	  "\nspec.csi.controllerPublishSecretRef.name: Required value\nspec.csi.controllerPublishSecretRef."
	  "namespace: Required value" },
	{ PV, "", NULL, S("'claimRef':{'namespace':'n'}"), "" },
	{ PV, "", NULL, S("'volumeAttributesClassName':''"), "spec.volumeAttributesClassName: Required value: an "
	  "empty string is disallowed\nspec.csi: Required value: has to be specified when using "
	  "volumeAttributesClassName" },
	{ PV, "", NULL, S("'mountOptions':['ro']"), "" },
	{ PV, "", "", S("'capacity':{'storage':'2Gi'}"), "" },
	{ PV, "", "", S("'hostPath':{'path':'/e'}"), "spec.persistentvolumesource: Forbidden: spec."
	  "persistentvolumesource is immutable after creation\n-	hostPath.path: \"/d\"\n+	hostPath.path: \"/e\"\n"
	  },
	{ PV, "", "", S("'persistentVolumeReclaimPolicy':'Delete','storageClassName':'t','accessModes':["
	  "'ReadOnlyMany']"), "" },
	{ PV, "", "", S("'volumeMode':'Block'"), "volumeMode: Invalid value: \"Block\": field is immutable" },
	{ PV, "", S("'nodeAffinity':{'required':{'nodeSelectorTerms':[{'matchExpressions':[{'key':'a',"
	  "'operator':'Exists'}]}]}}"), S("'nodeAffinity':{'required':{'nodeSelectorTerms':[{'matchExpressions':[{"
	  "'key':'b','operator':'Exists'}]}]}}"), "nodeAffinity: Invalid value: {\"required\":{"
	  "\"nodeSelectorTerms\":[{\"matchExpressions\":[{\"key\":\"b\",\"operator\":\"Exists\"}]}]}}: field is "
	  "immutable, except for updating from beta label to GA" },
	{ PV, "", S("'volumeAttributesClassName':'a'"), S("'volumeAttributesClassName':'b'"),
	  "spec.csi: Required value: has to be specified when using volumeAttributesClassName" },

	/* claims */
	{ PVC, "", NULL, "{}", "" },
	{ PVC, "", NULL, S("'accessModes':null"), "spec.accessModes: Required value: at least 1 access mode is "
	  "required" },
	{ PVC, "", NULL, S("'accessModes':['No']"), "spec.accessModes: Unsupported value: \"No\": supported values: "
	  "\"ReadOnlyMany\", \"ReadWriteMany\", \"ReadWriteOnce\", \"ReadWriteOncePod\"" },
	{ PVC, "", NULL, S("'accessModes':['ReadWriteOncePod','ReadWriteMany']"), "spec.accessModes: Forbidden: may "
	  "not use ReadWriteOncePod with other access modes" },
	{ PVC, "", NULL, S("'resources':null"), "spec.resources[storage]: Required value" },
	{ PVC, "", NULL, S("'resources':{'requests':{'storage':'0'}}"), "spec.resources[storage]: Invalid value: "
	  "\"0\": must be greater than zero" },
	{ PVC, "", NULL, S("'resources':{'requests':{'storage':'-1'}}"), "spec.resources[storage]: Invalid value: "
	  "\"-1\": must be greater than zero" },
	{ PVC, "", NULL, S("'storageClassName':'A'"), "spec.storageClassName: Invalid value: \"A\": " SUBDOMAIN },
	{ PVC, "", NULL, S("'storageClassName':''"), "" },
	{ PVC, "", NULL, S("'selector':{'matchLabels':{'a b':'c'}}"), "spec.selector.matchLabels: Invalid value: "
	  "\"a b\": " QUALIFIED },
	{ PVC, "", NULL, S("'volumeMode':'No'"), "spec.volumeMode: Unsupported value: \"No\": supported values: "
	  "\"Block\", \"Filesystem\"" },
	{ PVC, "", NULL, S("'dataSource':{'kind':'PersistentVolumeClaim','name':''},'dataSourceRef':{"
	  "'kind':'PersistentVolumeClaim','name':''}"), "spec.dataSource.name: Required value\nspec.dataSourceRef."
	  "name: Required value" },
	{ PVC, "", NULL, S("'dataSource':{'kind':'Other','name':'o'},'dataSourceRef':{'kind':'Other','name':'o'}"),
	  "spec.dataSource: Invalid value: \"Other\": must be 'PersistentVolumeClaim' when referencing the default "
	  "apiGroup\nspec.dataSourceRef: Invalid value: \"Other\": must be 'PersistentVolumeClaim' when referencing "
	  "the default apiGroup" },
	{ PVC, "", NULL, S("'dataSource':{'apiGroup':'a.io','kind':'A','name':'a'},'dataSourceRef':{'apiGroup':'a."
	  "io','kind':'B','name':'b'}"), "spec: Invalid value: \"spec.dataSource\": must match dataSourceRef" },
	{ PVC, "", NULL, S("'dataSourceRef':{'apiGroup':'a.io','kind':'','name':'b'}"), "spec.dataSourceRef.kind: "
	  "Required value" },
	{ PVC, "", NULL, S("'volumeAttributesClassName':'A b'"), "spec.volumeAttributesClassName: Invalid value: "
	  "\"A b\": " SUBDOMAIN },
	{ PVC, "", NULL, "{'metadata':{'name':'A'}}", "metadata.name: Invalid value: \"A\": " SUBDOMAIN },
	{ PVC, "", "", S("'volumeName':'v'"), "" },
	{ PVC, "", "", S("'resources':{'requests':{'storage':'2Gi'}}"), "" },
	{ PVC, "", S("'volumeName':'v'"), S("'volumeName':'v','resources':{'requests':{'storage':'2Gi'}}"), "" },
	{ PVC, "", S("'volumeName':'v'"), S("'volumeName':'v','resources':{'requests':{'storage':'512Mi'}}"), "" },
	{ PVC, "", S("'volumeName':'v'"), S("'accessModes':['ReadWriteMany']"), CLAIM_UPDATE
	  "-	accessModes[0]: \"ReadWriteOnce\"\n+	accessModes[0]: \"ReadWriteMany\"\n-	volumeName: \"v\"\n"
	  },
	{ PVC, "", "", S("'storageClassName':'t'"), CLAIM_UPDATE "-	storageClassName: \"s\"\n+	storageClassName: "
	  "\"t\"\n" },
	{ PVC, "", "", S("'storageClassName':null"), CLAIM_UPDATE "-	storageClassName: \"s\"\n" },
	{ PVC, "", S("'volumeName':'v'"), "{'spec':{'volumeName':'v'},'metadata':{'labels':{'a':'b'}}}", "" },
	{ PVC, "", "{'status':{'capacity':{'storage':'1Gi'}}}", "{'spec':{'resources':{'requests':{"
	  "'storage':'512Mi'}}},'status':{'capacity':{'storage':'1Gi'}}}", "spec.resources.requests.storage: "
	  "Forbidden: field can not be less than status.capacity" },
	{ PVC, "", "{'status':{'phase':'Pending'}}", "{'spec':{'resources':{'requests':{'storage':'2Gi'}}},"
	  "'status':{'phase':'Pending'}}", CLAIM_UPDATE "-	resources.requests.storage: \"1Gi\"\n+	resources."
	  "requests.storage: \"2Gi\"\n" },
	{ PVC, "status", "", "{'status':{'capacity':{'storage':'-1'}}}", "status.capacity[storage]: Invalid value: "
	  "-1: must be a valid resource quantity" },
	{ PVC, "status", "", "{'status':{'allocatedResources':{'storage':'1Gi'},'allocatedResourceStatuses':{"
	  "'storage':'No'}}}", "status.allocatedResourceStatuses: Unsupported value: \"storage\": supported values: "
	  "\"ControllerResizeInProgress\", \"ControllerResizeInfeasible\", \"NodeResizeInProgress\", "
	  "\"NodeResizeInfeasible\", \"NodeResizePending\"" },
	{ PVC, "", S("'volumeAttributesClassName':'a'"), S("'volumeAttributesClassName':'b'"), "" },

	/* replication controllers */
	{ RC, "", NULL, "{}", "" },
	{ RC, "", NULL, S("'replicas':-1,'minReadySeconds':-1"), "spec.minReadySeconds: Invalid value: -1"
	  NOT_NEGATIVE "\nspec.replicas: Invalid value: -1" NOT_NEGATIVE },
	{ RC, "", NULL, S("'selector':{'a':'c'}"), "spec.template.metadata.labels: Invalid value: {\"a\":\"b\"}: "
	  "`selector` does not match template `labels`" },
	{ RC, "", NULL, S("'template':null"), "spec.template: Required value" },
	{ RC, "", NULL, S("'template':{'spec':{'restartPolicy':'Never'}}"), "spec.template.spec.restartPolicy: "
	  "Unsupported value: \"Never\": supported values: \"Always\"" },
	{ RC, "", NULL, S("'template':{'spec':{'activeDeadlineSeconds':5}}"), "spec.template.spec."
	  "activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in ReplicationController is not Supported" },
	{ RC, "", NULL, S("'template':{'metadata':{'labels':{'a':'-'}}}"), "metadata.labels: Invalid value: \"-\": "
	  LABEL_VALUE "\nspec.template.metadata.labels: Invalid value: {\"a\":\"-\"}: `selector` does not match "
	  "template `labels`\nspec.template.labels: Invalid value: \"-\": " LABEL_VALUE },
	{ RC, "", NULL, S("'template':{'spec':{'containers':[{'name':'C','image':'i'}]}}"), "spec.template." C0
	  "name: Invalid value: \"C\": " LABEL },
	{ RC, "", "", S("'selector':{'a':'c'},'template':{'metadata':{'labels':{'a':'c'}}}"), "" },
	{ RC, "status", "", "{'status':{'replicas':1,'readyReplicas':2}}", "status.readyReplicas: Invalid value: 2: "
	  "cannot be greater than status.replicas" },
	{ RC, "status", "", "{'status':{'replicas':-1}}", "status.replicas: Invalid value: -1" NOT_NEGATIVE
	  "\nstatus.fullyLabeledReplicas: Invalid value: 0: cannot be greater than status.replicas\nstatus."
	  "readyReplicas: Invalid value: 0: cannot be greater than status.replicas\nstatus.availableReplicas: "
	  "Invalid value: 0: cannot be greater than status.replicas" },

	/* pod templates */
	{ PT, "", NULL, "{}", "" },
	{ PT, "", NULL, "{'template':{'spec':{'containers':null}}}", "template.spec.containers: Required value" },
	{ PT, "", NULL, "{'template':{'metadata':{'labels':{'a b':'c'}}}}", "template.labels: Invalid value: \"a "
	  "b\": " QUALIFIED },
	{ PT, "", NULL, "{'template':{'spec':{'ephemeralContainers':[{'name':'d','image':'i'}]}}}",
	  "template.spec.ephemeralContainers: Forbidden: ephemeral containers not allowed in pod template" },
};

static void every_rule_of_core_says_what_upstream_says(void **state)
{
	judge(bases, cases, sizeof(cases) / sizeof(cases[0]));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(every_rule_of_core_says_what_upstream_says) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
