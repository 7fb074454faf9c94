package receive

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

func b64(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }

func TestFirehose(t *testing.T) {
	const id = "ed4acda5-034f-9f42-bba1-f29aea6d7d8f"
	request := func(records ...string) string {
		return `{"requestId":"` + id + `","timestamp":1578090901599,"records":[{"data":"` + strings.Join(records, `"},{"data":"`) + `"}]}`
	}
	key := []string{"X-Amz-Firehose-Protocol-Version", "1.0", "X-Amz-Firehose-Request-Id", id, "X-Amz-Firehose-Access-Key", "k3y-of-firehose", "Content-Type", "application/json",
		"X-Amz-Firehose-Source-Arn", "arn:aws:firehose:us-east-1:123456789012:deliverystream/trail"}
	with := func(more ...string) []string { return append(append([]string{}, key...), more...) }
	cfg := Config{Tokens: []string{"another"}, Secrets: map[string][]string{"firehose": {"k3y-of-firehose", "next"}}}
	subscription := func(kind, events string) string {
		return `{"messageType":"` + kind + `","owner":"123456789012","logGroup":"trail","logStream":"s-1","subscriptionFilters":["f"],"logEvents":[` + events + `]}`
	}
	a, b := `{"a":1}`, `{"b":2}`
	answer := `{"requestId":"` + id + `","timestamp":`
	small := cfg
	small.MaxRecordBytes, small.MaxUnpackedBytes = 50, 1000
	runExchanges(t, []exchange{
		{name: "one record", path: "/firehose/kong", cfg: cfg, header: key, body: request(b64(a)), code: 200, answer: answer + "…", want: map[string]string{"raw.kong": a}, keys: "arn:aws:firehose:us-east-1:123456789012:deliverystream/trail"},
		{name: "several, one of them of two", path: "/firehose/kong", cfg: cfg, header: key, body: request(b64(a+b), b64(b+"\n")), code: 200, answer: answer + "…", want: map[string]string{"raw.kong": a + "\n" + b + "\n" + b}},
		{name: "a body in gzip", path: "/firehose/kong", cfg: cfg, header: with("Content-Encoding", "gzip"), body: packed(request(b64(a))), code: 200, answer: answer + "…", want: map[string]string{"raw.kong": a}},
		{name: "a record in gzip", path: "/firehose/kong", cfg: cfg, header: key, body: request(b64(packed(a))), code: 200, answer: answer + "…", want: map[string]string{"raw.kong": a}},
		{name: "a CloudWatch Logs subscription gives its log events, its control message none", path: "/firehose/nginx", cfg: cfg, header: key,
			body: request(b64(packed(subscription("CONTROL_MESSAGE", `{"id":"","timestamp":1,"message":"CWL CONTROL MESSAGE: Checking health"}`))),
				b64(packed(subscription("DATA_MESSAGE", `{"id":"1","timestamp":1,"message":"one"},{"id":"2","timestamp":2,"message":"two"}`)))),
			code: 200, answer: answer + "…", want: map[string]string{"raw.nginx": "one\ntwo"}, keys: "123456789012/trail/s-1"},
		{name: "the content tells the format", path: "/firehose/auto", cfg: cfg, header: key, body: request(b64(kongRecord), b64(nginxLine)), code: 200, answer: answer + "…", want: map[string]string{"raw.kong": kongRecord, "raw.nginx": nginxLine}},
		{name: "a common attribute tells it", path: "/firehose/auto", cfg: cfg, header: with("X-Amz-Firehose-Common-Attributes", `{"commonAttributes":{"deployment-context":"pre-prod","format":"kong"}}`),
			body: request(b64(a)), code: 200, answer: answer + "…", want: map[string]string{"raw.kong": a}},
		{name: "no records", path: "/firehose/kong", cfg: cfg, header: key, body: `{"requestId":"` + id + `","timestamp":1,"records":[]}`, code: 200, answer: answer + "…"},

		{name: "a wrong key", path: "/firehose/kong", cfg: cfg, header: []string{"X-Amz-Firehose-Access-Key", "no", "X-Amz-Firehose-Request-Id", id}, body: request(b64(a)), code: 401, answer: answer + "…"},
		{name: "the common token where the receiver has its own", path: "/firehose/kong", cfg: cfg, header: []string{"X-Amz-Firehose-Access-Key", "another"}, body: request(b64(a)), code: 401, answer: `{"requestId":"","timestamp":…`},
		{name: "two request ids", path: "/firehose/kong", cfg: cfg, header: with("X-Amz-Firehose-Request-Id", "x"), body: request(b64(a)), code: 400, answer: `{"requestId":"x","timestamp":…`},
		{name: "no base64", path: "/firehose/kong", cfg: cfg, header: key, body: request("?"), code: 400, answer: answer + "…"},
		{name: "a format that does not exist", path: "/firehose/syslog", cfg: cfg, header: key, body: request(b64(a)), code: 404, answer: answer + "…"},
		{name: "content of no known format", path: "/firehose/auto", cfg: cfg, header: key, body: request(b64(a)), code: 400, answer: answer + "…"},
		{name: "a record in gzip that unpacks to too much", path: "/firehose/kong", cfg: small, header: key, body: request(b64(packed(strings.Repeat("x", 2000)))), code: 413, answer: answer + "…"},
		{name: "a record too long", path: "/firehose/kong", cfg: small, header: key, body: request(b64(strings.Repeat("x", 60))), code: 413, answer: answer + "…"},
		{name: "a log that is away", path: "/firehose/kong", cfg: cfg, header: key, err: errors.New("down"), body: request(b64(a)), code: 503, answer: answer + "…"},
	})
	t.Run("the answer is byte by byte what Firehose wants", func(t *testing.T) {
		s := New(cfg, &recordingProducer{}, nil, zerolog.Nop())
		s.now = func() time.Time { return time.UnixMilli(1578090903599) }
		for path, want := range map[string]string{
			"/firehose/kong":   `{"requestId":"` + id + `","timestamp":1578090903599}`,
			"/firehose/syslog": `{"requestId":"` + id + `","timestamp":1578090903599,"errorMessage":"no such format in raw_topics: POST /firehose/{format} with auto or one of ` + s.known() + `"}`,
		} {
			got := post(s, path, request(b64(a)), key...)
			if strings.TrimSpace(got.Body.String()) != want || got.Header().Get("Content-Type") != "application/json" {
				t.Errorf("answer %s %s, want %s", got.Header().Get("Content-Type"), got.Body, want)
			}
		}
	})
}

func TestKubernetes(t *testing.T) {
	item := `{"level":"Metadata","auditID":"3f","stage":"ResponseComplete","verb":"get","user":{"username":"system:serviceaccount:ci:deploy"}}`
	full := `{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"3f","stage":"ResponseComplete","verb":"get","user":{"username":"system:serviceaccount:ci:deploy"}}`
	list := func(items string) string {
		return `{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":[` + items + `]}`
	}
	cfg := Config{Secrets: map[string][]string{"kubernetes": {"kube-token"}}, Topics: map[string]string{"k8s-audit": "audit"}, MaxRecordBytes: 400}
	auth := []string{"Authorization", "Bearer kube-token", "Content-Type", "application/json"}
	runExchanges(t, []exchange{
		{name: "each event of a list is a record, as in the audit log", path: "/kubernetes/audit", cfg: cfg, header: auth, body: list(item + "," + full + ",{}"), code: 200, answer: `{"accepted":3}`,
			want: map[string]string{"audit": full + "\n" + full + "\n" + `{"kind":"Event","apiVersion":"audit.k8s.io/v1"}`}},
		{name: "an empty list", path: "/kubernetes/audit", cfg: cfg, header: auth, body: list(""), code: 200, answer: `{"accepted":0}`},
		{name: "no token", path: "/kubernetes/audit", cfg: cfg, body: list(item), code: 401, answer: `{"kind":"Status","apiVersion":"v1","status":"Failure","message":"a valid token is needed: Authorization: Bearer TOKEN, or a client certificate","code":401}`},
		{name: "another kind", path: "/kubernetes/audit", cfg: cfg, header: auth, body: `{"kind":"Pod"}`, code: 400, answer: `{"kind":"Status",…`},
		{name: "no JSON", path: "/kubernetes/audit", cfg: cfg, header: auth, body: `{`, code: 400, answer: `{"kind":"Status",…`},
		{name: "an event too long", path: "/kubernetes/audit", cfg: cfg, header: auth, body: list(`{"a":"` + strings.Repeat("x", 400) + `"}`), code: 413, answer: `{"kind":"Status",…`},
		{name: "a log that is away", path: "/kubernetes/audit", cfg: cfg, header: auth, err: errors.New("down"), body: list(item), code: 503, answer: `{"kind":"Status",…`},
	})
}

func TestOkta(t *testing.T) {
	const challenge = "Me_rShK8JHsTnbyYrWXCEoMGbM_zsZ6k0hLPZ_Pg"
	a, b := `{"uuid":"1","eventType":"user.session.start"}`, `{"uuid":"2","eventType":"app.oauth2.token.grant"}`
	hook := func(events string) string {
		return `{"eventType":"com.okta.event_hook","eventTypesVersion":"1.0","cloudEventsVersion":"0.1","source":"https://example.okta.com/api/v1/eventHooks/who1","eventId":"b5a188b9","data":{"events":[` + events + `]},"eventTime":"2026-01-01T00:00:00.000Z","contentType":"application/json"}`
	}
	cfg := Config{Secrets: map[string][]string{"okta": {"my-shared-secret"}}}
	auth := []string{"Authorization", "my-shared-secret"}
	runExchanges(t, []exchange{
		{name: "the verification is answered", method: "GET", path: "/okta/events", cfg: cfg, header: []string{"X-Okta-Verification-Challenge", challenge}, code: 200, answer: `{"verification":"` + challenge + `"}`},
		{name: "a challenge that is too long is not said back", method: "GET", path: "/okta/events", cfg: cfg, header: []string{"X-Okta-Verification-Challenge", strings.Repeat("x", 513)}, code: 400, answer: `{"error":"a challenge of more than 512 bytes"}`},
		{name: "each event is a record, all of one key", path: "/okta/events", cfg: cfg, header: auth, body: hook(a + "," + b), code: 204, answer: "", want: map[string]string{"raw.okta": a + "\n" + b}, keys: "okta"},
		{name: "the secret as a bearer token", path: "/okta/events", cfg: cfg, header: []string{"Authorization", "Bearer my-shared-secret"}, body: hook(a), code: 204, want: map[string]string{"raw.okta": a}},
		{name: "no secret", path: "/okta/events", cfg: cfg, body: hook(a), code: 401, answer: `{"error":"a valid token…`},
		{name: "a GET that verifies nothing needs the secret", method: "GET", path: "/okta/events", cfg: cfg, code: 401, answer: `{"error":"a valid token…`},
		{name: "a POST with a challenge needs the secret", path: "/okta/events", cfg: cfg, header: []string{"X-Okta-Verification-Challenge", "x"}, body: hook(a), code: 401, answer: `{"error":"a valid token…`},
		{name: "another shape", path: "/okta/events", cfg: cfg, header: auth, body: `{"data":{}}`, code: 400, answer: `{"error":"want…`},
		{name: "a log that is away", path: "/okta/events", cfg: cfg, header: auth, err: errors.New("down"), body: hook(a), code: 503, answer: `{"error":…`},
	})
}

func TestGitHub(t *testing.T) {
	// The secret, payload and signature of GitHub's documentation.
	sign := func(secret, body string) string {
		h := hmac.New(sha256.New, []byte(secret))
		h.Write([]byte(body))
		return "sha256=" + hex.EncodeToString(h.Sum(nil))
	}
	if got := sign("It's a Secret to Everybody", "Hello, World!"); got != "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17" {
		t.Fatalf("the test signs wrong: %s", got)
	}
	const payload = `{"action":"created","repository":{"full_name":"example/orders"},"sender":{"login":"ci-bot"}}`
	sum := func(body string) string { h := sha256.Sum256([]byte(body)); return hex.EncodeToString(h[:]) }
	record := `{"x_github_event":"repository","x_github_delivery":"72d3162e-cc78-11e3-81ab-4c9367dc0958","received_at":"…","body_sha256":"` + sum(payload) + `","payload":` + payload + `}`
	cfg := Config{Secrets: map[string][]string{"github": {"new secret", "It's a Secret to Everybody"}}, MaxRecordBytes: 500}
	header := func(event, secret, body string, more ...string) []string {
		return append([]string{"Content-Type", "application/json", "User-Agent", "GitHub-Hookshot/044aadd", "X-GitHub-Event", event, "X-GitHub-Delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958", "X-Hub-Signature-256", sign(secret, body)}, more...)
	}
	form := url.Values{"payload": {payload}}.Encode()
	const old = "It's a Secret to Everybody"
	runExchanges(t, []exchange{
		{name: "event and delivery go into the record", path: "/github/webhook", cfg: cfg, body: payload, header: header("repository", old, payload), code: 202, answer: `{"accepted":1}`, want: map[string]string{"raw.github": record}, keys: "github"},
		{name: "the other secret of a rotation", path: "/github/webhook", cfg: cfg, body: payload, header: header("repository", "new secret", payload), code: 202, answer: `{"accepted":1}`, want: map[string]string{"raw.github": record}},
		{name: "a form", path: "/github/webhook", cfg: cfg, body: form, header: append(header("repository", old, form), "Content-Type", "application/x-www-form-urlencoded"), code: 202, answer: `{"accepted":1}`, want: map[string]string{"raw.github": record}},
		{name: "a ping is answered and no record", path: "/github/webhook", cfg: cfg, body: `{"zen":"Keep it logically awesome."}`, header: header("ping", old, `{"zen":"Keep it logically awesome."}`), code: 200, answer: `{"pong":true}`},
		{name: "a name that is JSON stays a text", path: "/github/webhook", cfg: cfg, body: "{}", header: header(`x","payload":{`, old, "{}"), code: 202, answer: `{"accepted":1}`,
			want: map[string]string{"raw.github": `{"x_github_event":"x\",\"payload\":{","x_github_delivery":"72d3162e-cc78-11e3-81ab-4c9367dc0958","received_at":"…","body_sha256":"` + sum("{}") + `","payload":{}}`}},
		{name: "a body that is no delivery of the event that its header says", path: "/github/webhook", cfg: cfg, body: payload, header: header("deploy_key", old, payload), code: 400, answer: `{"error":"the payload has no key, as every deploy_key has: is X-GitHub-Event that of this delivery?"}`},
		{name: "a body whose event has others than it shows", path: "/github/webhook", cfg: cfg, body: `[]`, header: header("push", old, `[]`), code: 400, answer: `{"error":"the payload has no members…`},
		{name: "no topic for it", path: "/github/webhook", cfg: Config{Secrets: cfg.Secrets, OnlyTopics: true}, body: payload, header: header("repository", old, payload), code: 503, answer: `{"error":"no raw topic is configured for github…`},

		{name: "no signature", path: "/github/webhook", cfg: cfg, body: payload, header: []string{"X-GitHub-Event", "repository"}, code: 401, answer: `{"error":"X-Hub-Signature-256 is missing…`},
		{name: "the signature of another body", path: "/github/webhook", cfg: cfg, body: payload, header: header("repository", old, "{}"), code: 401, answer: `{"error":"X-Hub-Signature-256…`},
		{name: "the signature of another secret", path: "/github/webhook", cfg: cfg, body: payload, header: header("repository", "", payload), code: 401, answer: `{"error":"X-Hub-Signature-256…`},
		{name: "SHA-1 alone", path: "/github/webhook", cfg: cfg, body: payload, header: []string{"X-GitHub-Event", "repository", "X-Hub-Signature", "sha1=" + strings.Repeat("0", 40)}, code: 401, answer: `{"error":"X-Hub-Signature-256…`},
		{name: "a ping without a signature", path: "/github/webhook", cfg: cfg, body: "{}", header: []string{"X-GitHub-Event", "ping"}, code: 401, answer: `{"error":"X-Hub-Signature-256…`},
		{name: "no event", path: "/github/webhook", cfg: cfg, body: "{}", header: []string{"X-Hub-Signature-256", sign(old, "{}")}, code: 400, answer: `{"error":"no X-GitHub-Event…`},
		{name: "no JSON", path: "/github/webhook", cfg: cfg, body: "{", header: header("push", old, "{"), code: 400, answer: `{"error":"the payload is not JSON"}`},
		{name: "a payload too long", path: "/github/webhook", cfg: cfg, body: `"` + strings.Repeat("x", 500) + `"`, header: header("x", old, `"`+strings.Repeat("x", 500)+`"`), code: 413, answer: `{"error":"record 1 is longer than 500 bytes"}`},
		{name: "the common token is a secret too", path: "/github/webhook", cfg: Config{Tokens: []string{"t0ken"}}, body: payload, header: header("repository", "t0ken", payload), code: 202, answer: `{"accepted":1}`, want: map[string]string{"raw.github": record}},
		{name: "a log that is away", path: "/github/webhook", cfg: cfg, err: errors.New("down"), body: payload, header: header("repository", old, payload), code: 503, answer: `{"error":…`},
	})
}

func TestCloudflare(t *testing.T) {
	a, b := `{"EdgeStartTimestamp":"2026-01-01T00:00:00Z","ClientIP":"203.0.113.9","ClientRequestMethod":"GET"}`, `{"RayID":"8a"}`
	cfg := Config{Secrets: map[string][]string{"cloudflare": {"logpush-token"}}}
	auth := []string{"Authorization", "Bearer logpush-token", "Content-Encoding", "gzip", "Content-Type", "text/plain"}
	runExchanges(t, []exchange{
		{name: "NDJSON in gzip", path: "/cloudflare/http", cfg: cfg, header: auth, body: packed(a + "\n" + b + "\n"), code: 200, answer: `{"accepted":2}`, want: map[string]string{"raw.cloudflare-http": a + "\n" + b}},
		{name: "Cloudflare's own name of a dataset, in a destination with tags", path: "/cloudflare/audit_logs?tags=x", cfg: cfg, header: auth, body: packed(b), code: 200, answer: `{"accepted":1}`, want: map[string]string{"raw.cloudflare-audit": b}},
		{name: "Access", path: "/cloudflare/access", cfg: cfg, header: auth, body: packed(b), code: 200, answer: `{"accepted":1}`, want: map[string]string{"raw.cloudflare-access": b}},
		{name: "the firewall, with a token of no scheme", path: "/cloudflare/firewall", cfg: cfg, header: []string{"Authorization", "logpush-token"}, body: packed(b), code: 200, answer: `{"accepted":1}`, want: map[string]string{"raw.cloudflare-firewall": b}},
		{name: "the upload that tries the destination is no record", path: "/cloudflare/http", cfg: cfg, header: auth, body: packed(`{"content":"tests"}`), code: 200, answer: `{"accepted":0}`},
		{name: "the same with its file's name", path: "/cloudflare/http", cfg: cfg, header: auth, body: packed(`{"content":"tests","filename":"test.txt.gz"}` + "\n"), code: 200, answer: `{"accepted":0}`},
		{name: "a record with content of its own is one", path: "/cloudflare/http", cfg: cfg, header: auth, body: packed(`{"content":"test","a":1,"b":2}`), code: 200, answer: `{"accepted":1}`, want: map[string]string{"raw.cloudflare-http": `{"content":"test","a":1,"b":2}`}},
		{name: "the upload needs the token", path: "/cloudflare/http", cfg: cfg, body: packed(`{"content":"tests"}`), code: 401, answer: `{"error":…`},
		{name: "an unknown dataset", path: "/cloudflare/dns", cfg: cfg, header: auth, body: packed(b), code: 404, answer: `{"error":"no such dataset…`},
		{name: "nothing", path: "/cloudflare/http", cfg: cfg, header: auth, body: packed("\n"), code: 400, answer: `{"error":"the body holds no record"}`},
		{name: "a log that is away", path: "/cloudflare/http", cfg: cfg, header: auth, err: errors.New("down"), body: packed(b), code: 503, answer: `{"error":…`},
	})
}
