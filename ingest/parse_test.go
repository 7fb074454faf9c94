package ingest

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/lapwing-sec/lapwing/schemas"
)

var testHasher = NewHasher([]byte("test key"))

func h(secret string) string { return testHasher.Hash(secret) }

func at(t string) int64 {
	v, err := time.Parse(time.RFC3339Nano, t)
	if err != nil {
		panic(err)
	}
	return v.UnixNano()
}

// sample is one record and the event it must give. The table drives the
// conformance test, the fuzz tests and the benchmarks.
type sample struct {
	name   string
	format string
	in     string
	// want is the whole event but for attributes, of which attrs must be there.
	want  *schemas.Event
	attrs map[string]string
}

const (
	denied  = schemas.Outcome_OUTCOME_DENIED
	failed  = schemas.Outcome_OUTCOME_ERROR
	success = schemas.Outcome_OUTCOME_SUCCESS
)

func samples() []sample {
	var all []sample
	for _, s := range [][]sample{
		// Amazon Web Services
		cloudtrailSamples(),
		apigatewaySamples(),
		albSamples(),
		cloudFrontSamples(),
		wafSamples(),

		// Google Cloud
		gcpSamples(),

		// Microsoft Azure, Entra ID and 365
		entraSamples(),
		o365Samples(),
		azureSamples(),
		azureFlatSamples(),

		// Services and identity providers
		oktaSamples(),
		githubSamples(),
		gitlabSamples(),
		slackSamples(),
		workspaceSamples(),
		keycloakSamples(),
		auth0Samples(),
		openAISamples(),
		anthropicSamples(),

		// Kubernetes, secrets and agents
		k8sSamples(),
		vaultSamples(),
		mcpSamples(),

		// Cloudflare
		cloudflareSamples(),

		// Gateways and proxies
		kongSamples(),
		nginxSamples(),
		apacheSamples(),
		traefikSamples(),
		caddySamples(),
		haproxySamples(),
		envoySamples(),
		istioSamples(),

		// Open standards
		ocsfSamples(),
		otlpSamples(),
	} {
		all = append(all, s...)
	}
	return all
}

func TestRecordsBecomeEvents(t *testing.T) {
	for _, s := range samples() {
		t.Run(s.format+"/"+s.name, func(t *testing.T) {
			ev := parseOne(t, s.format, s.in)
			attrs := ev.Attributes
			ev.Attributes, ev.Raw = nil, ""
			s.want.Format = s.format
			if diff := cmp.Diff(s.want, ev, protocmp.Transform()); diff != "" {
				t.Errorf("event (-want +got):\n%s", diff)
			}
			for k, v := range s.attrs {
				if attrs[k] != v {
					t.Errorf("attribute %s = %q, want %q", k, attrs[k], v)
				}
			}
			if t.Failed() {
				t.Logf("attributes: %v", attrs)
			}
		})
	}
}

func parseOne(t testing.TB, format, in string) *schemas.Event {
	t.Helper()
	c := parseAll(t, format, in)
	if len(c.bad) > 0 || len(c.events) != 1 {
		t.Fatalf("%d events and refusals %q, want one event", len(c.events), c.bad)
	}
	return c.events[0]
}

func parseAll(t testing.TB, format, in string) (c collect) {
	t.Helper()
	p, err := New(format, Options{Hasher: testHasher, KeepRaw: true})
	if err != nil {
		t.Fatal(err)
	}
	p.Parse([]byte(in), &c)
	return c
}

func TestBadRecordsAreRefusedWithAReason(t *testing.T) {
	const trailStart = `{"eventTime":"2026-03-01T10:00:00Z","eventSource":"s3.amazonaws.com","eventName":"GetObject"`
	for _, tt := range []struct {
		name, format, in, reason string
	}{
		{"an empty record", "cloudtrail", " \n", "empty record"},
		{"a record that is cut off", "cloudtrail", trailStart + `,"userIdentity":{"type":`, "not JSON at byte"},
		{"a record without a time names the field", "cloudtrail", `{"eventSource":"s3.amazonaws.com","eventName":"GetObject"}`, "eventTime: missing"},
		{"a time that is none names the field", "cloudtrail", strings.Replace(trailStart, "2026-03-01T10:00:00Z", "yesterday", 1) + "}", `eventTime: "yesterday" is no RFC 3339 time`},
		{"a day that does not exist", "cloudtrail", strings.Replace(trailStart, "03-01", "02-30", 1) + "}", "eventTime"},
		{"a record without an event name", "cloudtrail", `{"eventTime":"2026-03-01T10:00:00Z","eventSource":"s3.amazonaws.com"}`, "eventName: missing"},
		{"a record without an event source", "cloudtrail", `{"eventTime":"2026-03-01T10:00:00Z","eventName":"x"}`, "eventSource: missing"},
		{"a digest of log files", "cloudtrail", `{"awsAccountId":"111122223333","digestStartTime":"2026-03-01T10:00:00Z","digestEndTime":"2026-03-01T11:00:00Z","logFiles":[]}`, "holds no calls"},
		{"a finding of Insights", "cloudtrail", trailStart + `,"eventType":"AwsCloudTrailInsight","insightDetails":{"state":"Start"}}`, "Insights event"},
		{"a number where a record should be", "cloudtrail", `42`, "not an object"},
		{"nesting deeper than 64", "cloudtrail", trailStart + `,"requestParameters":` + strings.Repeat(`{"a":`, 70) + "1" + strings.Repeat("}", 70) + "}", "nested deeper than 64"},
		{"more than 65536 values", "cloudtrail", trailStart + `,"requestParameters":[` + strings.Repeat("1,", 70000) + "1]}", "more than 65536 values"},
		{"a record above the limit", "cloudtrail", trailStart + `,"x":"` + strings.Repeat("a", DefaultMaxRecordBytes) + `"}`, "at most 8388608 are read"},
		{"an Entra sign-in without a time", "entra-signin", `{"category":"SignInLogs","properties":{"userId":"u"}}`, "createdDateTime: missing"},
		{"an Entra audit without an activity", "entra-audit", `{"activityDateTime":"2026-03-01T10:00:00Z","initiatedBy":{}}`, "activityDisplayName: missing"},
		{"a Graph call with a time in words", "entra-graph-activity", `{"category":"MicrosoftGraphActivityLogs","time":"now"}`, `timeGenerated: "now" is no RFC 3339 time`},
		{"an Office 365 record without an operation", "o365", `{"CreationTime":"2026-03-01T10:00:00","RecordType":1}`, "Operation: missing"},
		{"an Office 365 record without a time", "o365", `{"Operation":"x","RecordType":1}`, "CreationTime: missing"},
		{"an Okta event without a type", "okta", `{"published":"2026-03-01T10:00:00Z","actor":{}}`, "eventType: missing"},
		{"an Okta event without a time", "okta", `{"eventType":"user.session.start"}`, "published: missing"},
		{"a GitHub event without a time", "github", `{"action":"repo.create","actor":"a"}`, "@timestamp: missing"},
		{"a GitHub webhook without a time", "github", `{"action":"opened","pull_request":{"number":1},"repository":{"full_name":"a/b"}}`, "time: missing"},
		{"a GitHub webhook of which nothing tells the event", "github", `{"action":"opened","repository":{"full_name":"a/b"}}`, "x_github_event: missing"},
		{"a GitLab event without a time", "gitlab-audit", `{"author_id":1,"entity_type":"Project"}`, "created_at: missing"},
		{"a GitLab request without a time", "gitlab-audit", `{"method":"GET","path":"/"}`, "time: missing"},
		{"a Slack entry without an action", "slack-audit", `{"date_create":1772359620}`, "action: missing"},
		{"a Slack entry without a time", "slack-audit", `{"action":"user_login"}`, "date_create: missing"},
		{"a Workspace activity without a time", "google-workspace", `{"id":{"applicationName":"drive"},"events":[{"name":"view"}]}`, "id.time: missing"},
		{"a Workspace event that is a word", "google-workspace", `{"id":{"applicationName":"drive","time":"2026-03-01T10:00:00Z"},"events":["view"]}`, "not an object"},
		{"a Keycloak event without a realm", "keycloak", `{"time":1772359680123,"type":"LOGIN"}`, "realmId: missing"},
		{"a Keycloak event without a type", "keycloak", `{"time":1772359680123,"realmId":"acme"}`, "type: missing"},
		{"a Keycloak line without a time", "keycloak", `type="LOGIN", realmId="acme", clientId="shop"`, "time: missing"},
		{"another line of Keycloak's log", "keycloak", `2026-03-01 10:08:00,123 INFO  [org.keycloak.services] started`, "realmId: missing"},
		{"an Auth0 event without a type", "auth0", `{"log_id":"1","data":{"date":"2026-03-01T10:00:00Z"}}`, "type: missing"},
		{"an OpenAI entry without a time", "openai-audit", `{"object":"organization.audit_log","type":"login.failed"}`, "effective_at: missing"},
		{"an Anthropic activity without a time", "anthropic-activity", `{"type":"x","actor":{"type":"user_actor"}}`, "created_at: missing"},
		{"a Kong record without started_at", "kong", `{"request":{"method":"GET","uri":"/"}}`, "started_at: missing"},
		{"a Kong record without a request", "kong", `{"started_at":1767225600000}`, "request: missing"},
		{"a Kong time in words", "kong", `{"started_at":"now","request":{}}`, `started_at: "now" is no Unix time`},
		{"an NGINX line without a time", "nginx", `203.0.113.9 - - "GET / HTTP/1.1" 200 1`, "time: missing"},
		{"what is no log at all says what one looks like", "apache", `hello`, `time: missing (address - user [02/Jan/2006:15:04:05 -0700] "request" expected)`},
		{"a day that February does not have", "nginx", `203.0.113.9 - - [31/Feb/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 1 "-" "-"`, `time: "31/Feb/2026:10:00:00 +0000": there is no such day or time`},
		{"lines of NGINX without line breaks", "nginx", strings.Repeat(`203.0.113.9 - - [01/Mar/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 1 "-" "curl/8.5"`, 3), "a second record on the line"},
		{"lines of Apache without line breaks", "apache", strings.Repeat(`203.0.113.9 - - [01/Mar/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 1 "-" "curl/8.5" 412`, 2), "a second record on the line"},
		{"an NGINX line with a wrong month", "nginx", `203.0.113.9 - - [01/Foo/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 1 "-" "-"`, "time: "},
		{"an NGINX line without a status", "nginx", `203.0.113.9 - - [01/Mar/2026:10:00:00 +0000] "GET / HTTP/1.1" abc 1 "-" "-"`, `status: "abc" is no HTTP status`},
		{"an NGINX line that is cut off", "nginx", `203.0.113.9 - - [01/Mar/2026:10:00:00 +0000] "GET / HTTP/1.1" 200`, "size: missing"},
		{"a line of NGINX's error log", "nginx", `2026/03/01 10:00:00 [error] 31#31: *46 open() failed`, "error log"},
		{"an audit log of Google Cloud without a time", "gcp-audit", `{"protoPayload":{"methodName":"x"}}`, "timestamp: missing"},
		{"an audit log of Google Cloud without a method", "gcp-audit", `{"timestamp":"2026-03-01T10:00:00Z","protoPayload":{}}`, "protoPayload.methodName: missing"},
		{"a load balancer's status in words", "gcp-lb", strings.Replace(gcpLB, `"status":200`, `"status":"ok"`, 1), `status: "ok" is no HTTP status`},
		{"a record of Azure without a time", "azure-activity", `{"operationName":"x","category":"Administrative"}`, "time: missing"},
		{"a record of Azure without an operation", "azure-activity", `{"time":"2026-03-01T10:00:00Z","category":"Administrative"}`, "operationName: missing"},
		{"a record of a vault without an operation", "azure-keyvault", `{"time":"2026-03-01T10:00:00Z"}`, "operationName: missing"},
		{"a gateway's record without properties", "azure-appgw", `{"timeStamp":"2026-03-01T10:00:00Z"}`, "properties: missing"},
		{"a status in words at the door", "azure-frontdoor", strings.Replace(azureDoor, `"200"`, `"fine"`, 1), `status: "fine" is no HTTP status`},
		{"a gateway's object without a time", "apigateway", `{"requestId":"a","httpMethod":"GET"}`, "requestTime: missing"},
		{"a gateway's status in words", "apigateway", gatewayHTTP + `,"status":"ok"}`, `status: "ok" is no HTTP status`},
		{"a load balancer's line without a request", "alb", `https 2026-03-01T10:00:00.186641Z app/orders/50dc 203.0.113.7:2817`, "request: missing"},
		{"a load balancer's line without a time", "alb", `https today app/orders/50dc`, `time: "today" is no RFC 3339 time`},
		{"a network load balancer's line that is cut off", "alb", `tls 2.0 2026-03-01T10:00:00 net/edge/c6`, "tls_cipher: missing"},
		{"JSON for a load balancer", "alb", `{"a":1}`, "a line of text is expected"},
		{"a CloudFront line with a wrong time", "cloudfront", "2026-03-41	10:00:00	FRA", "time: "},
		{"a CloudFront object without a time", "cloudfront", `{"x-edge-request-id":"a"}`, "time: missing"},
		{"a WAF record without a time", "aws-waf", `{"webaclId":"x","httpRequest":{}}`, "timestamp: missing"},
		{"a WAF record without a request", "aws-waf", `{"webaclId":"x","timestamp":1772359200250}`, "httpRequest: missing"},
		{"an NGINX object without a time", "nginx", `{"status":200,"request_uri":"/"}`, "time_iso8601: missing"},
		{"an NGINX object with a bad time", "nginx", `{"status":200,"request_uri":"/","msec":"soon"}`, "msec: "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := parseAll(t, tt.format, tt.in)
			if len(c.events) != 0 || len(c.bad) != 1 {
				t.Fatalf("%d events, refusals %q; want one refusal", len(c.events), c.bad)
			}
			if !strings.Contains(c.bad[0], tt.reason) {
				t.Errorf("reason %q, want it to say %q", c.bad[0], tt.reason)
			}
		})
	}
}

func TestBatchesAreTakenApart(t *testing.T) {
	one := `{"eventTime":"2026-03-01T10:00:00Z","eventSource":"s3.amazonaws.com","eventName":"GetObject","userIdentity":{"type":"Root","accountId":"111122223333"}}`
	kong := `{"started_at":1767225600000,"request":{"method":"GET","uri":"/"},"response":{"status":200}}`
	line := `203.0.113.9 - - [01/Mar/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 1 "-" "-"`
	for _, tt := range []struct {
		name, format, in string
		events, bad      int
	}{
		{"a CloudTrail file", "cloudtrail", `{"Records":[` + one + "," + one + `]}`, 2, 0},
		{"a CloudTrail file over several lines", "cloudtrail", "{\n \"Records\" : [\n" + one + ",\n" + one + "\n]\n}\n", 2, 0},
		{"a CloudTrail file without records", "cloudtrail", `{"Records":[]}`, 0, 0},
		{"a top-level array", "cloudtrail", `[` + one + "," + one + "," + one + `]`, 3, 0},
		{"one record a line", "cloudtrail", one + "\n" + one + "\r\n", 2, 0},
		{"a faulty element spoils itself alone", "cloudtrail", `[` + one + `,{"eventTime":tru},` + one + `]`, 2, 1},
		{"an array that ends too early", "cloudtrail", `[` + one + `,{"eventTime":"20`, 1, 1},
		{"scalars among the elements", "cloudtrail", `[1,"a",` + one + `,null]`, 1, 3},
		{"text behind a record is a refusal of its own", "cloudtrail", one + " trailing", 1, 1},
		{"a byte order mark", "cloudtrail", "\xEF\xBB\xBF" + one, 1, 0},
		{"Kong's batch", "kong", `[` + kong + "," + kong + `]`, 2, 0},
		{"NGINX lines", "nginx", line + "\n" + line, 2, 0},
		{"NGINX lines of which one is broken", "nginx", line + "\nnonsense\n" + line, 2, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := parseAll(t, tt.format, tt.in)
			if len(c.events) != tt.events || len(c.bad) != tt.bad {
				t.Errorf("%d events and %d refusals %q, want %d and %d", len(c.events), len(c.bad), c.bad, tt.events, tt.bad)
			}
			for i, index := range c.order {
				if i != index {
					t.Errorf("index %d came as number %d", index, i)
				}
			}
		})
	}
}

func TestUnknownFormatsAreNamedWithTheKnown(t *testing.T) {
	_, err := New("syslog", Options{})
	if err == nil || !strings.Contains(err.Error(), `"syslog"`) || !strings.Contains(err.Error(), "cloudtrail, ") {
		t.Errorf("error %v", err)
	}
}

func TestFormatsAreFoundByContent(t *testing.T) {
	for _, s := range samples() {
		if got, ok := standard.Detect([]byte(s.in)); !ok || got != s.format {
			t.Errorf("%s: detected as %q", s.name, got)
		}
	}
	for _, in := range []string{"", "\n", "hello", `{"a":1}`, "[", "\x00\x01", `{"level":"info","msg":"started"}`} {
		if got, ok := standard.Detect([]byte(in)); ok {
			t.Errorf("%q: detected as %q", in, got)
		}
	}
}

func TestInvalidUTF8IsReplaced(t *testing.T) {
	ev := parseOne(t, "nginx", "203.0.113.9 - - [01/Mar/2026:10:00:00 +0000] \"GET /a\xff HTTP/1.1\" 200 1 \"-\" \"agent\xfe\"")
	if ev.UserAgent != "agent\uFFFD" || ev.UrlPath != "/a\uFFFD" {
		t.Errorf("user agent %q, path %q", ev.UserAgent, ev.UrlPath)
	}
	if _, err := ev.MarshalVT(); err != nil {
		t.Error(err)
	}
}

func TestAttributesAreBounded(t *testing.T) {
	var b strings.Builder
	b.WriteString(`{"eventTime":"2026-03-01T10:00:00Z","eventSource":"s3.amazonaws.com","eventName":"GetObject","requestParameters":{`)
	for i := range 500 {
		b.WriteString(`"p` + index(i) + `":"` + strings.Repeat("é", 2000) + `",`)
	}
	b.WriteString(`"` + strings.Repeat("k", 4000) + `":1}}`)
	ev := parseOne(t, "cloudtrail", b.String())
	if len(ev.Attributes) != maxAttributes {
		t.Errorf("%d attributes, want %d", len(ev.Attributes), maxAttributes)
	}
	for k, v := range ev.Attributes {
		if len(k) > maxAttributeName || len(v) > maxAttributeValue {
			t.Errorf("attribute of %d and %d bytes", len(k), len(v))
		}
	}
	if ev.Attributes["requestParameters.p0"] == "" {
		t.Error("the first attributes are not kept")
	}
}

func TestFieldsAreBounded(t *testing.T) {
	long := strings.Repeat("a-", 5000)
	for _, in := range []struct{ format, record string }{
		{"cloudtrail", strings.ReplaceAll(trailRole, "ci-deploy", long)},
		{"kong", strings.ReplaceAll(kongConsumer, "partner-7", long)},
		{"nginx", strings.ReplaceAll(nginxJSON, "reports", long)},
		{"nginx", strings.ReplaceAll(nginxPlain, "orders", long)},
	} {
		ev := parseOne(t, in.format, in.record)
		ev.Raw = ""
		if wire := ev.SizeVT(); wire > 8000 {
			t.Errorf("%s: an event of %d bytes without its raw text", in.format, wire)
		}
	}
}
