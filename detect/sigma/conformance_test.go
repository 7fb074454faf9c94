package sigma

import (
	"fmt"
	"strings"
	"testing"

	"github.com/lapwing-sec/lapwing/schemas"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// load compiles rules that must be right.
func load(t testing.TB, texts ...string) *Set {
	t.Helper()
	var files []File
	for i, text := range texts {
		files = append(files, File{Name: fmt.Sprintf("rule%d.yml", i), Data: []byte(text)})
	}
	set, err := Load(files)
	require.NoError(t, err)
	return set
}

// rule writes a rule on CloudTrail from its detection.
func rule(detection string) string {
	return "title: Test\nlogsource: {product: aws, service: cloudtrail}\ndetection:\n  " +
		strings.ReplaceAll(strings.TrimSpace(detection), "\n", "\n  ") + "\n"
}

// event is a CloudTrail event; fields are "a=b", in attributes.
func event(fields ...string) *schemas.Event {
	ev := &schemas.Event{
		Id: "e1", Time: 1_772_359_200_000_000_000, Format: "cloudtrail", IdentityId: "aws:1:user/deploy", IdentityKind: "ci_pipeline",
		Principal: "arn:aws:iam::1:user/deploy", PrincipalType: "IAMUser", Operation: "iam:CreateAccessKey", Service: "iam",
		SrcIp: "203.0.113.7", UserAgent: "aws-cli/2.15 C:\\Tools\\x.exe", BytesOut: 5000, Resources: []string{"user/backup", "user/two"},
		Outcome:    schemas.Outcome_OUTCOME_SUCCESS,
		Attributes: map[string]string{"requestParameters.userName": "backup", "requestParameters.tags.0.key": "Team", "requestParameters.tags.1.key": "Cost"},
	}
	for _, f := range fields {
		k, v, _ := strings.Cut(f, "=")
		ev.Attributes[k] = v
	}
	return ev
}

// The table follows the specification: one sentence for each rule of it. x is
// the value of requestParameters.x.
func TestDetectionsMatchAsTheSpecificationSays(t *testing.T) {
	for _, c := range []struct {
		says      string
		detection string
		x         string
		want      bool
	}{
		{"a value is compared without case", "s: {eventName: createaccesskey}\ncondition: s", "", true},
		{"a field's name is compared without case", "s: {EVENTNAME: CreateAccessKey}\ncondition: s", "", true},
		{"another value does not match", "s: {eventName: DeleteAccessKey}\ncondition: s", "", false},
		{"a value is no part of another", "s: {eventName: CreateAccess}\ncondition: s", "", false},
		{"a list is any of its values", "s: {eventName: [DeleteUser, CreateAccessKey]}\ncondition: s", "", true},
		{"a map is all of its fields", "s: {eventName: CreateAccessKey, eventSource: s3.amazonaws.com}\ncondition: s", "", false},
		{"the service has its domain back", "s: {eventSource: iam.amazonaws.com}\ncondition: s", "", true},
		{"a list of maps is any of them", "s: [{eventName: Nothing}, {eventSource: IAM.amazonaws.com}]\ncondition: s", "", true},
		{"a list of maps with none that matches", "s: [{eventName: Nothing}, {eventSource: ec2.amazonaws.com}]\ncondition: s", "", false},
		{"a number is compared as text", "s: {requestParameters.x: 22}\ncondition: s", "22", true},
		{"a truth value is compared as text", "s: {requestParameters.x: true}\ncondition: s", "True", true},
		{"places in lists are left out of a path", "s: {requestParameters.tags.key: cost}\ncondition: s", "", true},
		{"the first part of a path is all that is below it", "s: {requestParameters|contains: ost}\ncondition: s", "", true},

		{"a star is any text", "s: {eventName: Create*Key}\ncondition: s", "", true},
		{"a star is no text too", "s: {eventName: CreateAccessKey*}\ncondition: s", "", true},
		{"a question mark is one character", "s: {eventName: 'CreateAccessKe?'}\ncondition: s", "", true},
		{"a question mark is no empty text", "s: {eventName: 'CreateAccessKey?'}\ncondition: s", "", false},
		{"stars go back for a later match", "s: {eventName: '*e*e*ey'}\ncondition: s", "", true},
		{"an escaped star is a star", `s: {requestParameters.x: 'a\*b'}` + "\ncondition: s", "a*b", true},
		{"an escaped star is nothing else", `s: {requestParameters.x: 'a\*b'}` + "\ncondition: s", "axb", false},
		{"a single backslash is itself", `s: {requestParameters.x: 'a\b'}` + "\ncondition: s", `a\b`, true},
		{"a doubled backslash is one", `s: {requestParameters.x: 'a\\b'}` + "\ncondition: s", `a\b`, true},
		{"a doubled backslash before a star leaves it a wildcard", `s: {requestParameters.x: 'a\\*'}` + "\ncondition: s", `a\bc`, true},
		{"three backslashes before a star are both plain", `s: {requestParameters.x: 'a\\\*'}` + "\ncondition: s", `a\*`, true},
		{"four backslashes are two", `s: {requestParameters.x: 'a\\\\b'}` + "\ncondition: s", `a\\b`, true},
		{"a star alone is any value", "s: {requestParameters.userName: '*'}\ncondition: s", "", true},
		{"a star alone is not no value", "s: {requestParameters.nothing: '*'}\ncondition: s", "", false},
		{"letters beyond ASCII have case too", "s: {requestParameters.x: 'ÄRGER*'}\ncondition: s", "ärger 1", true},
		{"a question mark is one letter beyond ASCII", "s: {requestParameters.x: '?rger'}\ncondition: s", "Ärger", true},

		{"contains", "s: {userAgent|contains: CLI/2}\ncondition: s", "", true},
		{"contains takes wildcards", "s: {userAgent|contains: 'aws?cli'}\ncondition: s", "", true},
		{"startswith", "s: {userAgent|startswith: AWS-}\ncondition: s", "", true},
		{"startswith is no contains", "s: {userAgent|startswith: cli}\ncondition: s", "", false},
		{"endswith", `s: {userAgent|endswith: '\X.EXE'}` + "\ncondition: s", "", true},
		{"endswith is no contains", "s: {userAgent|endswith: aws}\ncondition: s", "", false},
		{"all needs every value", "s: {userAgent|contains|all: [aws, tools]}\ncondition: s", "", true},
		{"all fails by one value", "s: {userAgent|contains|all: [aws, boto]}\ncondition: s", "", false},
		{"all over several values of a field", "s: {requestParameters.tags.key|all: [team, cost]}\ncondition: s", "", true},
		{"cased keeps case", "s: {eventName|cased: createaccesskey}\ncondition: s", "", false},
		{"cased matches its own case", "s: {eventName|startswith|cased: Create}\ncondition: s", "", true},
		{"neq is another value", "s: {eventName|neq: DeleteUser}\ncondition: s", "", true},
		{"neq fails by equal", "s: {eventName|neq: [DeleteUser, CreateAccessKey]}\ncondition: s", "", false},
		{"neq holds for a field that is not there", "s: {requestParameters.nothing|neq: x}\ncondition: s", "", true},
		{"exists", "s: {requestParameters.userName|exists: true}\ncondition: s", "", true},
		{"exists not", "s: {errorCode|exists: false}\ncondition: s", "", true},
		{"exists false of what is there", "s: {eventName|exists: false}\ncondition: s", "", false},
		{"null is a field that is not there", "s: {errorCode: null}\ncondition: s", "", true},
		{"null is not a value", "s: {eventName: null}\ncondition: s", "", false},
		{"null among values", "s: {errorCode: [AccessDenied, null]}\ncondition: s", "", true},
		{"an empty value is a field without text", "s: {errorCode: ''}\ncondition: s", "", true},
		{"an empty value is no other", "s: {eventName: ''}\ncondition: s", "", false},

		{"re is case sensitive, and finds a part", "s: {userAgent|re: 'cli/\\d'}\ncondition: s", "", true},
		{"re in the wrong case", "s: {userAgent|re: 'CLI/\\d'}\ncondition: s", "", false},
		{"re|i has no case", "s: {userAgent|re|i: 'CLI/\\d'}\ncondition: s", "", true},
		{"re anchors the whole text", "s: {requestParameters.x|re: '^b$'}\ncondition: s", "a\nb", false},
		{"re|m anchors lines", "s: {requestParameters.x|re|m: '^b$'}\ncondition: s", "a\nb", true},
		{"re without s stops at lines", "s: {requestParameters.x|re: 'a.b'}\ncondition: s", "a\nb", false},
		{"re|s crosses lines", "s: {requestParameters.x|re|s: 'a.b'}\ncondition: s", "a\nb", true},
		{"cidr of IPv4", "s: {sourceIPAddress|cidr: 203.0.113.0/24}\ncondition: s", "", true},
		{"cidr of other networks", "s: {sourceIPAddress|cidr: [10.0.0.0/8, 192.168.0.0/16]}\ncondition: s", "", false},
		{"cidr of IPv6", "s: {requestParameters.x|cidr: '2001:db8::/32'}\ncondition: s", "2001:DB8::7", true},
		{"cidr of what is no address", "s: {eventName|cidr: 0.0.0.0/0}\ncondition: s", "", false},
		{"gt", "s: {additionalEventData.bytesTransferredOut|gt: 4999}\ncondition: s", "", true},
		{"gt is no gte", "s: {additionalEventData.bytesTransferredOut|gt: 5000}\ncondition: s", "", false},
		{"gte", "s: {additionalEventData.bytesTransferredOut|gte: 5000}\ncondition: s", "", true},
		{"lt", "s: {additionalEventData.bytesTransferredOut|lt: 5000.5}\ncondition: s", "", true},
		{"lte", "s: {additionalEventData.bytesTransferredOut|lte: 4e3}\ncondition: s", "", false},
		{"a comparison of what is no number", "s: {eventName|lt: 5}\ncondition: s", "", false},
		{"hour of a time", "s: {eventTime|hour: 10}\ncondition: s", "", true},
		{"minute of a time", "s: {eventTime|minute: 1}\ncondition: s", "", false},
		{"day, week, month and year", "d: {eventTime|day: 1}\nw: {eventTime|week: 9}\nm: {eventTime|month: 3}\ny: {eventTime|year: 2026}\ncondition: all of them", "", true},

		{"base64", "s: {requestParameters.x|base64: secret}\ncondition: s", "c2VjcmV0", true},
		{"base64 within a text", "s: {requestParameters.x|base64|contains: secret}\ncondition: s", "-e c2VjcmV0", true},
		{"base64offset at place 0", "s: {requestParameters.x|base64offset|contains: /bin/bash}\ncondition: s", "L2Jpbi9iYXNo", true},
		{"base64offset at place 1", "s: {requestParameters.x|base64offset|contains: /bin/bash}\ncondition: s", "eC9iaW4vYmFzaA==", true},
		{"base64offset at place 2", "s: {requestParameters.x|base64offset|contains: /bin/bash}\ncondition: s", "eHgvYmluL2Jhc2g=", true},
		{"wide is UTF-16 before base64", "s: {requestParameters.x|wide|base64offset|contains: ping}\ncondition: s", "-enc cABpAG4AZwA=", true},
		{"utf16be", "s: {requestParameters.x|utf16be|base64: ab}\ncondition: s", "AGEAYg==", true},
		{"utf16 has its mark", "s: {requestParameters.x|utf16|base64: a}\ncondition: s", "//5hAA==", true},
		{"windash: a slash for a dash", "s: {requestParameters.x|windash|contains: ' -enc'}\ncondition: s", "powershell /enc x", true},
		{"windash: an en dash for a dash", "s: {requestParameters.x|windash|contains: ' -enc'}\ncondition: s", "powershell –enc x", true},
		{"windash leaves what joins words", "s: {requestParameters.x|windash|contains: 'a-b'}\ncondition: s", "a/b", false},
		{"fieldref: equal", "s: {requestParameters.userName|fieldref: requestParameters.x}\ncondition: s", "BACKUP", true},
		{"fieldref: not equal", "s: {requestParameters.userName|fieldref: requestParameters.x}\ncondition: s", "ops", false},
		{"fieldref: neq", "s: {requestParameters.userName|fieldref|neq: requestParameters.x}\ncondition: s", "ops", true},
		{"fieldref: endswith", "s: {userIdentity.arn|fieldref|endswith: requestParameters.x}\ncondition: s", "deploy", true},
		{"expand without a placeholder is plain", `s: {requestParameters.x|expand: '50\%'}` + "\ncondition: s", "50%", true},
		{"a percent without expand is plain", "s: {requestParameters.x: '%name%'}\ncondition: s", "%name%", true},

		{"keywords are looked for in every text", "k: [nothing, X.EXE]\ncondition: k", "", true},
		{"keywords see attributes", "k: [backup]\ncondition: k", "", true},
		{"keywords with none that is there", "k: [mimikatz]\ncondition: k", "", false},
		{"keywords with all", "k: {'|all': [aws-cli, deploy]}\ncondition: k", "", true},
		{"keywords with all and one missing", "k: {'|all': [aws-cli, mimikatz]}\ncondition: k", "", false},
		{"keywords by expression", "k: {'|re': ['aws-cli/[0-9]']}\ncondition: k", "", true},

		{"and binds before or", "a: {eventName: CreateAccessKey}\nb: {eventName: x}\nc: {eventName: y}\ncondition: a or b and c", "", true},
		{"parentheses bind first", "a: {eventName: CreateAccessKey}\nb: {eventName: x}\nc: {eventName: y}\ncondition: (a or b) and c", "", false},
		{"not binds before and", "a: {eventName: x}\nb: {eventName: y}\ncondition: not a and not b", "", true},
		{"not of parentheses", "a: {eventName: CreateAccessKey}\nb: {eventName: y}\ncondition: not (a or b)", "", false},
		{"words of a condition have no case", "a: {eventName: CreateAccessKey}\nb: {eventName: y}\ncondition: a AND NOT b", "", true},
		{"1 of them", "a: {eventName: x}\nb: {eventName: CreateAccessKey}\ncondition: 1 of them", "", true},
		{"all of them", "a: {eventName: x}\nb: {eventName: CreateAccessKey}\ncondition: all of them", "", false},
		{"1 of a pattern", "sel_a: {eventName: x}\nsel_b: {eventName: y}\nc: {eventName: CreateAccessKey}\ncondition: 1 of sel_*", "", false},
		{"all of a pattern and not 1 of another", "sel_a: {eventName: Create*}\nsel_b: {eventSource: iam*}\nfilter_a: {userAgent: x}\ncondition: all of sel_* and not 1 of filter_*", "", true},
		{"them leaves out what begins with an underscore", "_a: {eventName: x}\nb: {eventName: CreateAccessKey}\ncondition: all of them", "", true},
		{"a list of conditions is any of them", "a: {eventName: x}\nb: {eventName: CreateAccessKey}\ncondition: [a, b]", "", true},
		{"a selection may be named as a word of the language", "all: {eventName: CreateAccessKey}\ncondition: all", "", true},
		{"a column of the event by its name", "s: {lapwing.kind: ci_pipeline, lapwing.outcome: success}\ncondition: s", "", true},
	} {
		t.Run(c.says, func(t *testing.T) {
			set := load(t, rule(c.detection))
			ev := event()
			if c.x != "" {
				ev.Attributes["requestParameters.x"] = c.x
			}
			assert.Equal(t, c.want, len(NewScanner(set).Scan(ev)) == 1)
		})
	}
}

func TestWhatIsWrongIsSaidWithWhere(t *testing.T) {
	const count = "title: C\ncorrelation: {rules: [x], timespan: 1m, "
	for _, c := range []struct{ says, text, want string }{
		{"no title", "logsource: {product: aws}\ndetection: {s: {a: b}, condition: s}", "title: missing"},
		{"no log source", "title: T\ndetection: {s: {a: b}, condition: s}", "logsource: missing"},
		{"no detection", "title: T\nlogsource: {product: aws}", "detection: missing"},
		{"no condition", rule("s: {a: b}"), "condition: missing"},
		{"an unknown level", "level: awful\n" + rule("s: {a: b}\ncondition: s"), `level: "awful"`},
		{"a selection that is none", rule("s: {a: b}\ncondition: t"), `no selection "t"; there are s`},
		{"a pattern of none", rule("s: {a: b}\ncondition: 1 of t*"), "no selection is named so"},
		{"another number", rule("s: {a: b}\ncondition: 2 of them"), "want 1 or all"},
		{"an open parenthesis", rule("s: {a: b}\ncondition: (s"), "not closed"},
		{"a closing parenthesis", rule("s: {a: b}\ncondition: s)"), "closing parenthesis"},
		{"two selections without a word", rule("s: {a: b}\nt: {a: c}\ncondition: s t"), "where and, or"},
		{"an aggregation of Sigma 1", rule("s: {a: b}\ncondition: s | count() by x > 5"), "correlation rule"},
		{"an unknown modifier", rule("s: {'a|like': b}\ncondition: s"), `unknown modifier "like"`},
		{"modifiers that exclude each other", rule("s: {'a|contains|endswith': b}\ncondition: s"), "exclude each other"},
		{"flags without re", rule("s: {'a|i': b}\ncondition: s"), "modifiers of re"},
		{"a lookahead", rule("s: {'a|re': 'x(?=y)'}\ncondition: s"), "a lookahead"},
		{"a negative lookbehind", rule("s: {'a|re': '(?<!y)x'}\ncondition: s"), "a negative lookbehind"},
		{"a backreference", rule("s: {'a|re': '(x)\\1'}\ncondition: s"), "a backreference"},
		{"no expression", rule("s: {'a|re': '(x'}\ncondition: s"), "none of RE2"},
		{"no network", rule("s: {'a|cidr': 10.0.0.0/99}\ncondition: s"), "want a network"},
		{"no number", rule("s: {'a|gt': many}\ncondition: s"), "want a number"},
		{"a placeholder", rule("s: {'a|expand': '%admins%'}\ncondition: s"), "placeholder %admins%"},
		{"an empty value with contains", rule("s: {'a|contains': ''}\ncondition: s"), "match everything"},
		{"an empty list", rule("s: {a: []}\ncondition: s"), "empty list"},
		{"an empty selection", rule("s: {}\ncondition: s"), "match everything"},
		{"no YAML", "title: [", "no YAML"},
		{"a list of rules", "- a", "want a rule"},
		{"an id twice", "id: a\n" + rule("s: {a: b}\ncondition: s") + "---\nid: a\n" + rule("s: {a: b}\ncondition: s"), "is taken by"},
		{"a correlation of nothing", count + "type: event_count, condition: {gte: 2}}", `no rule with the id or name "x"`},
		{"an unknown type", count + "type: sum}", "want event_count"},
		{"no timespan", "title: C\ncorrelation: {type: event_count, rules: [x], condition: {gte: 2}}", "timespan"},
		{"no bound", count + "type: event_count, condition: {}}", "no bound"},
		{"a bound that is too large", count + "type: event_count, condition: {gte: 99999}}", "0 to 10000"},
		{"no count between the bounds", count + "type: event_count, condition: {gt: 5, lt: 6}}", "no count is in it"},
		{"no field to count", count + "type: value_count, condition: {gte: 2}}", "field: missing"},
		{"a circle", "title: C\nname: c\ncorrelation: {type: event_count, rules: [d], timespan: 1m, condition: {gte: 2}}\n---\n" +
			"title: D\nname: d\ncorrelation: {type: event_count, rules: [c], timespan: 1m, condition: {gte: 2}}", "names itself"},
	} {
		t.Run(c.says, func(t *testing.T) {
			_, err := Load([]File{{Name: "x.yml", Data: []byte(c.text)}})
			require.Error(t, err)
			assert.Contains(t, err.Error(), "x.yml")
			assert.Contains(t, err.Error(), c.want)
		})
	}
}

func TestWarnings(t *testing.T) {
	set := load(t, rule("s: {madeUp: x, eventName: y}\nother: {eventName: z}\ncondition: s"),
		"title: W\nlogsource: {product: windows, category: process_creation}\ndetection: {s: {Image: x}, condition: s}")
	var all []string
	for _, w := range set.Warnings() {
		all = append(all, w.Error())
	}
	text := strings.Join(all, "\n")
	assert.Contains(t, text, "rule0.yml:1: Test: field madeUp: unknown for aws/cloudtrail")
	assert.Contains(t, text, "no condition uses other")
	assert.Contains(t, text, "logsource process_creation/windows: no format of Lapwing carries it")
	assert.Equal(t, []string{"madeUp"}, set.Rule(0).Unmapped)
}

func TestFiltersAreJoinedToConditions(t *testing.T) {
	const filter = "title: F\nlogsource: {product: aws, service: cloudtrail}\nfilter:\n  rules: [%s]\n  ours: {userIdentity.arn|endswith: /deploy}\n  condition: not ours\n"
	base := "name: base\n" + rule("s: {eventName: CreateAccessKey}\ncondition: s")
	for _, c := range []struct {
		says, rules string
		want        int
	}{{"by name", "base", 0}, {"of any rule", "any", 0}, {"of another rule it changes nothing", "other", 1}} {
		t.Run(c.says, func(t *testing.T) {
			set := load(t, base, fmt.Sprintf(filter, c.rules))
			assert.Len(t, NewScanner(set).Scan(event()), c.want)
		})
	}
}

func TestTheMappingIsSound(t *testing.T) {
	m, err := readMapping()
	require.NoError(t, err)
	for _, c := range []struct {
		source LogSource
		field  string
	}{
		{LogSource{Product: "aws", Service: "cloudtrail"}, "requestParameters.policyDocument"},
		{LogSource{Product: "okta", Service: "okta"}, "debugContext.debugData.behaviors"},
		{LogSource{Product: "okta", Service: "okta"}, "eventtype"},
		{LogSource{Product: "github", Service: "audit"}, "actor_location.country_code"},
		{LogSource{Product: "azure", Service: "activitylogs"}, "properties.message"},
		{LogSource{Product: "azure", Service: "auditlogs"}, "targetResources.modifiedProperties.newValue"},
		{LogSource{Product: "azure", Service: "signinlogs"}, "properties.authenticationRequirement"},
		{LogSource{Product: "gcp", Service: "gcp.audit"}, "gcp.audit.method_name"},
		{LogSource{Product: "gcp", Service: "gcp.audit"}, "protoPayload.authorizationInfo.permission"},
		{LogSource{Category: "application", Product: "kubernetes", Service: "audit"}, "objectRef.subresource"},
		{LogSource{Category: "application", Product: "kubernetes", Service: "audit"}, "resource"},
		{LogSource{Category: "application", Product: "kubernetes", Service: "audit"}, "subresource"},
		{LogSource{Product: "m365", Service: "audit"}, "Operation"},
		{LogSource{Category: "webserver"}, "cs-uri-query"},
		{LogSource{Category: "proxy"}, "c-useragent"},
	} {
		formats := m.formatsOf(c.source)
		require.NotEmpty(t, formats, c.source)
		for _, f := range formats {
			_, known := m.resolve(f, normalName(c.field))
			assert.True(t, known, "%s: %s", f, c.field)
		}
	}
	for i := 1; i < len(columns); i++ {
		c, ok := columnNamed(columns[i].name)
		assert.True(t, ok && int(c) == i, "two columns are named %s", columns[i].name)
	}
}

func TestKubernetesCallsAreTakenApart(t *testing.T) {
	for _, c := range []struct {
		op, object string
		want       kubernetesCall
	}{
		{"k8s:create pods/exec", "payments/pods/ledger-1", kubernetesCall{"create", "pods", "exec", "", "payments", "ledger-1"}},
		{"k8s:list secrets", "payments/secrets", kubernetesCall{"list", "secrets", "", "", "payments", ""}},
		{"k8s:create clusterrolebindings", "clusterrolebindings/admin", kubernetesCall{"create", "clusterrolebindings", "", "", "", "admin"}},
		{"k8s:get certificates.cert-manager.io", "web/certificates.cert-manager.io/tls", kubernetesCall{"get", "certificates", "", "cert-manager.io", "web", "tls"}},
		{"k8s:get pods", "pods/pods/pods", kubernetesCall{"get", "pods", "", "", "pods", "pods"}},
		{"k8s:get /version", "/version", kubernetesCall{verb: "get"}},
	} {
		assert.Equal(t, c.want, kubernetes(&schemas.Event{Service: "k8s", Operation: c.op, Resources: []string{c.object}}), c.op)
	}
}
