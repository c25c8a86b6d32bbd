/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules of pods: what is said of a change of a well-formed one. Drawn from the tests beside
 * upstream's pkg/apis/core/validation.
 */
#include "judge.h"

#define SUBDOMAIN "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', " \
	"and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is " \
	"'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
#define LABEL "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start " \
	"and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is " \
	"'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
#define QUALIFIED "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with " \
	"an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is " \
	"'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
#define LABEL_VALUE "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', " \
	"and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used " \
	"for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
#define CONFIG_KEY "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  " \
	"or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
#define POD_UPDATE "spec: Forbidden: pod updates may not change fields other than " \
	"`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only " \
	"additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was " \
	"previously negative)\n"
#define NOT_NEGATIVE ": must be greater than or equal to 0"
#define PORT_RANGE ": must be between 1 and 65535, inclusive"
#define ID_RANGE ": must be between 0 and 2147483647, inclusive"
#define MODE_RANGE ": must be a number between 0 and 0777 (octal), both inclusive"
#define BAD_IP "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
#define BAD_RESOURCE "must be a standard resource type or fully qualified"
#define NO_WINDOWS ": Forbidden: cannot be set for a windows pod"
#define NO_DEBUGGER ": Forbidden: cannot be set for an Ephemeral Container"
#define C0 "spec.containers[0]."
#define REQUIRED "requiredDuringSchedulingIgnoredDuringExecution"
#define PREFERRED "preferredDuringSchedulingIgnoredDuringExecution"
#define C(more) "{'spec':{'containers':[{'name':'c','image':'i'," more "}]}}"
#define V(more) "{'spec':{'volumes':[{'name':'v'," more "}]}}"
#define S(more) "{'spec':{" more "}}"

enum base { POD, BASES };
static const struct judge_base bases[BASES] = {
	[POD] = { "v1 Pod", "{'metadata':{'name':'x','namespace':'n','uid':'u','resourceVersion':'5',"
	  "'generation':1},'spec':{'containers':[{'name':'c','image':'i'}]}}" },
};

static const struct judge_case cases[] = {
	/* metadata */
	{ POD, "", NULL, "{'metadata':{'name':'A'}}", "metadata.name: Invalid value: \"A\": " SUBDOMAIN },
	{ POD, "", NULL, "{'metadata':{'name':null,'generateName':'A-'}}", "metadata.name: Required value: name or "
	  "generateName is required" },
	{ POD, "", NULL, "{'metadata':{'name':null,'generateName':'a-'}}", "metadata.name: Required value: name or "
	  "generateName is required" },
	{ POD, "", NULL, "{'metadata':{'labels':{'a b':'c'}}}", "metadata.labels: Invalid value: \"a b\": " QUALIFIED
	  },
	{ POD, "", NULL, "{'metadata':{'annotations':{'A':'b'}}}", "" },
	{ POD, "", NULL, "{'metadata':{'annotations':{'a b':'c'}}}", "metadata.annotations: Invalid value: \"a b\": "
	  QUALIFIED },
	{ POD, "", NULL, "{'metadata':{'ownerReferences':[{'apiVersion':'','kind':'','name':'','uid':''}]}}",
	  "metadata.ownerReferences.apiVersion: Invalid value: \"\": version must not be empty\nmetadata."
	  "ownerReferences.kind: Invalid value: \"\": must not be empty\nmetadata.ownerReferences.name: Invalid "
	  "value: \"\": must not be empty\nmetadata.ownerReferences.uid: Invalid value: \"\": must not be empty" },
	{ POD, "", NULL, "{'metadata':{'ownerReferences':[{'apiVersion':'v1','kind':'A','name':'a','uid':'1',"
	  "'controller':true},{'apiVersion':'v1','kind':'B','name':'b','uid':'2','controller':true}]}}",
	  "metadata.ownerReferences: Invalid value: [{\"apiVersion\":\"v1\",\"kind\":\"A\",\"name\":\"a\","
	  "\"uid\":\"1\",\"controller\":true},{\"apiVersion\":\"v1\",\"kind\":\"B\",\"name\":\"b\",\"uid\":\"2\","
	  "\"controller\":true}]: Only one reference can have Controller set to true. Found \"true\" in references "
	  "for A/a and B/b" },
	{ POD, "", NULL, "{'metadata':{'ownerReferences':[{'apiVersion':'v1','kind':'Event','name':'a','uid':'1'}]}}",
	  "metadata.ownerReferences: Invalid value: {\"apiVersion\":\"v1\",\"kind\":\"Event\",\"name\":\"a\","
	  "\"uid\":\"1\"}: /v1, Kind=Event is disallowed from being an owner" },
	{ POD, "", NULL, "{'metadata':{'finalizers':['a.io/b','c']}}", "metadata.finalizers[1]: Invalid value: "
	  "\"c\": name is neither a standard finalizer name nor is it fully qualified" },
	{ POD, "", NULL, "{'metadata':{'finalizers':['orphan','foregroundDeletion']}}", "metadata.finalizers: "
	  "Invalid value: [\"orphan\",\"foregroundDeletion\"]: finalizer orphan and foregroundDeletion cannot be "
	  "both set" },
	{ POD, "", NULL, "{'metadata':{'namespace':'N'}}", "metadata.namespace: Invalid value: \"N\": " LABEL },

	/* containers */
	{ POD, "", NULL, S("'containers':null"), "spec.containers: Required value" },
	{ POD, "", NULL, S("'containers':[]"), "spec.containers: Required value" },
	{ POD, "", NULL, S("'containers':[{'name':'A','image':'i'}]"), C0 "name: Invalid value: \"A\": " LABEL },
	{ POD, "", NULL, S("'containers':[{'name':'c','image':' i'}]"), C0 "image: Invalid value: \" i\": must not "
	  "have leading or trailing whitespace" },
	{ POD, "", NULL, S("'containers':[{'name':'c','image':'i'},{'name':'c','image':'i'}]"),
	  "spec.containers[1].name: Duplicate value: \"c\"" },
	{ POD, "", NULL, C("'imagePullPolicy':'No'"), C0 "imagePullPolicy: Unsupported value: \"No\": supported "
	  "values: \"Always\", \"IfNotPresent\", \"Never\"" },
	{ POD, "", NULL, C("'terminationMessagePolicy':'No'"), C0 "terminationMessagePolicy: Unsupported value: "
	  "\"No\": supported values: \"File\", \"FallbackToLogsOnError\"" },
	{ POD, "", NULL, C("'workingDir':'x'"), "" },
	{ POD, "", NULL, C("'tty':true,'stdin':true,'stdinOnce':true"), "" },
	{ POD, "", NULL, C("'ports':[{'containerPort':0}]"), C0 "ports[0].containerPort: Required value" },
	{ POD, "", NULL, C("'ports':[{'containerPort':65536}]"), C0 "ports[0].containerPort: Invalid value: 65536"
	  PORT_RANGE },
	{ POD, "", NULL, C("'ports':[{'containerPort':1,'protocol':'X'}]"), C0 "ports[0].protocol: Unsupported "
	  "value: \"X\": supported values: \"SCTP\", \"TCP\", \"UDP\"" },
	{ POD, "", NULL, C("'ports':[{'containerPort':1,'name':'A'}]"), C0 "ports[0].name: Invalid value: \"A\": "
	  "must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)\n" C0 "ports[0].name: Invalid "
	  "value: \"A\": must contain at least one letter (a-z)" },
	{ POD, "", NULL, C("'ports':[{'containerPort':1,'name':'1'}]"), C0 "ports[0].name: Invalid value: \"1\": "
	  "must contain at least one letter (a-z)" },
	{ POD, "", NULL, C("'ports':[{'containerPort':1,'name':'toolongportname1'}]"), C0 "ports[0].name: Invalid "
	  "value: \"toolongportname1\": must be no more than 15 bytes" },
	{ POD, "", NULL, C("'ports':[{'containerPort':1,'name':'a--b'}]"), C0 "ports[0].name: Invalid value: "
	  "\"a--b\": must not contain consecutive hyphens" },
	{ POD, "", NULL, C("'ports':[{'containerPort':1,'name':'-a'}]"), C0 "ports[0].name: Invalid value: \"-a\": "
	  "must not begin or end with a hyphen" },
	{ POD, "", NULL, C("'ports':[{'containerPort':1,'name':'p'},{'containerPort':2,'name':'p'}]"), C0
	  "ports[1].name: Duplicate value: \"p\"" },
	{ POD, "", NULL, C("'ports':[{'containerPort':1,'hostPort':65536}]"), C0 "ports[0].hostPort: Invalid value: "
	  "65536" PORT_RANGE },
	{ POD, "", NULL, C("'ports':[{'containerPort':1,'hostPort':9},{'containerPort':2,'hostPort':9}]"), C0
	  "ports[1].hostPort: Duplicate value: \"TCP//9\"" },
	{ POD, "", NULL, C("'ports':[{'containerPort':1,'hostPort':9,'hostIP':'1.2.3.4'},{'containerPort':2,"
	  "'hostPort':9}]"), "" },
	{ POD, "", NULL, C("'ports':[{'containerPort':1,'hostPort':9,'hostIP':'x'}]"), "" },
	{ POD, "", NULL, S("'hostNetwork':true,'containers':[{'name':'c','image':'i','ports':[{'containerPort':1,"
	  "'hostPort':2}]}]"), C0 "ports[0].hostPort: Invalid value: 2: must match `containerPort` when "
	  "`hostNetwork` is true" },

	/* env */
	{ POD, "", NULL, C("'env':[{'name':''}]"), C0 "env[0].name: Required value" },
	{ POD, "", NULL, C("'env':[{'name':'a=b'}]"), C0 "env[0].name: Invalid value: \"a=b\": a valid environment "
	  "variable name must consist only of printable ASCII characters other than '='" },
	{ POD, "", NULL, C("'env':[{'name':'1 a.b'}]"), "" },
	{ POD, "", NULL, C("'env':[{'name':'é'}]"), C0 "env[0].name: Invalid value: \"é\": a valid environment "
	  "variable name must consist only of printable ASCII characters other than '='" },
	{ POD, "", NULL, C("'env':[{'name':'A','valueFrom':{}}]"), C0 "env[0].valueFrom: Invalid value: \"\": must "
	  "specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`" },
	{ POD, "", NULL, C("'env':[{'name':'A','value':'v','valueFrom':{'configMapKeyRef':{'name':'m','key':'k'}}}]"),
	  C0 "env[0].valueFrom: Invalid value: \"\": may not be specified when `value` is not empty" },
	{ POD, "", NULL, C("'env':[{'name':'A','valueFrom':{'configMapKeyRef':{'name':'m','key':'k'},"
	  "'secretKeyRef':{'name':'m','key':'k'}}}]"), C0 "env[0].valueFrom: Invalid value: \"\": may not have more "
	  "than one field specified at a time" },
	{ POD, "", NULL, C("'env':[{'name':'A','valueFrom':{'configMapKeyRef':{'name':'','key':''}}}]"), C0
	  "env[0].valueFrom.configMapKeyRef.name: Invalid value: \"\": " SUBDOMAIN "\n" C0 "env[0].valueFrom."
	  "configMapKeyRef.key: Required value" },
	{ POD, "", NULL, C("'env':[{'name':'A','valueFrom':{'configMapKeyRef':{'name':'$M','key':'..'}}}]"), C0
	  "env[0].valueFrom.configMapKeyRef.name: Invalid value: \"$M\": " SUBDOMAIN "\n" C0
	  "env[0].valueFrom.configMapKeyRef.key: Invalid value: \"..\": must not be '..'" },
	{ POD, "", NULL, C("'env':[{'name':'A','valueFrom':{'secretKeyRef':{'name':'s','key':'a/b'}}}]"), C0
	  "env[0].valueFrom.secretKeyRef.key: Invalid value: \"a/b\": " CONFIG_KEY },
	{ POD, "", NULL, C("'env':[{'name':'A','valueFrom':{'fieldRef':{'fieldPath':''}}}]"), C0
	  "env[0].valueFrom.fieldRef.fieldPath: Required value" },
	{ POD, "", NULL, C("'env':[{'name':'A','valueFrom':{'fieldRef':{'fieldPath':'metadata.labels'}}}]"), C0
	  "env[0].valueFrom.fieldRef.fieldPath: Unsupported value: \"metadata.labels\": supported values: "
	  "\"metadata.name\", \"metadata.namespace\", \"metadata.uid\", \"spec.nodeName\", \"spec."
	  "serviceAccountName\", \"status.hostIP\", \"status.hostIPs\", \"status.podIP\", \"status.podIPs\"" },
	{ POD, "", NULL, C("'env':[{'name':'A','valueFrom':{'fieldRef':{'fieldPath':'metadata.whoops'}}}]"), C0
	  "env[0].valueFrom.fieldRef.fieldPath: Invalid value: \"metadata.whoops\": error converting fieldPath: "
	  "field label not supported: metadata.whoops" },
	{ POD, "", NULL, C("'env':[{'name':'A','valueFrom':{'fieldRef':{'apiVersion':'v2','fieldPath':'metadata."
	  "name'}}}]"), C0 "env[0].valueFrom.fieldRef.fieldPath: Invalid value: \"metadata.name\": error converting "
	  "fieldPath: unsupported pod version: v2" },
	{ POD, "", NULL, C("'env':[{'name':'A','valueFrom':{'fieldRef':{'fieldPath':'metadata.annotations[\\u0027a "
	  "b\\u0027]'}}}]"), C0 "env[0].valueFrom.fieldRef: Invalid value: \"a b\": " QUALIFIED },
	{ POD, "", NULL, C("'env':[{'name':'A','valueFrom':{'fieldRef':{'fieldPath':'metadata.labels[\\u0027a."
	  "io/b\\u0027]'}}}]"), "" },
	{ POD, "", NULL, C("'env':[{'name':'A','valueFrom':{'resourceFieldRef':{'resource':'limits.nope'}}}]"), C0
	  "env[0].valueFrom.resourceFieldRef.resource: Unsupported value: \"limits.nope\": supported values: "
	  "\"limits.cpu\", \"limits.ephemeral-storage\", \"limits.memory\", \"requests.cpu\", \"requests."
	  "ephemeral-storage\", \"requests.memory\"" },
	{ POD, "", NULL, C("'env':[{'name':'A','valueFrom':{'resourceFieldRef':{'resource':''}}}]"), C0
	  "env[0].valueFrom.resourceFieldRef.resource: Required value" },
	{ POD, "", NULL, C("'env':[{'name':'A','valueFrom':{'resourceFieldRef':{'resource':'limits.cpu',"
	  "'divisor':'3'}}}]"), C0 "env[0].valueFrom.resourceFieldRef.divisor: Invalid value: \"limits.cpu\": only "
	  "divisor's values 1m and 1 are supported with the cpu resource" },
	{ POD, "", NULL, C("'env':[{'name':'A','valueFrom':{'resourceFieldRef':{'resource':'limits.memory',"
	  "'divisor':'1Mi'}}}]"), "" },
	{ POD, "", NULL, C("'env':[{'name':'A','valueFrom':{'resourceFieldRef':{'resource':'requests."
	  "ephemeral-storage','divisor':'2'}}}]"), C0 "env[0].valueFrom.resourceFieldRef.divisor: Invalid value: "
	  "\"requests.ephemeral-storage\": only divisor's values 1, 1k, 1M, 1G, 1T, 1P, 1E, 1Ki, 1Mi, 1Gi, 1Ti, 1Pi,"
	  " 1Ei are supported with the local ephemeral storage resource" },
	{ POD, "", NULL, C("'envFrom':[{}]"), C0 "envFrom: Invalid value: \"\": must specify one of: `configMapRef` "
	  "or `secretRef`" },
	{ POD, "", NULL, C("'envFrom':[{'configMapRef':{'name':''}}]"), C0 "envFrom[0].configMapRef.name: Required "
	  "value" },
	{ POD, "", NULL, C("'envFrom':[{'configMapRef':{'name':'$'}}]"), C0 "envFrom[0].configMapRef.name: Invalid "
	  "value: \"$\": " SUBDOMAIN },
	{ POD, "", NULL, C("'envFrom':[{'prefix':'a=b','secretRef':{'name':'s'}}]"), C0 "envFrom[0].prefix: Invalid "
	  "value: \"a=b\": a valid environment variable name must consist only of printable ASCII characters other "
	  "than '='" },
	{ POD, "", NULL, C("'envFrom':[{'secretRef':{'name':'s'},'configMapRef':{'name':'m'}}]"), C0
	  "envFrom: Invalid value: \"\": may not have more than one field specified at a time" },

	/* resources */
	{ POD, "", NULL, C("'resources':{'requests':{'cpu':'-1'}}"), C0 "resources.requests[cpu]: Invalid value: "
	  "\"-1\"" NOT_NEGATIVE },
	{ POD, "", NULL, C("'resources':{'limits':{'nope':'1'}}"), C0 "resources.limits[nope]: Invalid value: "
	  "\"nope\": " BAD_RESOURCE "\n" C0 "resources.limits[nope]: Invalid value: \"nope\": must be a standard "
	  "resource for containers\n" C0 "resources.requests[nope]: Invalid value: \"nope\": " BAD_RESOURCE "\n" C0
	  "resources.requests[nope]: Invalid value: \"nope\": must be a standard resource for containers" },
	{ POD, "", NULL, C("'resources':{'limits':{'kubernetes.io/x':'1'}}"), "" },
	{ POD, "", NULL, C("'resources':{'limits':{'a.io/x':'1500m'}}"), C0 "resources.limits[a.io/x]: Invalid "
	  "value: \"1500m\": must be an integer\n" C0 "resources.requests[a.io/x]: Invalid value: \"1500m\": must "
	  "be an integer" },
	{ POD, "", NULL, C("'resources':{'limits':{'a.io/x':'2'},'requests':{'a.io/x':'1'}}"), C0
	  "resources.requests: Invalid value: \"1\": must be equal to a.io/x limit of 2" },
	{ POD, "", NULL, C("'resources':{'requests':{'a.io/x':'1'}}"), C0 "resources.limits: Required value: Limit "
	  "must be set for non overcommitable resources" },
	{ POD, "", NULL, C("'resources':{'requests':{'memory':'2Gi'},'limits':{'memory':'1Gi'}}"), C0
	  "resources.requests: Invalid value: \"2Gi\": must be less than or equal to memory limit of 1Gi" },
	{ POD, "", NULL, C("'resources':{'limits':{'hugepages-2Mi':'4Mi'}}"), C0 "resources: Forbidden: HugePages "
	  "require cpu or memory" },
	{ POD, "", NULL, C("'resources':{'limits':{'cpu':'1','hugepages-2Mi':'3Mi'}}"), C0 "resources.limits["
	  "hugepages-2Mi]: Invalid value: \"3Mi\": 3Mi is not positive integer multiple of hugepages-2Mi\n" C0
	  "resources.requests[hugepages-2Mi]: Invalid value: \"3Mi\": 3Mi is not positive integer multiple of "
	  "hugepages-2Mi" },
	{ POD, "", NULL, C("'resources':{'limits':{'cpu':'1','hugepages-x':'3Mi'}}"), C0 "resources.limits["
	  "hugepages-x]: Invalid value: \"3Mi\": 3Mi is not positive integer multiple of hugepages-x\n" C0
	  "resources.requests[hugepages-x]: Invalid value: \"3Mi\": 3Mi is not positive integer multiple of "
	  "hugepages-x" },
	{ POD, "", NULL, C("'resources':{'limits':{'cpu':'1','hugepages-2Mi':'4Mi'},'requests':{"
	  "'hugepages-2Mi':'2Mi'}}"), C0 "resources.requests: Invalid value: \"2Mi\": must be equal to "
	  "hugepages-2Mi limit of 4Mi" },
	{ POD, "", NULL, C("'resources':{'limits':{'pods':'1'}}"), C0 "resources.limits[pods]: Invalid value: "
	  "\"pods\": must be a standard resource for containers\n" C0 "resources.requests[pods]: Invalid value: "
	  "\"pods\": must be a standard resource for containers" },
	{ POD, "", NULL, C("'resources':{'limits':{'requests.a.io/x':'1'}}"), C0 "resources.limits[requests.a.io/x]"
	  ": Invalid value: \"requests.a.io/x\": doesn't follow extended resource name standard\n" C0
	  "resources.requests[requests.a.io/x]: Invalid value: \"requests.a.io/x\": doesn't follow extended "
	  "resource name standard" },
	{ POD, "", NULL, C("'resources':{'claims':[{'name':'z'}]}"), C0 "resources.claims[0]: Not found: \"z\": "
	  "must be one of the names in pod.spec.resourceClaims which is empty" },
	{ POD, "", NULL, S("'resourceClaims':[{'name':'z','resourceClaimName':'q'}],'containers':[{'name':'c',"
	  "'image':'i','resources':{'claims':[{'name':'z'},{'name':'z'},{'name':''}]}}]"), C0
	  "resources.claims[1]: Duplicate value: \"z\"\n" C0 "resources.claims[2]: Required value" },
	{ POD, "", NULL, S("'resourceClaims':[{'name':'z'},{'name':'z','resourceClaimName':'q',"
	  "'resourceClaimTemplateName':'t'},{'name':'Z','resourceClaimName':'Q'}]"), "spec.resourceClaims[0]: "
	  "Invalid value: {\"name\":\"z\"}: must specify one of: `resourceClaimName`, `resourceClaimTemplateName`\n"
	  "spec.resourceClaims[1].name: Duplicate value: \"z\"\nspec.resourceClaims[1]: Invalid value: {"
	  "\"name\":\"z\",\"resourceClaimName\":\"q\",\"resourceClaimTemplateName\":\"t\"}: at most one of "
	  "`resourceClaimName` or `resourceClaimTemplateName` may be specified\nspec.resourceClaims[2].name: "
	  "Invalid value: \"Z\": " LABEL "\nspec.resourceClaims[2].resourceClaimName: Invalid value: \"Q\": "
	  SUBDOMAIN },
	{ POD, "", NULL, C("'resizePolicy':[{'resourceName':'cpu','restartPolicy':'NotRequired'},{"
	  "'resourceName':'cpu','restartPolicy':'RestartContainer'}]"), C0 "resizePolicy[1]: Duplicate value: \"cpu\""
	  },
	{ POD, "", NULL, C("'resizePolicy':[{'resourceName':'disk','restartPolicy':'No'}]"), C0
	  "resizePolicy: Unsupported value: \"disk\": supported values: \"cpu\", \"memory\"\n" C0
	  "resizePolicy: Unsupported value: \"No\": supported values: \"NotRequired\", \"RestartContainer\"" },
	{ POD, "", NULL, S("'restartPolicy':'Never','containers':[{'name':'c','image':'i','resizePolicy':[{"
	  "'resourceName':'cpu','restartPolicy':'RestartContainer'}]}]"), C0 "resizePolicy: Invalid value: "
	  "\"RestartContainer\": must be 'NotRequired' when pod `restartPolicy` is 'Never'" },
	{ POD, "", NULL, S("'resources':{'requests':{'cpu':'1'}},'containers':[{'name':'c','image':'i','resources':{"
	  "'requests':{'cpu':'2'}}}]"), "spec.resources.requests[cpu]: Invalid value: \"1\": must be greater than "
	  "or equal to aggregate container requests of 2" },
	{ POD, "", NULL, S("'resources':{'limits':{'cpu':'1'}},'containers':[{'name':'c','image':'i','resources':{"
	  "'limits':{'cpu':'2'}}}]"), "spec.resources.requests: Invalid value: \"2\": must be less than or equal to "
	  "cpu limit of 1\nspec.resources.containers[0][cpu].limits: Invalid value: \"2\": must be less than or "
	  "equal to pod limits of 1" },
	{ POD, "", NULL, S("'resources':{'requests':{'ephemeral-storage':'1'}}"), "spec.resources.requests["
	  "ephemeral-storage]: Unsupported value: \"ephemeral-storage\": supported values: \"cpu\", \"hugepages-\", "
	  "\"memory\"" },
	{ POD, "", NULL, S("'resources':{'claims':[{'name':'a'}]}"), "spec.resources.claims: Forbidden: claims may "
	  "not be set for Resources at pod-level" },
	{ POD, "", NULL, S("'os':{'name':'windows'},'resources':{'limits':{'cpu':'1'}}"), "spec.resources: "
	  "Forbidden: may not be set for a windows pod" },

	/* probes and lifecycle */
	{ POD, "", NULL, C("'livenessProbe':{}"), C0 "livenessProbe: Required value: must specify a handler type" },
	{ POD, "", NULL, C("'livenessProbe':{'exec':{}}"), C0 "livenessProbe.exec.command: Required value" },
	{ POD, "", NULL, C("'livenessProbe':{'exec':{'command':['a']},'tcpSocket':{'port':1}}"), C0
	  "livenessProbe.tcpSocket: Forbidden: may not specify more than 1 handler type" },
	{ POD, "", NULL, C("'livenessProbe':{'httpGet':{'port':0}}"), C0 "livenessProbe.httpGet.port: Invalid "
	  "value: 0" PORT_RANGE },
	{ POD, "", NULL, C("'livenessProbe':{'httpGet':{'port':'','path':''}}"), C0 "livenessProbe.httpGet.port: "
	  "Invalid value: \"\": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)\n" C0
	  "livenessProbe.httpGet.port: Invalid value: \"\": must contain at least one letter (a-z)" },
	{ POD, "", NULL, C("'livenessProbe':{'httpGet':{'port':'web','scheme':'FTP'}}"), C0
	  "livenessProbe.httpGet.scheme: Unsupported value: \"FTP\": supported values: \"HTTP\", \"HTTPS\"" },
	{ POD, "", NULL, C("'livenessProbe':{'httpGet':{'port':1,'httpHeaders':[{'name':'a b','value':'c'}]}}"), C0
	  "livenessProbe.httpGet.httpHeaders: Invalid value: \"a b\": a valid HTTP header must consist of "
	  "alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for validation is '[-A-Za-z0-9]+')" },
	{ POD, "", NULL, C("'livenessProbe':{'tcpSocket':{'port':'A'}}"), C0 "livenessProbe.tcpSocket.port: Invalid "
	  "value: \"A\": must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)\n" C0
	  "livenessProbe.tcpSocket.port: Invalid value: \"A\": must contain at least one letter (a-z)" },
	{ POD, "", NULL, C("'livenessProbe':{'grpc':{'port':0}}"), C0 "livenessProbe.grpc.port: Invalid value: 0"
	  PORT_RANGE },
	{ POD, "", NULL, C("'livenessProbe':{'grpc':{'port':1}}"), "" },
	{ POD, "", NULL, C("'livenessProbe':{'tcpSocket':{'port':1},'initialDelaySeconds':-1,'timeoutSeconds':-1,"
	  "'periodSeconds':-1,'successThreshold':-1,'failureThreshold':-1}"), C0 "livenessProbe."
	  "initialDelaySeconds: Invalid value: -1" NOT_NEGATIVE "\n" C0 "livenessProbe.timeoutSeconds: Invalid "
	  "value: -1" NOT_NEGATIVE "\n" C0 "livenessProbe.periodSeconds: Invalid value: -1" NOT_NEGATIVE "\n" C0
	  "livenessProbe.successThreshold: Invalid value: -1" NOT_NEGATIVE "\n" C0 "livenessProbe.failureThreshold: "
	  "Invalid value: -1" NOT_NEGATIVE "\n" C0 "livenessProbe.successThreshold: Invalid value: -1: must be 1" },
	{ POD, "", NULL, C("'livenessProbe':{'tcpSocket':{'port':1},'terminationGracePeriodSeconds':0}"), C0
	  "livenessProbe.terminationGracePeriodSeconds: Invalid value: 0: must be greater than 0" },
	{ POD, "", NULL, C("'livenessProbe':{'tcpSocket':{'port':1},'successThreshold':2}"), C0
	  "livenessProbe.successThreshold: Invalid value: 2: must be 1" },
	{ POD, "", NULL, C("'readinessProbe':{'tcpSocket':{'port':1},'terminationGracePeriodSeconds':5}"), C0
	  "readinessProbe.terminationGracePeriodSeconds: Invalid value: 5: must not be set for readinessProbes" },
	{ POD, "", NULL, C("'readinessProbe':{'tcpSocket':{'port':1},'successThreshold':2}"), "" },
	{ POD, "", NULL, C("'startupProbe':{'tcpSocket':{'port':1},'successThreshold':2}"), C0
	  "startupProbe.successThreshold: Invalid value: 2: must be 1" },
	{ POD, "", NULL, C("'lifecycle':{'preStop':{}}"), C0 "lifecycle.preStop: Required value: must specify a "
	  "handler type" },
	{ POD, "", NULL, C("'lifecycle':{'postStart':{'exec':{'command':[]}}}"), C0 "lifecycle.postStart.exec."
	  "command: Required value" },
	{ POD, "", NULL, C("'lifecycle':{'preStop':{'sleep':{'seconds':0}}}"), "" },
	{ POD, "", NULL, C("'lifecycle':{'preStop':{'sleep':{'seconds':31}}}"), C0 "lifecycle.preStop.sleep: "
	  "Invalid value: 31: must be non-negative and less than terminationGracePeriodSeconds (30)" },
	{ POD, "", NULL, C("'lifecycle':{'preStop':{'sleep':{'seconds':5}},'stopSignal':'SIGTERM'}"), C0
	  "lifecycle.stopSignal: Forbidden: may not be set for containers with empty `spec.os.name`" },
	{ POD, "", NULL, S("'os':{'name':'linux'},'containers':[{'name':'c','image':'i','lifecycle':{"
	  "'stopSignal':'SIGNO'}}]"), C0 "lifecycle.stopSignal: Unsupported value: \"SIGNO\": supported values: "
	  "\"SIGABRT\", \"SIGALRM\", \"SIGBUS\", \"SIGCHLD\", \"SIGCLD\", \"SIGCONT\", \"SIGFPE\", \"SIGHUP\", "
	  "\"SIGILL\", \"SIGINT\", \"SIGIO\", \"SIGIOT\", \"SIGKILL\", \"SIGPIPE\", \"SIGPOLL\", \"SIGPROF\", "
	  "\"SIGPWR\", \"SIGQUIT\", \"SIGRTMAX\", \"SIGRTMAX-1\", \"SIGRTMAX-10\", \"SIGRTMAX-11\", \"SIGRTMAX-12\","
	  " \"SIGRTMAX-13\", \"SIGRTMAX-14\", \"SIGRTMAX-2\", \"SIGRTMAX-3\", \"SIGRTMAX-4\", \"SIGRTMAX-5\", "
	  "\"SIGRTMAX-6\", \"SIGRTMAX-7\", \"SIGRTMAX-8\", \"SIGRTMAX-9\", \"SIGRTMIN\", \"SIGRTMIN+1\", "
	  "\"SIGRTMIN+10\", \"SIGRTMIN+11\", \"SIGRTMIN+12\", \"SIGRTMIN+13\", \"SIGRTMIN+14\", \"SIGRTMIN+15\", "
	  "\"SIGRTMIN+2\", \"SIGRTMIN+3\", \"SIGRTMIN+4\", \"SIGRTMIN+5\", \"SIGRTMIN+6\", \"SIGRTMIN+7\", "
	  "\"SIGRTMIN+8\", \"SIGRTMIN+9\", \"SIGSEGV\", \"SIGSTKFLT\", \"SIGSTOP\", \"SIGSYS\", \"SIGTERM\", "
	  "\"SIGTRAP\", \"SIGTSTP\", \"SIGTTIN\", \"SIGTTOU\", \"SIGURG\", \"SIGUSR1\", \"SIGUSR2\", \"SIGVTALRM\", "
	  "\"SIGWINCH\", \"SIGXCPU\", \"SIGXFSZ\"" },
	{ POD, "", NULL, S("'os':{'name':'windows'},'containers':[{'name':'c','image':'i','lifecycle':{"
	  "'stopSignal':'SIGHUP'}}]"), C0 "lifecycle.stopSignal: Unsupported value: \"SIGHUP\": supported values: "
	  "\"SIGKILL\", \"SIGTERM\"" },

	/* init containers, sidecars and restarts */
	{ POD, "", NULL, S("'initContainers':[{'name':'i','image':'i','livenessProbe':{'tcpSocket':{'port':1}}}]"),
	  "spec.initContainers[0].livenessProbe: Forbidden: may not be set for init containers without "
	  "restartPolicy=Always" },
	{ POD, "", NULL, S("'initContainers':[{'name':'i','image':'i','lifecycle':{'preStop':{'exec':{'command':["
	  "'a']}}}}]"), "spec.initContainers[0].lifecycle: Forbidden: may not be set for init containers without "
	  "restartPolicy=Always" },
	{ POD, "", NULL, S("'initContainers':[{'name':'i','image':'i','restartPolicy':'Always','readinessProbe':{"
	  "'tcpSocket':{'port':1}}}]"), "" },
	{ POD, "", NULL, S("'initContainers':[{'name':'i','image':'i','restartPolicy':'Never'}]"), "" },
	{ POD, "", NULL, S("'initContainers':[{'name':'i','image':'i','restartPolicy':'No'}]"),
	  "spec.initContainers[0].restartPolicy: Unsupported value: \"No\": supported values: \"Always\", \"Never\","
	  " \"OnFailure\"" },
	{ POD, "", NULL, C("'restartPolicy':'Always'"), "" },
	{ POD, "", NULL, C("'restartPolicy':'OnFailure'"), "" },
	{ POD, "", NULL, C("'restartPolicyRules':[{'action':'Restart','exitCodes':{'operator':'In','values':[1]}}]"),
	  C0 "restartPolicy: Required value: must specify restartPolicy when restart rules are used" },
	{ POD, "", NULL, C("'restartPolicy':'Never','restartPolicyRules':[{'action':'Restart','exitCodes':{"
	  "'operator':'In','values':[1]}}]"), "" },
	{ POD, "", NULL, C("'restartPolicy':'Never','restartPolicyRules':[{'action':'No','exitCodes':{"
	  "'operator':'Out','values':[]}},{'action':'Restart'}]"), C0 "restartPolicyRules[0].action: Unsupported "
	  "value: \"No\": supported values: \"Restart\"\n" C0 "restartPolicyRules[0].exitCodes.operator: "
	  "Unsupported value: \"Out\": supported values: \"In\", \"NotIn\"\n" C0 "restartPolicyRules[1].exitCodes: "
	  "Required value: must be specified" },
	{ POD, "", NULL, S("'initContainers':[{'name':'c','image':'i'}]"), "spec.initContainers[0].name: Duplicate "
	  "value: \"c\"" },
	{ POD, "", NULL, S("'restartPolicy':'Sometimes'"), "spec.restartPolicy: Unsupported value: \"Sometimes\": "
	  "supported values: \"Always\", \"OnFailure\", \"Never\"" },
	{ POD, "", NULL, S("'initContainers':[{'name':'i','image':'i','ports':[{'containerPort':1,'hostPort':9}]}],"
	  "'containers':[{'name':'c','image':'i','ports':[{'containerPort':1,'hostPort':9}]}]"), "" },

	/* ephemeral containers */
	{ POD, "", NULL, S("'ephemeralContainers':[{'name':'d','image':'i'}]"), "spec.ephemeralContainers: "
	  "Forbidden: cannot be set on create" },

	/* security */
	{ POD, "", NULL, C("'securityContext':{'privileged':true,'allowPrivilegeEscalation':false}"), C0
	  "securityContext: Invalid value: {\"privileged\":true,\"allowPrivilegeEscalation\":false}: cannot set "
	  "`allowPrivilegeEscalation` to false and `privileged` to true" },
	{ POD, "", NULL, C("'securityContext':{'capabilities':{'add':['CAP_SYS_ADMIN']},"
	  "'allowPrivilegeEscalation':false}"), C0 "securityContext: Invalid value: {\"capabilities\":{\"add\":["
	  "\"CAP_SYS_ADMIN\"]},\"allowPrivilegeEscalation\":false}: cannot set `allowPrivilegeEscalation` to false "
	  "and `capabilities.Add` CAP_SYS_ADMIN" },
	{ POD, "", NULL, C("'securityContext':{'runAsUser':-1,'runAsGroup':-1}"), C0 "securityContext.runAsUser: "
	  "Invalid value: -1" ID_RANGE "\n" C0 "securityContext.runAsGroup: Invalid value: -1" ID_RANGE },
	{ POD, "", NULL, C("'securityContext':{'procMount':'No'}"), C0 "securityContext.procMount: Unsupported "
	  "value: \"No\": supported values: \"Default\", \"Unmasked\"" },
	{ POD, "", NULL, C("'securityContext':{'procMount':'Unmasked'}"), C0 "securityContext.procMount: Invalid "
	  "value: \"Unmasked\": `hostUsers` must be false to use `Unmasked`" },
	{ POD, "", NULL, C("'securityContext':{'seccompProfile':{'type':'Localhost'}}"), C0
	  "securityContext.seccompProfile.localhostProfile: Required value: must be set when seccomp type is "
	  "Localhost" },
	{ POD, "", NULL, C("'securityContext':{'seccompProfile':{'type':'RuntimeDefault','localhostProfile':'x'}}"),
	  C0 "securityContext.seccompProfile.localhostProfile: Invalid value: {\"type\":\"RuntimeDefault\","
	  "\"localhostProfile\":\"x\"}: can only be set when seccomp type is Localhost" },
	{ POD, "", NULL, C("'securityContext':{'seccompProfile':{'type':'No'}}"), C0 "securityContext."
	  "seccompProfile.type: Unsupported value: \"No\": supported values: \"Localhost\", \"RuntimeDefault\", "
	  "\"Unconfined\"" },
	{ POD, "", NULL, C("'securityContext':{'seccompProfile':{'type':'Localhost','localhostProfile':'../x'}}"), C0
	  "securityContext.seccompProfile.localhostProfile: Invalid value: \"../x\": must not contain '..'" },
	{ POD, "", NULL, C("'securityContext':{'appArmorProfile':{'type':'Localhost'}}"), C0
	  "securityContext.appArmorProfile.localhostProfile: Required value: must be set when AppArmor type is "
	  "Localhost" },
	{ POD, "", NULL, C("'securityContext':{'appArmorProfile':{'type':'Localhost','localhostProfile':' x '}}"), C0
	  "securityContext.appArmorProfile.localhostProfile: Invalid value: \" x \": must not be padded with "
	  "whitespace" },
	{ POD, "", NULL, C("'securityContext':{'appArmorProfile':{'type':'No'}}"), C0 "securityContext."
	  "appArmorProfile.type: Unsupported value: \"No\": supported values: \"Localhost\", \"RuntimeDefault\", "
	  "\"Unconfined\"" },
	{ POD, "", NULL, C("'securityContext':{'windowsOptions':{'runAsUserName':''}}"), C0
	  "securityContext.windowsOptions.runAsUserName: Invalid value: \"\": runAsUserName cannot be an empty string"
	  },
	{ POD, "", NULL, C("'securityContext':{'windowsOptions':{'gmsaCredentialSpecName':'A'}}"), C0
	  "securityContext.windowsOptions.gmsaCredentialSpecName: Invalid value: \"A\": " SUBDOMAIN },
	{ POD, "", NULL, C("'securityContext':{'windowsOptions':{'hostProcess':true}}"), "spec.hostNetwork: Invalid "
	  "value: false: hostNetwork must be true if pod contains any hostProcess containers" },
	{ POD, "", NULL, S("'securityContext':{'runAsUser':-1,'runAsGroup':-1,'fsGroup':-1,'supplementalGroups':[-1]"
	  "}"), "spec.securityContext.fsGroup: Invalid value: -1" ID_RANGE "\nspec.securityContext.runAsUser: "
	  "Invalid value: -1" ID_RANGE "\nspec.securityContext.runAsGroup: Invalid value: -1" ID_RANGE
	  "\nspec.securityContext.supplementalGroups[0]: Invalid value: -1" ID_RANGE },
	{ POD, "", NULL, S("'securityContext':{'fsGroupChangePolicy':'No'}"), "spec.securityContext."
	  "fsGroupChangePolicy: Unsupported value: \"No\": supported values: \"Always\", \"OnRootMismatch\"" },
	{ POD, "", NULL, S("'securityContext':{'supplementalGroupsPolicy':'No'}"), "spec.securityContext."
	  "supplementalGroupsPolicy: Unsupported value: \"No\": supported values: \"Merge\", \"Strict\"" },
	{ POD, "", NULL, S("'securityContext':{'seLinuxChangePolicy':'No'}"), "spec.securityContext."
	  "seLinuxChangePolicy: Unsupported value: \"No\": supported values: \"MountOption\", \"Recursive\"" },
	{ POD, "", NULL, S("'securityContext':{'sysctls':[{'name':''},{'name':'a..b','value':'1'},{'name':'kernel."
	  "msgmax','value':'1'},{'name':'kernel.msgmax','value':'2'}]}"), "spec.securityContext.sysctls[0].name: "
	  "Required value\nspec.securityContext.sysctls[1].name: Invalid value: \"a..b\": must have at most 253 "
	  "characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$\nspec."
	  "securityContext.sysctls[3].name: Duplicate value: \"kernel.msgmax\"" },
	{ POD, "", NULL, S("'hostNetwork':true,'securityContext':{'sysctls':[{'name':'net.ipv4.ip_forward',"
	  "'value':'1'}]}"), "spec.securityContext.sysctls[0].name: Invalid value: \"net.ipv4.ip_forward\": may not "
	  "be specified when 'hostNetwork' is true" },
	{ POD, "", NULL, S("'hostIPC':true,'securityContext':{'sysctls':[{'name':'kernel.shm_rmid_forced',"
	  "'value':'1'}]}"), "spec.securityContext.sysctls[0].name: Invalid value: \"kernel.shm_rmid_forced\": may "
	  "not be specified when 'hostIPC' is true" },
	{ POD, "", NULL, S("'securityContext':{'windowsOptions':{'runAsUserName':'a/b'}}"),
	  "spec.securityContext.windowsOptions.runAsUserName: Invalid value: \"a/b\": runAsUserName's User cannot "
	  "contain the following characters: \"/\\:;|=,+*?<>@[]" },
	{ POD, "", NULL, S("'shareProcessNamespace':true,'hostPID':true"), "spec.securityContext."
	  "shareProcessNamespace: Invalid value: true: ShareProcessNamespace and HostPID cannot both be enabled" },
	{ POD, "", NULL, S("'hostUsers':false,'hostNetwork':true"), "spec.hostNetwork: Forbidden: when `hostUsers` "
	  "is false" },
	{ POD, "", NULL, S("'hostUsers':false,'hostPID':true,'hostIPC':true"), "spec.HostPID: Forbidden: when "
	  "`hostUsers` is false\nspec.HostIPC: Forbidden: when `hostUsers` is false" },
	{ POD, "", NULL, S("'os':{'name':'windows'},'hostPID':true,'securityContext':{'fsGroup':1,'seccompProfile':{"
	  "'type':'RuntimeDefault'}},'containers':[{'name':'c','image':'i','securityContext':{'privileged':true,"
	  "'capabilities':{'add':['A']}}}]"), "spec.hostPID" NO_WINDOWS "\nspec.securityContext.seccompProfile"
	  NO_WINDOWS "\nspec.securityContext.fsGroup" NO_WINDOWS "\n" C0 "securityContext.capabilities" NO_WINDOWS
	  "\n" C0 "securityContext.privileged" NO_WINDOWS },
	{ POD, "", NULL, S("'os':{'name':'linux'},'securityContext':{'windowsOptions':{'runAsUserName':'u'}}"),
	  "spec.securityContext.windowsOptions: Forbidden: windows options cannot be set for a linux pod" },
	{ POD, "", NULL, S("'os':{'name':'plan9'}"), "spec.os: Unsupported value: \"plan9\": supported values: "
	  "\"linux\", \"windows\"" },
	{ POD, "", NULL, S("'os':{'name':''}"), "spec.os.name: Required value: cannot be empty" },
	{ POD, "", NULL, "{'metadata':{'annotations':{'container.apparmor.security.beta.kubernetes."
	  "io/z':'unconfined'}}}", "metadata.annotations[container.apparmor.security.beta.kubernetes.io/z]: Invalid "
	  "value: \"z\": container not found" },
	{ POD, "", NULL, "{'metadata':{'annotations':{'container.apparmor.security.beta.kubernetes.io/c':'no'}}}",
	  "metadata.annotations[container.apparmor.security.beta.kubernetes.io/c]: Invalid value: \"no\": invalid "
	  "AppArmor profile name: \"no\"" },
	{ POD, "", NULL, "{'metadata':{'annotations':{'seccomp.security.alpha.kubernetes.io/pod':'no'}}}",
	  "metadata.annotations.seccomp.security.alpha.kubernetes.io/pod: Invalid value: \"no\": must be a valid "
	  "seccomp profile" },
	{ POD, "", NULL, "{'metadata':{'annotations':{'controller.kubernetes.io/pod-deletion-cost':'x'}}}",
	  "metadata.annotations[controller.kubernetes.io/pod-deletion-cost]: Invalid value: \"x\": must be a 32bit "
	  "integer" },

	/* scheduling */
	{ POD, "", NULL, S("'nodeSelector':{'a b':'c'}"), "spec.nodeSelector: Invalid value: \"a b\": " QUALIFIED },
	{ POD, "", NULL, S("'nodeName':'A'"), "spec.nodeName: Invalid value: \"A\": " SUBDOMAIN },
	{ POD, "", NULL, S("'schedulerName':''"), "" },
	{ POD, "", NULL, S("'tolerations':[{'operator':'Exists','value':'v'}]"), "spec.tolerations[0].operator: "
	  "Invalid value: \"v\": value must be empty when `operator` is 'Exists'" },
	{ POD, "", NULL, S("'tolerations':[{'operator':'Equal','value':'v'}]"), "spec.tolerations[0].operator: "
	  "Invalid value: \"Equal\": operator must be Exists when `key` is empty, which means \"match all values "
	  "and all keys\"" },
	{ POD, "", NULL, S("'tolerations':[{'key':'a','operator':'No'}]"), "spec.tolerations[0].operator: "
	  "Unsupported value: \"No\": supported values: \"Equal\", \"Exists\"" },
	{ POD, "", NULL, S("'tolerations':[{'key':'a','effect':'No'}]"), "spec.tolerations[0].effect: Unsupported "
	  "value: \"No\": supported values: \"NoSchedule\", \"PreferNoSchedule\", \"NoExecute\"" },
	{ POD, "", NULL, S("'tolerations':[{'key':'a','effect':'NoSchedule','tolerationSeconds':1}]"),
	  "spec.tolerations[0].effect: Invalid value: \"NoSchedule\": effect must be 'NoExecute' when "
	  "`tolerationSeconds` is set" },
	{ POD, "", NULL, S("'tolerations':[{'key':'a b','operator':'Exists'}]"), "spec.tolerations[0].key: Invalid "
	  "value: \"a b\": " QUALIFIED },
	{ POD, "", NULL, S("'tolerations':[{'key':'a','operator':'Equal','value':'a b'}]"),
	  "spec.tolerations[0].operator: Invalid value: \"a b\": " LABEL_VALUE },
	{ POD, "", NULL, S("'affinity':{'nodeAffinity':{'" REQUIRED "':{'nodeSelectorTerms':[]}}}"),
	  "spec.affinity.nodeAffinity." REQUIRED ".nodeSelectorTerms: Required value: must have at least one node "
	  "selector term" },
	{ POD, "", NULL, S("'affinity':{'nodeAffinity':{'" REQUIRED "':{'nodeSelectorTerms':[{'matchExpressions':[{"
	  "'key':'a','operator':'In'}]}]}}}"), "spec.affinity.nodeAffinity." REQUIRED ".nodeSelectorTerms[0]."
	  "matchExpressions[0].values: Required value: must be specified when `operator` is 'In' or 'NotIn'" },
	{ POD, "", NULL, S("'affinity':{'nodeAffinity':{'" REQUIRED "':{'nodeSelectorTerms':[{'matchExpressions':[{"
	  "'key':'a','operator':'Exists','values':['b']},{'key':'a','operator':'Gt','values':['1','2']},{'key':'a',"
	  "'operator':'No','values':['1']}]}]}}}"), "spec.affinity.nodeAffinity." REQUIRED ".nodeSelectorTerms[0]."
	  "matchExpressions[0].values: Forbidden: may not be specified when `operator` is 'Exists' or "
	  "'DoesNotExist'\nspec.affinity.nodeAffinity." REQUIRED ".nodeSelectorTerms[0].matchExpressions[1].values: "
	  "Required value: must be specified single value when `operator` is 'Lt' or 'Gt'\nspec.affinity."
	  "nodeAffinity." REQUIRED ".nodeSelectorTerms[0].matchExpressions[2].operator: Invalid value: \"No\": not "
	  "a valid selector operator" },
	{ POD, "", NULL, S("'affinity':{'nodeAffinity':{'" REQUIRED "':{'nodeSelectorTerms':[{'matchFields':[{"
	  "'key':'metadata.labels','operator':'In','values':['a','b']},{'key':'metadata.name','operator':'Exists'}]}"
	  "]}}}"), "spec.affinity.nodeAffinity." REQUIRED ".nodeSelectorTerms[0].matchFields[0].values: Required "
	  "value: must be only one value when `operator` is 'In' or 'NotIn' for node field selector\nspec.affinity."
	  "nodeAffinity." REQUIRED ".nodeSelectorTerms[0].matchFields[0].key: Invalid value: \"metadata.labels\": "
	  "not a valid field selector key\nspec.affinity.nodeAffinity." REQUIRED ".nodeSelectorTerms[0].matchFields["
	  "1].operator: Invalid value: \"Exists\": not a valid selector operator" },
	{ POD, "", NULL, S("'affinity':{'nodeAffinity':{'" PREFERRED "':[{'weight':0,'preference':{}},{'weight':101,"
	  "'preference':{}}]}}"), "spec.affinity.nodeAffinity." PREFERRED "[0].weight: Invalid value: 0: must be in "
	  "the range 1-100\nspec.affinity.nodeAffinity." PREFERRED "[1].weight: Invalid value: 101: must be in the "
	  "range 1-100" },
	{ POD, "", NULL, S("'affinity':{'podAffinity':{'" REQUIRED "':[{'topologyKey':''}]}}"),
	  "spec.affinity.podAffinity." REQUIRED "[0].topologyKey: Required value: can not be empty\nspec.affinity."
	  "podAffinity." REQUIRED "[0].topologyKey: Invalid value: \"\": name part must be non-empty\nspec.affinity."
	  "podAffinity." REQUIRED "[0].topologyKey: Invalid value: \"\": " QUALIFIED },
	{ POD, "", NULL, S("'affinity':{'podAffinity':{'" REQUIRED "':[{'topologyKey':'a b','namespaces':['A'],"
	  "'labelSelector':{'matchExpressions':[{'key':'a','operator':'No'}]}}]}}"), "spec.affinity.podAffinity."
	  REQUIRED "[0].labelSelector.matchExpressions[0].operator: Invalid value: \"No\": not a valid selector "
	  "operator\nspec.affinity.podAffinity." REQUIRED "[0].namespace: Invalid value: \"A\": " LABEL
	  "\nspec.affinity.podAffinity." REQUIRED "[0].topologyKey: Invalid value: \"a b\": " QUALIFIED },
	{ POD, "", NULL, S("'affinity':{'podAntiAffinity':{'" PREFERRED "':[{'weight':0,'podAffinityTerm':{"
	  "'topologyKey':'z','namespaceSelector':{'matchLabels':{'a b':'c'}}}}]}}"), "spec.affinity.podAntiAffinity."
	  PREFERRED "[0].weight: Invalid value: 0: must be in the range 1-100\nspec.affinity.podAntiAffinity."
	  PREFERRED "[0].podAffinityTerm.namespaceSelector.matchLabels: Invalid value: \"a b\": " QUALIFIED },
	{ POD, "", NULL, S("'affinity':{'podAffinity':{'" REQUIRED "':[{'topologyKey':'z','matchLabelKeys':['a']}]}}"
	  ""), "spec.affinity.podAffinity." REQUIRED "[0].matchLabelKeys: Forbidden: must not be specified when "
	  "labelSelector is not set" },
	{ POD, "", NULL, S("'affinity':{'podAffinity':{'" REQUIRED "':[{'topologyKey':'z','labelSelector':{"
	  "'matchLabels':{'x':'y'}},'matchLabelKeys':['a'],'mismatchLabelKeys':['a']}]}}"),
	  "spec.affinity.podAffinity." REQUIRED "[0].matchLabelKeys[0]: Invalid value: \"a\": exists in both "
	  "matchLabelKeys and mismatchLabelKeys" },
	{ POD, "", NULL, S("'topologySpreadConstraints':[{'maxSkew':0,'topologyKey':'','whenUnsatisfiable':''}]"),
	  "spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than zero\nspec."
	  "topologySpreadConstraints[0].topologyKey: Required value: can not be empty\nspec."
	  "topologySpreadConstraints[0].whenUnsatisfiable: Unsupported value: \"\": supported values: "
	  "\"DoNotSchedule\", \"ScheduleAnyway\"" },
	{ POD, "", NULL, S("'topologySpreadConstraints':[{'maxSkew':1,'topologyKey':'z','whenUnsatisfiable':'No'}]"),
	  "spec.topologySpreadConstraints[0].whenUnsatisfiable: Unsupported value: \"No\": supported values: "
	  "\"DoNotSchedule\", \"ScheduleAnyway\"" },
	{ POD, "", NULL, S("'topologySpreadConstraints':[{'maxSkew':1,'topologyKey':'z',"
	  "'whenUnsatisfiable':'DoNotSchedule'},{'maxSkew':2,'topologyKey':'z','whenUnsatisfiable':'DoNotSchedule'}]"
	  ""), "spec.topologySpreadConstraints[0].{topologyKey, whenUnsatisfiable}: Duplicate value: \"{z, "
	  "DoNotSchedule}\"" },
	{ POD, "", NULL, S("'topologySpreadConstraints':[{'maxSkew':1,'topologyKey':'z',"
	  "'whenUnsatisfiable':'ScheduleAnyway','minDomains':2}]"), "spec.topologySpreadConstraints[0].minDomains: "
	  "Invalid value: 2: can only use minDomains if whenUnsatisfiable=DoNotSchedule, not ScheduleAnyway" },
	{ POD, "", NULL, S("'topologySpreadConstraints':[{'maxSkew':1,'topologyKey':'z',"
	  "'whenUnsatisfiable':'DoNotSchedule','minDomains':0,'nodeAffinityPolicy':'No','nodeTaintsPolicy':'No'}]"),
	  "spec.topologySpreadConstraints[0].minDomains: Invalid value: 0: must be greater than zero\nspec."
	  "topologySpreadConstraints[0].nodeAffinityPolicy: Unsupported value: \"No\": supported values: \"Honor\", "
	  "\"Ignore\"\nspec.topologySpreadConstraints[0].nodeTaintsPolicy: Unsupported value: \"No\": supported "
	  "values: \"Honor\", \"Ignore\"" },
	{ POD, "", NULL, S("'topologySpreadConstraints':[{'maxSkew':1,'topologyKey':'z',"
	  "'whenUnsatisfiable':'DoNotSchedule','matchLabelKeys':['a b'],'labelSelector':{}}]"),
	  "spec.topologySpreadConstraints[0].matchLabelKeys[0]: Invalid value: \"a b\": " QUALIFIED },
	{ POD, "", NULL, S("'schedulingGates':[{'name':'a'},{'name':'a'},{'name':'a b'}]"),
	  "spec.schedulingGates[1]: Duplicate value: \"a\"\nspec.schedulingGates[2]: Invalid value: \"a b\": "
	  QUALIFIED },
	{ POD, "", NULL, S("'schedulingGates':[{'name':'a'}],'nodeName':'q'"), "spec.nodeName: Forbidden: cannot be "
	  "set until all schedulingGates have been cleared" },
	{ POD, "", NULL, S("'readinessGates':[{'conditionType':'a b'}]"), "spec.readinessGates[0].conditionType: "
	  "Invalid value: \"a b\": " QUALIFIED },
	{ POD, "", NULL, S("'priorityClassName':'A'"), "spec.priorityClassName: Invalid value: \"A\": " SUBDOMAIN },
	{ POD, "", NULL, S("'preemptionPolicy':'No'"), "spec.preemptionPolicy: Unsupported value: \"No\": supported "
	  "values: \"PreemptLowerPriority\", \"Never\"" },
	{ POD, "", NULL, S("'runtimeClassName':'A'"), "spec.runtimeClassName: Invalid value: \"A\": " SUBDOMAIN },
	{ POD, "", NULL, S("'overhead':{'nope':'1'}"), "spec.overhead.limits[nope]: Invalid value: \"nope\": "
	  BAD_RESOURCE "\nspec.overhead.limits[nope]: Invalid value: \"nope\": must be a standard resource for "
	  "containers" },

	/* the rest of the spec */
	{ POD, "", NULL, S("'activeDeadlineSeconds':0"), "spec.activeDeadlineSeconds: Invalid value: 0: must be "
	  "between 1 and 2147483647, inclusive" },
	{ POD, "", NULL, S("'activeDeadlineSeconds':2147483648"), "spec.activeDeadlineSeconds: Invalid value: "
	  "2147483648: must be between 1 and 2147483647, inclusive" },
	{ POD, "", NULL, S("'terminationGracePeriodSeconds':2147483648"), "" },
	{ POD, "", NULL, S("'hostname':'A'"), "spec.hostname: Invalid value: \"A\": " LABEL },
	{ POD, "", NULL, S("'subdomain':'a.b'"), "spec.subdomain: Invalid value: \"a.b\": " LABEL },
	{ POD, "", NULL, S("'hostnameOverride':'A'"), "spec.hostnameOverride: Invalid value: \"A\": " SUBDOMAIN },
	{ POD, "", NULL, S("'hostnameOverride':'a.b','setHostnameAsFQDN':true"), "spec.hostnameOverride: Forbidden: "
	  "may not be specified when setHostnameAsFQDN is true" },
	{ POD, "", NULL, S("'hostnameOverride':'a.b','hostNetwork':true"), "spec.hostnameOverride: Forbidden: may "
	  "not be specified when hostNetwork is true" },
	{ POD, "", NULL, S("'serviceAccountName':'A'"), "spec.serviceAccountName: Invalid value: \"A\": " SUBDOMAIN },
	{ POD, "", NULL, S("'hostAliases':[{'ip':'x','hostnames':['A','a.b']}]"), "spec.hostAliases[0].ip: Invalid "
	  "value: \"x\": " BAD_IP "\nspec.hostAliases[0].hostnames[0]: Invalid value: \"A\": " SUBDOMAIN },
	{ POD, "", NULL, S("'imagePullSecrets':[{'name':''}]"), "" },
	{ POD, "", NULL, S("'dnsPolicy':'No'"), "spec.dnsPolicy: Unsupported value: \"No\": supported values: "
	  "\"ClusterFirstWithHostNet\", \"ClusterFirst\", \"Default\", \"None\"" },
	{ POD, "", NULL, S("'dnsPolicy':'None'"), "spec.dnsConfig: Required value: must provide `dnsConfig` when "
	  "`dnsPolicy` is None" },
	{ POD, "", NULL, S("'dnsPolicy':'None','dnsConfig':{'nameservers':['1.1.1.1','2.2.2.2','3.3.3.3','4.4.4.4']}"
	  ""), "spec.dnsConfig.nameservers: Invalid value: [\"1.1.1.1\",\"2.2.2.2\",\"3.3.3.3\",\"4.4.4.4\"]: must "
	  "not have more than 3 nameservers" },
	{ POD, "", NULL, S("'dnsPolicy':'None','dnsConfig':{'nameservers':['x']}"), "spec.dnsConfig.nameservers[0]: "
	  "Invalid value: \"x\": " BAD_IP },
	{ POD, "", NULL, S("'dnsConfig':{'searches':['A','.','a_b']}"), "spec.dnsConfig.searches[0]: Invalid value: "
	  "\"A\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-', '_' or '."
	  "', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation "
	  "is '[a-z0-9_]([-_a-z0-9]*[a-z0-9_])?(\\.[a-z0-9_]([-_a-z0-9]*[a-z0-9_])?)*')" },
	{ POD, "", NULL, S("'dnsConfig':{'options':[{'name':''}]}"), "spec.dnsConfig.options[0]: Required value: "
	  "must not be empty" },

	/* mounts */
	{ POD, "", NULL, C("'volumeMounts':[{'name':'v','mountPath':'/a'}]"), C0 "volumeMounts[0].name: Not found: "
	  "\"v\"" },
	{ POD, "", NULL, C("'volumeMounts':[{'name':'','mountPath':''}]"), C0 "volumeMounts[0].name: Required value\n"
	  C0 "volumeMounts[0].name: Not found: \"\"\n" C0 "volumeMounts[0].mountPath: Required value" },
	{ POD, "", NULL, S("'volumes':[{'name':'v','emptyDir':{}}],'containers':[{'name':'c','image':'i',"
	  "'volumeMounts':[{'name':'v','mountPath':'/a:b'}]}]"), "" },
	{ POD, "", NULL, S("'volumes':[{'name':'v','emptyDir':{}}],'containers':[{'name':'c','image':'i',"
	  "'volumeMounts':[{'name':'v','mountPath':'/a','subPath':'/x'}]}]"), C0 "volumeMounts.subPath: Invalid "
	  "value: \"/x\": must be a relative path" },
	{ POD, "", NULL, S("'volumes':[{'name':'v','emptyDir':{}}],'containers':[{'name':'c','image':'i',"
	  "'volumeMounts':[{'name':'v','mountPath':'/a','subPath':'../x'}]}]"), C0 "volumeMounts.subPath: Invalid "
	  "value: \"../x\": must not contain '..'" },
	{ POD, "", NULL, S("'volumes':[{'name':'v','emptyDir':{}}],'containers':[{'name':'c','image':'i',"
	  "'volumeMounts':[{'name':'v','mountPath':'/a','subPathExpr':'../x'}]}]"), C0 "volumeMounts.subPathExpr: "
	  "Invalid value: \"../x\": must not contain '..'" },
	{ POD, "", NULL, S("'volumes':[{'name':'v','emptyDir':{}}],'containers':[{'name':'c','image':'i',"
	  "'volumeMounts':[{'name':'v','mountPath':'/a','subPath':'x','subPathExpr':'y'}]}]"), C0
	  "volumeMounts[0].subPathExpr: Invalid value: \"y\": subPathExpr and subPath are mutually exclusive" },
	{ POD, "", NULL, S("'volumes':[{'name':'v','emptyDir':{}}],'containers':[{'name':'c','image':'i',"
	  "'volumeMounts':[{'name':'v','mountPath':'/a','mountPropagation':'No'}]}]"), C0 "volumeMounts."
	  "mountPropagation: Unsupported value: \"No\": supported values: \"Bidirectional\", \"HostToContainer\", "
	  "\"None\"" },
	{ POD, "", NULL, S("'volumes':[{'name':'v','emptyDir':{}}],'containers':[{'name':'c','image':'i',"
	  "'volumeMounts':[{'name':'v','mountPath':'/a','mountPropagation':'Bidirectional'}]}]"), C0
	  "volumeMounts.mountPropagation: Forbidden: Bidirectional mount propagation is available only to "
	  "privileged containers" },
	{ POD, "", NULL, S("'volumes':[{'name':'v','emptyDir':{}}],'containers':[{'name':'c','image':'i',"
	  "'volumeMounts':[{'name':'v','mountPath':'/a','recursiveReadOnly':'Enabled'}]}]"), C0
	  "volumeMounts.recursiveReadOnly: Forbidden: may only be specified when readOnly is true" },
	{ POD, "", NULL, S("'volumes':[{'name':'v','emptyDir':{}}],'containers':[{'name':'c','image':'i',"
	  "'volumeMounts':[{'name':'v','mountPath':'/a','readOnly':true,'recursiveReadOnly':'No'}]}]"), C0
	  "volumeMounts.recursiveReadOnly: Unsupported value: \"No\": supported values: \"Disabled\", \"Enabled\", "
	  "\"IfPossible\"" },
	{ POD, "", NULL, S("'volumes':[{'name':'v','emptyDir':{}}],'containers':[{'name':'c','image':'i',"
	  "'volumeMounts':[{'name':'v','mountPath':'/a','readOnly':true,'recursiveReadOnly':'Enabled',"
	  "'mountPropagation':'HostToContainer'}]}]"), C0 "volumeMounts.recursiveReadOnly: Forbidden: may only be "
	  "specified when mountPropagation is None or not specified" },
	{ POD, "", NULL, S("'volumes':[{'name':'v','emptyDir':{}}],'containers':[{'name':'c','image':'i',"
	  "'volumeMounts':[{'name':'v','mountPath':'/a'},{'name':'v','mountPath':'/a'}]}]"), C0
	  "volumeMounts[1].mountPath: Invalid value: \"/a\": must be unique" },
	{ POD, "", NULL, S("'volumes':[{'name':'v','persistentVolumeClaim':{'claimName':'p'}}],'containers':[{"
	  "'name':'c','image':'i','volumeDevices':[{'name':'v','devicePath':'a'},{'name':'w','devicePath':'/../a'},{"
	  "'name':'','devicePath':''}]}]"), C0 "volumeDevices[1].name: Not found: \"w\"\n" C0
	  "volumeDevices[1].devicePath: Invalid value: \"/../a\": can not contain backsteps ('..')\n" C0
	  "volumeDevices[2].name: Required value\n" C0 "volumeDevices[2].name: Not found: \"\"\n" C0
	  "volumeDevices[2].devicePath: Required value" },
	{ POD, "", NULL, S("'volumes':[{'name':'v','emptyDir':{}}],'containers':[{'name':'c','image':'i',"
	  "'volumeDevices':[{'name':'v','devicePath':'/a'}]}]"), C0 "volumeDevices[0].name: Invalid value: \"v\": "
	  "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode" },
	{ POD, "", NULL, S("'volumes':[{'name':'v','persistentVolumeClaim':{'claimName':'p'}}],'containers':[{"
	  "'name':'c','image':'i','volumeMounts':[{'name':'v','mountPath':'/a'}],'volumeDevices':[{'name':'v',"
	  "'devicePath':'/a'}]}]"), C0 "volumeMounts[0].name: Invalid value: \"v\": must not already exist in "
	  "volumeDevices\n" C0 "volumeMounts[0].mountPath: Invalid value: \"/a\": must not already exist as a path "
	  "in volumeDevices\n" C0 "volumeDevices[0].name: Invalid value: \"v\": must not already exist in "
	  "volumeMounts\n" C0 "volumeDevices[0].devicePath: Invalid value: \"/a\": must not already exist as a path "
	  "in volumeMounts" },

	/* volumes */
	{ POD, "", NULL, S("'volumes':[{'name':'A'}]"), "spec.volumes[0].name: Invalid value: \"A\": " LABEL },
	{ POD, "", NULL, S("'volumes':[{'name':''}]"), "spec.volumes[0].name: Required value" },
	{ POD, "", NULL, S("'volumes':[{'name':'v'},{'name':'v'}]"), "spec.volumes[1].name: Duplicate value: \"v\"" },
	{ POD, "", NULL, V("'emptyDir':{},'hostPath':{'path':'/'}"), "spec.volumes[0].hostPath: Forbidden: may not "
	  "specify more than 1 volume type" },
	{ POD, "", NULL, V("'emptyDir':{'sizeLimit':'-1'}"), "spec.volumes[0].emptyDir.sizeLimit: Forbidden: "
	  "SizeLimit field must be a valid resource quantity" },
	{ POD, "", NULL, V("'emptyDir':{'medium':'No'}"), "" },
	{ POD, "", NULL, V("'emptyDir':{'medium':'HugePages'}"), "" },
	{ POD, "", NULL, V("'hostPath':{'path':''}"), "spec.volumes[0].hostPath.path: Required value" },
	{ POD, "", NULL, V("'hostPath':{'path':'/a/../b'}"), "spec.volumes[0].hostPath.path: Invalid value: \"/a/.."
	  "/b\": must not contain '..'" },
	{ POD, "", NULL, V("'hostPath':{'path':'/a','type':'No'}"), "spec.volumes[0].hostPath.type: Unsupported "
	  "value: \"No\": supported values: \"\", \"BlockDevice\", \"CharDevice\", \"Directory\", "
	  "\"DirectoryOrCreate\", \"File\", \"FileOrCreate\", \"Socket\"" },
	{ POD, "", NULL, V("'secret':{'secretName':''}"), "spec.volumes[0].secret.secretName: Required value" },
	{ POD, "", NULL, V("'secret':{'secretName':'s','items':[{'key':'','path':''}]}"), "spec.volumes[0].secret."
	  "items[0].key: Required value\nspec.volumes[0].secret.items[0].path: Required value" },
	{ POD, "", NULL, V("'secret':{'secretName':'s','items':[{'key':'a','path':'../b','mode':512}],"
	  "'defaultMode':-1}"), "spec.volumes[0].secret.defaultMode: Invalid value: -1" MODE_RANGE
	  "\nspec.volumes[0].secret.items[0].path: Invalid value: \"../b\": must not contain '..'\nspec.volumes[0]."
	  "secret.items[0].mode: Invalid value: 512" MODE_RANGE },
	{ POD, "", NULL, V("'configMap':{'name':''}"), "spec.volumes[0].configMap.name: Required value" },
	{ POD, "", NULL, V("'configMap':{'name':'m','defaultMode':512,'items':[{'key':'a','path':'/b'}]}"),
	  "spec.volumes[0].configMap.defaultMode: Invalid value: 512" MODE_RANGE "\nspec.volumes[0].configMap.items["
	  "0].path: Invalid value: \"/b\": must be a relative path" },
	{ POD, "", NULL, V("'configMap':{'name':'m','items':[{'key':'a b','path':'b'}]}"), "" },
	{ POD, "", NULL, V("'downwardAPI':{'items':[{'path':'a'}]}"), "spec.volumes[0].downwardAPI: Required value: "
	  "one of fieldRef and resourceFieldRef is required" },
	{ POD, "", NULL, V("'downwardAPI':{'items':[{'path':'a','fieldRef':{'fieldPath':'metadata.labels'},"
	  "'resourceFieldRef':{'resource':'limits.cpu'}}]}"), "spec.volumes[0].downwardAPI: Invalid value: "
	  "\"resource\": fieldRef and resourceFieldRef can not be specified simultaneously" },
	{ POD, "", NULL, V("'downwardAPI':{'items':[{'path':'a','resourceFieldRef':{'resource':'limits.cpu'}}]}"),
	  "spec.volumes[0].downwardAPI.resourceFieldRef.containerName: Required value" },
	{ POD, "", NULL, V("'downwardAPI':{'items':[{'path':'a','fieldRef':{'fieldPath':'status.podIP'}}]}"),
	  "spec.volumes[0].downwardAPI.fieldRef.fieldPath: Unsupported value: \"status.podIP\": supported values: "
	  "\"metadata.annotations\", \"metadata.labels\", \"metadata.name\", \"metadata.namespace\", \"metadata.uid\""
	  },
	{ POD, "", NULL, V("'projected':{'sources':[{'secret':{'name':'s'},'configMap':{'name':'m'}}]}"),
	  "spec.volumes[0].projected.sources[0]: Forbidden: may not specify more than 1 volume type per source" },
	{ POD, "", NULL, V("'projected':{'sources':[{'serviceAccountToken':{'path':'','expirationSeconds':599}}]}"),
	  "spec.volumes[0].projected.sources[0].serviceAccountToken.expirationSeconds: Invalid value: 599: may not "
	  "specify a duration less than 10 minutes\nspec.volumes[0].projected.path: Required value\nspec.volumes[0]."
	  "projected.sources[0].serviceAccountToken: Forbidden: must not be specified when serviceAccountName is "
	  "not set" },
	{ POD, "", NULL, V("'projected':{'sources':[{'serviceAccountToken':{'path':'t',"
	  "'expirationSeconds':4294967297}}]}"), "spec.volumes[0].projected.sources[0].serviceAccountToken."
	  "expirationSeconds: Invalid value: 4294967297: may not specify a duration larger than 2^32 seconds\nspec."
	  "volumes[0].projected.sources[0].serviceAccountToken: Forbidden: must not be specified when "
	  "serviceAccountName is not set" },
	{ POD, "", NULL, V("'projected':{'sources':[{'clusterTrustBundle':{'path':'t'}}]}"),
	  "spec.volumes[0].projected.sources[0].clusterTrustBundle: Required value: either name or signerName must "
	  "be specified" },
	{ POD, "", NULL, V("'projected':{'sources':[{'clusterTrustBundle':{'path':'t','name':'n','signerName':'a."
	  "io/b'}}]}"), "spec.volumes[0].projected.sources[0].clusterTrustBundle: Invalid value: {\"name\":\"n\","
	  "\"signerName\":\"a.io/b\",\"path\":\"t\"}: only one of name and signerName may be used" },
	{ POD, "", NULL, V("'projected':{'sources':[{'configMap':{'name':'m','items':[{'key':'a','path':'x'}]}},{"
	  "'secret':{'name':'s','items':[{'key':'a','path':'x'}]}}]}"), "spec.volumes[0].projected: Invalid value: "
	  "\"s\": conflicting duplicate paths" },
	{ POD, "", NULL, V("'persistentVolumeClaim':{'claimName':''}"), "spec.volumes[0].persistentVolumeClaim."
	  "claimName: Required value" },
	{ POD, "", NULL, V("'nfs':{'server':'','path':''}"), "spec.volumes[0].nfs.server: Required value\nspec."
	  "volumes[0].nfs.path: Required value\nspec.volumes[0].nfs.path: Invalid value: \"\": must be an absolute "
	  "path" },
	{ POD, "", NULL, V("'nfs':{'server':'s','path':'x'}"), "spec.volumes[0].nfs.path: Invalid value: \"x\": "
	  "must be an absolute path" },
	{ POD, "", NULL, V("'iscsi':{'targetPortal':'','iqn':'','lun':0}"), "spec.volumes[0].iscsi.targetPortal: "
	  "Required value\nspec.volumes[0].iscsi.iqn: Required value" },
	{ POD, "", NULL, V("'iscsi':{'targetPortal':'p','iqn':'iqn.x','lun':256}"), "spec.volumes[0].iscsi.iqn: "
	  "Invalid value: \"iqn.x\": must be valid format\nspec.volumes[0].iscsi.lun: Invalid value: 256: must be "
	  "between 0 and 255, inclusive" },
	{ POD, "", NULL, V("'iscsi':{'targetPortal':'p','iqn':'iqn.2015-02.example.com:test','lun':1,"
	  "'chapAuthSession':true}"), "spec.volumes[0].iscsi.secretRef: Required value" },
	{ POD, "", NULL, V("'glusterfs':{'endpoints':'','path':''}"), "spec.volumes[0].glusterfs.endpoints: "
	  "Required value\nspec.volumes[0].glusterfs.path: Required value" },
	{ POD, "", NULL, V("'flocker':{}"), "spec.volumes[0].flocker: Required value: one of datasetName and "
	  "datasetUUID is required" },
	{ POD, "", NULL, V("'rbd':{'monitors':[],'image':''}"), "spec.volumes[0].rbd.monitors: Required value\nspec."
	  "volumes[0].rbd.image: Required value" },
	{ POD, "", NULL, V("'cephfs':{'monitors':[]}"), "spec.volumes[0].cephfs.monitors: Required value" },
	{ POD, "", NULL, V("'cinder':{'volumeID':''}"), "spec.volumes[0].cinder.volumeID: Required value" },
	{ POD, "", NULL, V("'fc':{'targetWWNs':['w']}"), "spec.volumes[0].fc.lun: Required value: lun is required "
	  "if targetWWNs is specified" },
	{ POD, "", NULL, V("'fc':{'lun':1,'targetWWNs':['w'],'wwids':['x']}"), "spec.volumes[0].fc.targetWWNs: "
	  "Invalid value: [\"w\"]: targetWWNs and wwids can not be specified simultaneously" },
	{ POD, "", NULL, V("'gcePersistentDisk':{'pdName':'','partition':256}"), "spec.volumes[0].persistentDisk."
	  "pdName: Required value\nspec.volumes[0].persistentDisk.partition: Invalid value: 256: must be between 1 "
	  "and 255, inclusive" },
	{ POD, "", NULL, V("'awsElasticBlockStore':{'volumeID':'','partition':-1}"), "spec.volumes[0]."
	  "awsElasticBlockStore.volumeID: Required value\nspec.volumes[0].awsElasticBlockStore.partition: Invalid "
	  "value: -1: must be between 1 and 255, inclusive" },
	{ POD, "", NULL, V("'gitRepo':{'repository':'','directory':'/x'}"), "spec.volumes[0].gitRepo.repository: "
	  "Required value\nspec.volumes[0].gitRepo.directory: Invalid value: \"/x\": must be a relative path" },
	{ POD, "", NULL, V("'quobyte':{'registry':'','volume':''}"), "spec.volumes[0].quobyte.registry: Required "
	  "value: must be a host:port pair or multiple pairs separated by commas\nspec.volumes[0].quobyte.volume: "
	  "Required value" },
	{ POD, "", NULL, V("'quobyte':{'registry':'h','volume':'v'}"), "spec.volumes[0].quobyte.registry: Invalid "
	  "value: \"h\": must be a host:port pair or multiple pairs separated by commas" },
	{ POD, "", NULL, V("'azureFile':{'secretName':'','shareName':''}"), "spec.volumes[0].azureFile.secretName: "
	  "Required value\nspec.volumes[0].azureFile.shareName: Required value" },
	{ POD, "", NULL, V("'azureDisk':{'diskName':'','diskURI':'x'}"), "spec.volumes[0].azureDisk.diskName: "
	  "Required value\nspec.volumes[0].azureDisk.diskURI: Unsupported value: \"x\": supported values: "
	  "\"https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd\"" },
	{ POD, "", NULL, V("'azureDisk':{'diskName':'d','diskURI':'https://b/d','cachingMode':'No'}"),
	  "spec.volumes[0].azureDisk.cachingMode: Unsupported value: \"No\": supported values: \"None\", "
	  "\"ReadOnly\", \"ReadWrite\"" },
	{ POD, "", NULL, V("'vsphereVolume':{'volumePath':''}"), "spec.volumes[0].vsphereVolume.volumePath: "
	  "Required value" },
	{ POD, "", NULL, V("'photonPersistentDisk':{'pdID':''}"), "spec.volumes[0].photonPersistentDisk.pdID: "
	  "Required value" },
	{ POD, "", NULL, V("'portworxVolume':{'volumeID':''}"), "spec.volumes[0].portworxVolume.volumeID: Required "
	  "value" },
	{ POD, "", NULL, V("'scaleIO':{'gateway':'','system':'','volumeName':''}"), "spec.volumes[0].scaleIO."
	  "gateway: Required value\nspec.volumes[0].scaleIO.system: Required value\nspec.volumes[0].scaleIO."
	  "volumeName: Required value" },
	{ POD, "", NULL, V("'storageos':{}"), "spec.volumes[0].storageos.volumeName: Required value" },
	{ POD, "", NULL, V("'csi':{'driver':''}"), "spec.volumes[0].csi.driver: Required value\nspec.volumes[0].csi."
	  "driver: Invalid value: \"\": " SUBDOMAIN },
	{ POD, "", NULL, V("'csi':{'driver':'a b'}"), "spec.volumes[0].csi.driver: Invalid value: \"a b\": " SUBDOMAIN
	  },
	{ POD, "", NULL, V("'csi':{'driver':'d','nodePublishSecretRef':{'name':''}}"), "spec.volumes[0].csi."
	  "nodePublishSecretRef.name: Required value" },
	{ POD, "", NULL, V("'ephemeral':{}"), "spec.volumes[0].ephemeral.volumeClaimTemplate: Required value" },
	{ POD, "", NULL, V("'ephemeral':{'volumeClaimTemplate':{'spec':{}}}"), "spec.volumes[0].ephemeral."
	  "volumeClaimTemplate.spec.accessModes: Required value: at least 1 access mode is required\nspec.volumes[0]"
	  ".ephemeral.volumeClaimTemplate.spec.resources[storage]: Required value" },
	{ POD, "", NULL, V("'image':{'reference':'','pullPolicy':'No'}"), "spec.volumes[0].image.reference: "
	  "Required value\nspec.volumes[0].image.pullPolicy: Unsupported value: \"No\": supported values: "
	  "\"Always\", \"IfNotPresent\", \"Never\"" },

	/* updates */
	{ POD, "", "", "{}", "" },
	{ POD, "", "", S("'containers':[{'name':'c','image':'j'}]"), "" },
	{ POD, "", "", S("'containers':[{'name':'c','image':''}]"), C0 "image: Required value\n" POD_UPDATE
	  "-	containers[0].image: \"i\"\n-	containers[0].imagePullPolicy: \"Always\"\n+	containers[0]."
	  "imagePullPolicy: \"IfNotPresent\"\n" },
	{ POD, "", "", S("'containers':[{'name':'d','image':'i'}]"), POD_UPDATE "-	containers[0].name: \"c\"\n"
	  "+	containers[0].name: \"d\"\n" },
	{ POD, "", "", S("'containers':[{'name':'c','image':'i'},{'name':'d','image':'i'}]"),
	  "spec.containers: Forbidden: pod updates may not add or remove containers" },
	{ POD, "", "", S("'activeDeadlineSeconds':5"), "" },
	{ POD, "", S("'activeDeadlineSeconds':5"), S("'activeDeadlineSeconds':9"), "spec.activeDeadlineSeconds: "
	  "Invalid value: 9: must be less than or equal to previous value" },
	{ POD, "", S("'activeDeadlineSeconds':5"), "{}", "spec.activeDeadlineSeconds: Invalid value: null: must not "
	  "update from a positive integer to nil value" },
	{ POD, "", "", S("'tolerations':[{'key':'a','operator':'Exists'}]"), "" },
	{ POD, "", S("'tolerations':[{'key':'a','operator':'Exists'}]"), S("'tolerations':[]"),
	  "spec.tolerations: Forbidden: existing toleration can not be modified except its tolerationSeconds" },
	{ POD, "", S("'tolerations':[{'key':'a','operator':'Exists','effect':'NoExecute','tolerationSeconds':5}]"),
	  S("'tolerations':[{'key':'a','operator':'Exists','effect':'NoExecute','tolerationSeconds':9}]"), "" },
	{ POD, "", "", S("'terminationGracePeriodSeconds':1"), POD_UPDATE "-	terminationGracePeriodSeconds: 30\n"
	  "+	terminationGracePeriodSeconds: 1\n" },
	{ POD, "", S("'terminationGracePeriodSeconds':-1"), S("'terminationGracePeriodSeconds':1"), "" },
	{ POD, "", "", S("'nodeName':'q'"), POD_UPDATE "+	nodeName: \"q\"\n" },
	{ POD, "", "", S("'priority':5"), POD_UPDATE "+	priority: 5\n" },
	{ POD, "", "", S("'schedulingGates':[{'name':'a'}]"), "spec.schedulingGates[0].name: Forbidden: only "
	  "deletion is allowed, but found new scheduling gate 'a'" },
	{ POD, "", S("'schedulingGates':[{'name':'a'}]"), "{}", "" },
	{ POD, "", S("'schedulingGates':[{'name':'a'}]"), S("'schedulingGates':[{'name':'a'}],'nodeSelector':{"
	  "'a':'b'}"), "" },
	{ POD, "", S("'schedulingGates':[{'name':'a'}],'nodeSelector':{'a':'b'}"), S("'schedulingGates':[{"
	  "'name':'a'}],'nodeSelector':{'a':'c'}"), "spec.nodeSelector: Invalid value: {\"a\":\"c\"}: only "
	  "additions to spec.nodeSelector are allowed (no mutations or deletions)" },
	{ POD, "", "", "{'metadata':{'name':'y'}}", "metadata.name: Invalid value: \"y\": field is immutable" },
	{ POD, "", "", "{'metadata':{'uid':'v'}}", "metadata.uid: Invalid value: \"v\": field is immutable" },
	{ POD, "", "", "{'metadata':{'labels':{'a':'b'},'annotations':{'c':'d'}}}", "" },
	{ POD, "", "{'metadata':{'deletionTimestamp':'2026-01-01T00:00:00Z'}}", "{'metadata':{'finalizers':['a."
	  "io/b'],'deletionTimestamp':'2026-01-01T00:00:00Z'}}", "metadata.finalizers: Forbidden: no new finalizers "
	  "can be added if the object is being deleted, found new finalizers []string{\"a.io/b\"}" },
	{ POD, "", "", "{'metadata':{'resourceVersion':null}}", "" },
	{ POD, "", "{'metadata':{'creationTimestamp':'2026-01-02T00:00:00Z'}}", "{'metadata':{"
	  "'creationTimestamp':'2026-01-01T00:00:00Z'}}", "metadata.creationTimestamp: Invalid value: "
	  "\"2026-01-01T00:00:00Z\": field is immutable" },
	{ POD, "", "", S("'ephemeralContainers':[{'name':'d','image':'i'}]"), POD_UPDATE "+	ephemeralContainers: [{"
	  "\"name\":\"d\",\"image\":\"i\",\"resources\":{},\"terminationMessagePath\":\"/dev/termination-log\","
	  "\"terminationMessagePolicy\":\"File\",\"imagePullPolicy\":\"Always\"}]\n" },

	/* status */
	{ POD, "status", "", "{'status':{'nominatedNodeName':'A'}}", "status.nominatedNodeName: Invalid value: "
	  "\"A\": " SUBDOMAIN },
	{ POD, "status", "", "{'status':{'podIPs':[{'ip':'x'}]}}", "status.podIPs[0]: Invalid value: \"x\": " BAD_IP
	  },
	{ POD, "status", "", "{'status':{'podIPs':[{'ip':'1.1.1.1'},{'ip':'1.1.1.2'}]}}", "status.podIPs: Invalid "
	  "value: [{\"ip\":\"1.1.1.1\"},{\"ip\":\"1.1.1.2\"}]: may specify no more than one IP for each IP family" },
	{ POD, "status", "", "{'status':{'podIPs':[{'ip':'1.1.1.1'},{'ip':'1.1.1.1'},{'ip':'::1'}]}}",
	  "status.podIPs: Invalid value: [{\"ip\":\"1.1.1.1\"},{\"ip\":\"1.1.1.1\"},{\"ip\":\"::1\"}]: may specify "
	  "no more than one IP for each IP family" },
	{ POD, "status", "", "{'status':{'podIPs':[{'ip':'1.1.1.1'},{'ip':'::1'}]}}", "" },
	{ POD, "status", "", "{'status':{'hostIP':'1.1.1.1','hostIPs':[{'ip':'1.1.1.2'}]}}",
	  "status.hostIPs[0].ip: Invalid value: \"1.1.1.2\": must be equal to `hostIP`" },
	{ POD, "status", "", "{'status':{'conditions':[{'type':'a b','status':'True'}]}}", "status.conditions[0]."
	  "Type: Invalid value: \"a b\": " QUALIFIED },
	{ POD, "status", "", "{'status':{'observedGeneration':-1}}", "status.observedGeneration: Invalid value: -1: "
	  "must be a non-negative integer" },
	{ POD, "status", "{'status':{'qosClass':'BestEffort'}}", "{'status':{'qosClass':'Guaranteed'}}",
	  "status.qosClass: Invalid value: \"Guaranteed\": field is immutable" },
	{ POD, "status", "{'spec':{'restartPolicy':'Never'},'status':{'containerStatuses':[{'name':'c','image':'i',"
	  "'imageID':'','ready':false,'restartCount':0,'state':{'terminated':{'exitCode':1}}}]}}",
	  "{'spec':{'restartPolicy':'Never'},'status':{'containerStatuses':[{'name':'c','image':'i','imageID':'',"
	  "'ready':true,'restartCount':0,'state':{'running':{}}}]}}", "status.containerStatuses[0].state: "
	  "Forbidden: may not be transitioned to non-terminated state" },
	{ POD, "status", "", "{'status':{'resourceClaimStatuses':[{'name':'z','resourceClaimName':'q'}]}}",
	  "status.resourceClaimStatuses[0].name: Invalid value: \"z\": must match the name of an entry in `spec."
	  "resourceClaims`" },

	/* subresources */
	{ POD, "ephemeralcontainers", "", S("'ephemeralContainers':[{'name':'d','image':'i'}]"), "" },
	{ POD, "ephemeralcontainers", "", S("'ephemeralContainers':[{'name':'c','image':'i'}]"),
	  "spec.ephemeralContainers[0].name: Duplicate value: \"c\"" },
	{ POD, "ephemeralcontainers", "", S("'ephemeralContainers':[{'name':'d','image':'i',"
	  "'targetContainerName':'z'}]"), "spec.ephemeralContainers[0].targetContainerName: Not found: \"z\"" },
	{ POD, "ephemeralcontainers", "", S("'ephemeralContainers':[{'name':'d','image':'i','ports':[{"
	  "'containerPort':1}],'livenessProbe':{'tcpSocket':{'port':1}},'resources':{'limits':{'cpu':'1'}}}]"),
	  "spec.ephemeralContainers[0].ports" NO_DEBUGGER "\nspec.ephemeralContainers[0].resources" NO_DEBUGGER
	  "\nspec.ephemeralContainers[0].livenessProbe" NO_DEBUGGER },
	{ POD, "ephemeralcontainers", "", S("'ephemeralContainers':[{'name':'d','image':'i','lifecycle':{'preStop':{"
	  "'exec':{'command':['a']}}},'restartPolicy':'Always'}]"), "spec.ephemeralContainers[0].restartPolicy"
	  NO_DEBUGGER "\nspec.ephemeralContainers[0].lifecycle" NO_DEBUGGER },
	{ POD, "ephemeralcontainers", S("'ephemeralContainers':[{'name':'d','image':'i'}]"), "{}",
	  "spec.ephemeralContainers: Forbidden: existing ephemeral containers \"d\" may not be removed\n" },
	{ POD, "ephemeralcontainers", S("'ephemeralContainers':[{'name':'d','image':'i'}]"),
	  S("'ephemeralContainers':[{'name':'d','image':'j'}]"), "spec.ephemeralContainers: Forbidden: existing "
	  "ephemeral containers \"d\" may not be changed\n-	image: \"i\"\n+	image: \"j\"\n" },
	{ POD, "ephemeralcontainers", S("'ephemeralContainers':[{'name':'d','image':'i'}]"),
	  S("'ephemeralContainers':[{'name':'d','image':'i'},{'name':'e','image':'i'}]"), "" },
	{ POD, "ephemeralcontainers", "", S("'ephemeralContainers':[{'name':'','image':''}]"),
	  "spec.ephemeralContainers[0].name: Required value\nspec.ephemeralContainers[0].image: Required value" },
	{ POD, "resize", C("'resources':{'requests':{'cpu':'1','memory':'1Gi'},'limits':{'cpu':'2','memory':'2Gi'}}"),
	  C("'resources':{'requests':{'cpu':'1500m','memory':'1Gi'},'limits':{'cpu':'2','memory':'2Gi'}}"), "" },
	{ POD, "resize", C("'resources':{'requests':{'cpu':'1','memory':'1Gi'},'limits':{'cpu':'2','memory':'2Gi'}}"),
	  C("'resources':{'requests':{'cpu':'2','memory':'2Gi'},'limits':{'cpu':'2','memory':'2Gi'}}"),
	  "spec: Invalid value: \"\": Pod QOS Class may not change as a result of resizing" },
	{ POD, "resize", C("'resources':{'requests':{'cpu':'1','memory':'1Gi'},'limits':{'cpu':'2','memory':'2Gi'}}"),
	  C("'resources':{'requests':{'cpu':'3','memory':'1Gi'},'limits':{'cpu':'2','memory':'2Gi'}}"), C0
	  "resources.requests: Invalid value: \"3\": must be less than or equal to cpu limit of 2" },
	{ POD, "resize", C("'resources':{'requests':{'cpu':'1','memory':'1Gi'},'limits':{'cpu':'2','memory':'2Gi'}}"),
	  C("'resources':{'limits':{'cpu':'2','memory':'2Gi'},'requests':{'memory':'1Gi','cpu':'1',"
	  "'ephemeral-storage':'1Gi'}}"), "spec: Forbidden: only cpu and memory resources are mutable" },
	{ POD, "resize", C("'resources':{'requests':{'cpu':'1','memory':'1Gi'},'limits':{'cpu':'2','memory':'2Gi'}}"),
	  C("'resources':{'requests':{'cpu':'1','memory':'1Gi'},'limits':{'cpu':'2'}}"), C0
	  "resources.limits: Forbidden: resource limits cannot be removed" },
	{ POD, "resize", C("'resources':{'requests':{'cpu':'1','memory':'1Gi'},'limits':{'cpu':'2','memory':'2Gi'}}"),
	  C("'resources':{'requests':{'cpu':'1','memory':'1Gi'},'limits':{'cpu':'2','memory':'1Gi'}}"), "" },
	{ POD, "resize", C("'resources':{'requests':{'cpu':'1','memory':'1Gi'},'limits':{'cpu':'2','memory':'2Gi'}}"),
	  S("'containers':[{'name':'d','image':'i','resources':{'requests':{'cpu':'1','memory':'1Gi'},'limits':{"
	  "'cpu':'2','memory':'2Gi'}}}]"), C0 "name: Forbidden: containers may not be renamed or reordered on resize"
	  },
	{ POD, "resize", C("'resources':{'requests':{'cpu':'1','memory':'1Gi'},'limits':{'cpu':'2','memory':'2Gi'}}"),
	  S("'containers':[{'name':'c','image':'i','resources':{'requests':{'cpu':'1','memory':'1Gi'},'limits':{"
	  "'cpu':'2','memory':'2Gi'}}},{'name':'d','image':'i'}]"), "spec.containers: Forbidden: containers may not "
	  "be added or removed on resize" },
};

static void every_rule_of_pods_says_what_upstream_says(void **state)
{
	judge(bases, cases, sizeof(cases) / sizeof(cases[0]));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(every_rule_of_pods_says_what_upstream_says) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
