package ingest

import (
	"encoding/base64"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/lapwing-sec/lapwing/schemas"
)

// canary is a secret that must not survive; each use has its own spelling.
const canary = "CaNaRy7f3Q9zX1vB5nM2k"

const canaryJWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJDYU5hUnkifQ.CaNaRy7f3Q9zX1vB5nM2k"

// canaryRecord is a record with a secret in it.
type canaryRecord struct{ name, format, in string }

// canaries are records with a secret in every place where sources were seen to
// write one.
func canaries() []canaryRecord {
	trail := func(rest string) string { return trailWith("lambda", "UpdateFunctionConfiguration", rest) }
	line := func(target, referer, agent, more string) string {
		return `203.0.113.9 - - [01/Mar/2026:10:00:00 +0000] "GET ` + target + ` HTTP/1.1" 200 1 "` + referer + `" "` + agent + `"` + more
	}
	object := func(member string) string {
		return `{"time_iso8601":"2026-03-01T10:00:00Z","remote_addr":"203.0.113.9","request_uri":"/x","request_method":"GET","status":200,` + member + `}`
	}
	all := []canaryRecord{
		{"an environment variable of a function", "cloudtrail", trail(`,"requestParameters":{"environment":{"variables":{"DB_PASSWORD":"` + canary + `"}}}`)},
		{"a variable as name and value", "cloudtrail", trail(`,"requestParameters":{"containerDefinitions":[{"environment":[{"name":"API_TOKEN","value":"` + canary + `"}]}]}`)},
		{"a secret access key in an answer", "cloudtrail", trail(`,"responseElements":{"accessKey":{"accessKeyId":"AKIAIOSFODNN7EXAMPLE","secretAccessKey":"` + canary + `"}}`)},
		{"a session token in an answer", "cloudtrail", trail(`,"responseElements":{"credentials":{"sessionToken":"` + canary + `"}}`)},
		{"a key with an escaped name", "cloudtrail", trail(`,"requestParameters":{"p\u0061ssword":"` + canary + `"}`)},
		{"a password as a number", "cloudtrail", strings.ReplaceAll(trail(`,"requestParameters":{"password":PIN}`), "PIN", "70310472")},
		{"a list of secrets", "cloudtrail", trail(`,"requestParameters":{"secret":["` + canary + `",{"a":"` + canary + `"}]}`)},
		{"a JWT anywhere", "cloudtrail", trail(`,"requestParameters":{"note":"see ` + canaryJWT + ` please"}`)},
		{"a token in a message", "cloudtrail", trail(`,"errorCode":"X","errorMessage":"bad request: token=` + canary + ` expired"`)},
		{"a password in an address", "cloudtrail", trail(`,"requestParameters":{"endpoint":"postgres://app:` + canary + `@db.internal/x"}`)},
		{"JSON inside a string", "cloudtrail", trail(`,"requestParameters":{"body":"{\"user\":\"a\",\"password\":\"` + canary + `\"}"}`)},
		{"JSON inside JSON inside a string", "cloudtrail", trail(`,"requestParameters":{"body":"{\"x\":\"{\\\"password\\\":\\\"` + canary + `\\\"}\"}"}`)},
		{"a quoted value with a quote in it", "cloudtrail", trail(`,"requestParameters":{"body":"{\"password\":\"a\\\"` + canary + `\"}"}`)},
		{"a private key", "cloudtrail", trail(`,"requestParameters":{"pem":"-----BEGIN RSA PRIVATE KEY-----\n` + canary + `\n-----END RSA PRIVATE KEY-----"}`)},
		{"a token as a member's name", "cloudtrail", trail(`,"requestParameters":{"` + canaryJWT + `":1}`)},
		{"a signed URL", "cloudtrail", trail(`,"requestParameters":{"url":"https://b.s3.amazonaws.com/k?X-Amz-Credential=AKIAIOSFODNN7EXAMPLE&X-Amz-Signature=` + canary + `&X-Amz-Security-Token=` + canary + `"}`)},
		{"a GitHub token in the user agent", "cloudtrail", strings.Replace(trail(""), "aws-cli/2.15", "x/1 ghp_"+canary, 1)},

		{"an Authorization header", "kong", kongWith("200", `,"Authorization":"Bearer `+canary+`"`, "")},
		{"an Authorization header without a scheme", "kong", kongWith("200", `,"authorization":"`+canary+`"`, "")},
		{"basic credentials", "kong", kongWith("200", `,"authorization":"Basic `+canary+`=="`, "")},
		{"a cookie", "kong", kongWith("200", `,"cookie":"a=1; session=`+canary+`; b=2"`, "")},
		{"a header that is a list", "kong", kongWith("200", `,"x-api-key":["`+canary+`","`+canary+`"]`, "")},
		{"a cookie that is set", "kong", strings.Replace(kongWith("200", "", ""), `"size":20`, `"size":20,"headers":{"set-cookie":"sid=`+canary+`; Path=/"}`, 1)},
		{"a key in the query string", "kong", strings.Replace(kongWith("200", "", ""), `"uri":"/v1/payments"`, `"uri":"/v1/payments?apikey=`+canary+`","url":"https://a/v1/payments?apikey=`+canary+`","querystring":{"apikey":"`+canary+`"}`, 1)},
		{"an opaque key of a doubtful name", "kong", strings.Replace(kongWith("200", "", ""), `"uri":"/v1/payments"`, `"uri":"/v1/payments?key=`+canary+`","querystring":{"key":"`+canary+`"}`, 1)},
		{"a person's profile", "kong", kongWith("200", `,"x-userinfo":"`+canary+`"`, "")},
		{"a request body", "kong", kongWith("200", "", `,"request_body":"grant_type=password&username=a&password=`+canary+`"`)},
		{"a token for an entity", "kong", kongWith("200", "", `,"authenticated_entity":{"id":"`+canary+`"}`)},
		{"a referer", "kong", kongWith("200", `,"referer":"https://x/?access_token=`+canary+`"`, "")},
		{"a percent-encoded address in a query", "kong", strings.Replace(kongWith("200", "", ""), "/v1/payments", "/v1/go?to=https%3A%2F%2Fx%2F%3Faccess_token%3D"+canary+"%26a%3D1", 1)},

		{"a value with a comma and a semicolon", "nginx", line("/x?token=a,b;c)"+canary, "-", "-", "")},
		{"a bare URL with a quote in the value", "kong", strings.Replace(kongWith("200", "", ""), "/v1/payments", `/v1/x?token=a\"`+canary, 1)},
		{"a query", "nginx", line("/x?access_token="+canary+"&y=1", "-", "-", "")},
		{"a query with an encoded name", "nginx", line("/x?access%5Ftoken="+canary, "-", "-", "")},
		{"a query in brackets", "nginx", line("/x?user[password]="+canary, "-", "-", "")},
		{"a referer in a line", "nginx", line("/x", "https://y/?token="+canary, "-", "")},
		{"a user agent in a line", "nginx", line("/x", "-", "tool/1 (token="+canary+")", "")},
		{"a bearer in a user agent", "nginx", line("/x", "-", "Bearer "+canary, "")},
		{"a value with an escaped quote", "nginx", line(`/x?token=a\x22`+canary, "-", "-", "")},
		{"a JWT in the path", "nginx", line("/verify/"+canaryJWT, "-", "-", "")},
		{"a key behind the user agent", "nginx", line("/x", "-", "-", ` "`+canary+`"`)},
		{"a named key behind the user agent", "nginx", line("/x", "-", "-", ` api_key="`+canary+`"`)},
		{"a cookie behind the user agent", "nginx", line("/x", "-", "-", ` cookie="a=1; s=`+canary+`"`)},
		{"a header as a JSON member", "nginx", object(`"http_x_api_key":"` + canary + `"`)},
		{"an authorization as a JSON member", "nginx", object(`"http_authorization":"Bearer ` + canary + `"`)},
		{"a cookie variable", "nginx", object(`"cookie_session":"` + canary + `"`)},
		{"an argument as a JSON member", "nginx", object(`"args":"a=1&client_secret=` + canary + `"`)},
		{"a request body as a JSON member", "nginx", object(`"request_body":"{\"password\":\"` + canary + `\"}"`)},
		{"a secret in a detail of Entra", "entra-audit", `{"activityDisplayName":"x","activityDateTime":"2026-03-01T10:00:00Z","initiatedBy":{},"additionalDetails":[{"key":"clientSecret","value":"` + canary + `"}]}`},
		{"a changed secret of Entra", "entra-audit", `{"activityDisplayName":"x","activityDateTime":"2026-03-01T10:00:00Z","initiatedBy":{},"targetResources":[{"id":"1","modifiedProperties":[{"displayName":"Settings","newValue":"{\"password\":\"` + canary + `\"}"}]}]}`},
		{"a token in an address of Graph", "entra-graph-activity", `{"category":"MicrosoftGraphActivityLogs","time":"2026-03-01T10:00:00Z","properties":{"requestUri":"https://graph.microsoft.com/v1.0/me?access_token=` + canary + `"}}`},
		{"a token in a sign-in's message", "entra-signin", `{"category":"SignInLogs","time":"2026-03-01T10:00:00Z","properties":{"userId":"u","status":{"errorCode":1,"failureReason":"token=` + canary + `"}}}`},
		{"a parameter of a cmdlet", "o365", `{"CreationTime":"2026-03-01T10:00:00","Operation":"Set-Mailbox","RecordType":1,"Parameters":[{"Name":"Password","Value":"` + canary + `"}]}`},
		{"a URL in Okta's debug data", "okta", `{"published":"2026-03-01T10:00:00Z","eventType":"x","severity":"INFO","debugContext":{"debugData":{"url":"/oauth2/token?client_secret=` + canary + `","sessionToken":"` + canary + `"}}}`},
		{"a query in GitHub's stream", "github", `{"action":"api.request","created_at":1772359560123,"actor":"a","request_method":"GET","url_path":"/x?access_token=` + canary + `","query_string":"access_token=` + canary + `"}`},
		{"a token in a commit's message", "github", `{"ref":"r","repository":{"full_name":"a/b"},"commits":[{"message":"token=` + canary + `","timestamp":"2026-03-01T10:00:00Z"}]}`},
		{"a parameter of a call of GitLab", "gitlab-audit", `{"time":"2026-03-01T10:00:00Z","method":"POST","path":"/x","params":[{"key":"private_token","value":"` + canary + `"}]}`},
		{"a webhook in a detail of Slack", "slack-audit", `{"action":"x","date_create":1772359620,"actor":{},"details":{"url":"https://hooks.slack.com/services/T00000000/B00000000/` + canary + `"}}`},
		{"a parameter of an event of Workspace", "google-workspace", `{"id":{"time":"2026-03-01T10:00:00Z","applicationName":"admin"},"events":[{"name":"x","parameters":[{"name":"PASSWORD","value":"` + canary + `"}]}]}`},
		{"a detail of Keycloak", "keycloak", `{"time":1772359680123,"type":"LOGIN","realmId":"r","clientId":"c","details":{"refresh_token":"` + canary + `","code":"x"}}`},
		{"a field of Keycloak's line", "keycloak", `2026-03-01 10:08:00,123 WARN [org.keycloak.events] (x) type="LOGIN", realmId="r", clientId="c", refresh_token="` + canary + `"`},
		{"the body of a call of Auth0", "auth0", `{"log_id":"1","data":{"date":"2026-03-01T10:00:00Z","type":"sapi","details":{"request":{"body":{"client_secret":"` + canary + `"}}}}}`},
		{"a key in the place of its id", "openai-audit", `{"object":"organization.audit_log","effective_at":1772359800,"type":"x","actor":{"type":"api_key","api_key":{"id":"` + canary + `"}}}`},
		{"a key that looks like an id", "openai-audit", `{"object":"organization.audit_log","effective_at":1772359800,"type":"x","actor":{"type":"api_key","api_key":{"id":"key_1","token":"sk-` + canary + `","user":{"id":"sk-` + canary + `"}}}}`},
		{"a value of an activity of Anthropic", "anthropic-activity", `{"created_at":"2026-03-01T10:00:00Z","type":"x","actor":{"type":"api_actor"},"api_key":"` + canary + `"}`},
		{"a wrapped line", "nginx", `{"log":"203.0.113.9 - - [01/Mar/2026:10:00:00 +0000] \"GET /x?token=` + canary + ` HTTP/1.1\" 200 1 \"-\" \"-\"\n","stream":"stdout"}`},
	}
	for _, more := range [][]canaryRecord{
		// Amazon Web Services
		apigatewayCanaries(), albCanaries(), cloudFrontCanaries(), wafCanaries(),

		// Google Cloud
		gcpCanaries(),

		// Microsoft Azure, Entra ID and 365
		azureCanaries(),
		azureFlatCanaries(),

		// Kubernetes, secrets and agents; Cloudflare; open standards
		k8sCanaries(), vaultCanaries(), mcpCanaries(), cloudflareCanaries(), ocsfCanaries(), otlpCanaries(),

		// Gateways and proxies
		apacheCanaries(),
		traefikCanaries(),
		caddyCanaries(),
		haproxyCanaries(),
		envoyCanaries(),
		istioCanaries(),
	} {
		all = append(all, more...)
	}
	return all
}

func TestNoSecretSurvives(t *testing.T) {
	for _, tt := range canaries() {
		t.Run(tt.format+"/"+tt.name, func(t *testing.T) {
			ev := parseOne(t, tt.format, tt.in)
			wire, err := ev.MarshalVT()
			if err != nil {
				t.Fatal(err)
			}
			for _, secret := range []string{canary, "70310472", "eyJzdWIi", canary[5:]} {
				if strings.Contains(string(wire), secret) {
					t.Errorf("%s is in the event: %v", secret, ev)
				}
			}
			if !strings.Contains(ev.Raw, hashPrefix) {
				t.Errorf("raw does not show that something was hidden: %s", ev.Raw)
			}
		})
	}
}

func TestIdentifiersAreNotHidden(t *testing.T) {
	for _, tt := range []struct{ name, format, in, keep string }{
		{"an access key id", "cloudtrail", trailWith("iam", "DeleteAccessKey", `,"requestParameters":{"accessKeyId":"AKIAI44QH8DHBEXAMPLE"}`), "AKIAI44QH8DHBEXAMPLE"},
		{"a secret's name", "cloudtrail", trailWith("secretsmanager", "GetSecretValue", `,"requestParameters":{"secretId":"arn:aws:secretsmanager:us-east-1:111122223333:secret:prod/db-AbCdEf"}`), "secret:prod/db-AbCdEf"},
		{"an object's key", "cloudtrail", trailWith("s3", "GetObject", `,"requestParameters":{"bucketName":"b","key":"3f2a9c817d604b5e9c"}`), "3f2a9c817d604b5e9c"},
		{"a place in a list", "cloudtrail", trailWith("s3", "ListObjects", `,"requestParameters":{"nextToken":"AbCdEf0123456789AbCdEf"}`), "AbCdEf0123456789AbCdEf"},
		{"a password policy", "cloudtrail", trailWith("iam", "UpdateAccountPasswordPolicy", `,"requestParameters":{"minimumPasswordLength":14,"requireSymbols":true}`), `"minimumPasswordLength":14`},
		{"a masked value", "cloudtrail", trailWith("iam", "CreateUser", `,"requestParameters":{"password":"HIDDEN_DUE_TO_SECURITY_REASONS"}`), "HIDDEN_DUE_TO_SECURITY_REASONS"},
		{"a right that Azure checked", "azure-activity", azureActivity("x/write", `{"authorization":{"scope":"/subscriptions/s-1","action":"x/write"}}`, ""), "/subscriptions/s-1"},
		{"a result of Azure", "azure-activity", azureActivity("x/write", `{}`, ""), "Succeeded.Created"},
		{"a consumer's id", "kong", kongConsumer, "2d3f7f1e-6a0c-4f5e-8a55-3f1d2f7f0a03"},
		{"a sort key in a query", "nginx", `203.0.113.9 - - [01/Mar/2026:10:00:00 +0000] "GET /x?key=name&code=DE HTTP/1.1" 200 1 "-" "-"`, "key=name&code=DE"},
		{"a flag in a user agent", "nginx", `203.0.113.9 - - [01/Mar/2026:10:00:00 +0000] "GET /x HTTP/1.1" 200 1 "-" "aws-sdk/1 cfg/retry-mode#standard md/a=b"`, "md/a=b"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ev := parseOne(t, tt.format, tt.in)
			if !strings.Contains(ev.Raw, tt.keep) {
				t.Errorf("%q is gone: %s", tt.keep, ev.Raw)
			}
		})
	}
}

func TestRawStaysWhatItWas(t *testing.T) {
	for _, s := range samples() {
		if ev := parseOne(t, s.format, s.in); !strings.Contains(ev.Raw, hashPrefix) && !strings.Contains(s.in, ev.Raw) && !strings.Contains(s.name, "wrapped by docker") {
			t.Errorf("%s: raw %s", s.name, ev.Raw)
		}
	}
	p, err := New("cloudtrail", Options{})
	if err != nil {
		t.Fatal(err)
	}
	var c collect
	p.Parse([]byte(trailRole), &c)
	if c.events[0].Raw != "" {
		t.Error("raw is kept unasked")
	}
}

func TestWhatIsHiddenStaysAsItIs(t *testing.T) {
	r := redactor{hash: testHasher, guess: true}
	for _, s := range []string{h("x"), "Bearer " + h("x"), "a " + h("x") + " b", "token=" + h("x"), "https://" + h("x") + "@pypi.example.com/simple", "//bob:" + h("x") + "@db/x", `{"password":"` + h("x") + `"}`} {
		if got := r.text(s); got != s {
			t.Errorf("%q became %q", s, got)
		}
		if got := r.value(s); strings.HasPrefix(s, "Bearer") && got != s || s == h("x") && got != s {
			t.Errorf("%q as a value became %q", s, got)
		}
	}
}

func TestHashesAreKeyedAndStable(t *testing.T) {
	a, b := NewHasher([]byte("a")), NewHasher([]byte("b"), []byte("a"))
	if got, want := a.Hash("secret"), "hmac:"; !strings.HasPrefix(got, want) || len(got) != len(want)+32 {
		t.Errorf("hash %q", got)
	}
	// HMAC-SHA256 test case 2 of RFC 4231, first half.
	if got := NewHasher([]byte("Jefe")).Hash("what do ya want for nothing?"); got != "hmac:5bdcc146bf60754e6a042426089575c7" {
		t.Errorf("hash %q does not follow RFC 4231", got)
	}
	if again := a.Hash("secret"); a.Hash("secret") == b.Hash("secret") || a.Hash("secret") != again {
		t.Error("a hash depends on key and secret alone")
	}
	if c := b.Candidates("secret"); len(c) != 2 || c[0] != b.Hash("secret") || c[1] != a.Hash("secret") {
		t.Errorf("candidates %q", c)
	}
}

// spellings are texts with a secret, short enough to be no token by its shape.
func spellings() []string {
	const pw = "hunter2" + canary
	json := `{"password":"` + pw + `"}`
	pem := "-----BEGIN RSA PRIVATE KEY-----\n" + pw + "\n-----END RSA PRIVATE KEY-----"
	return []string{
		json, strconv.Quote(json), strconv.Quote(strconv.Quote(json)), url.QueryEscape(json), url.QueryEscape(url.QueryEscape(json)),
		`{"p\u0061ssword":"` + pw + `"}`, `{"password" : "` + pw + `"}`, `"password"=>"` + pw + `"`, `<password>` + pw + `</password>`,
		"password\t=\t" + pw, "password:\n" + pw, "password := " + pw, "password:" + pw, "x-api-key:" + pw + ";", "password%3A%20" + pw,
		`passphrase="correct horse ` + pw + `"`, "mysql --password " + pw + " -h db", "curl -u admin:" + pw + " https://x", "tool --token '" + pw + "'",
		"Bearer\t" + pw, "Bearer%20" + pw, "Authorization=Bearer+" + pw, url.QueryEscape(url.QueryEscape("api_key=" + pw)),
		"https://x/?to=" + url.QueryEscape("https://y/?r="+url.QueryEscape("https://z/?access_token="+pw+"&b=1")),
		"postgres://app:" + pw + "@" + pw + "@db/x", "postgres://app:ab/" + pw + "@db/x", url.QueryEscape("postgres://app:" + pw + "@db:5432/x"),
		"AccountName=a;AccountKey=" + pw + "==", `Authorization: Digest username="u", nonce="n", response="` + pw + `"`,
		strings.ReplaceAll(canaryJWT, ".", "%2E"), pem, url.QueryEscape(pem), "IQoJb3JpZ2luX2VjE" + pw + pw + pw,
		"https://hooks.slack.com/services/T00000000/B00000000/" + pw, "/bot123456789:AA" + pw + "/sendMessage",
	}
}

func TestNoSpellingHidesASecretFromUs(t *testing.T) {
	nginx := strings.NewReplacer(`"`, `\x22`, `\`, `\x5C`, "\n", `\x0A`, "\t", `\x09`)
	line := func(target, referer, agent string) string {
		return `203.0.113.9 - - [01/Mar/2026:10:00:00 +0000] "GET ` + nginx.Replace(target) + ` HTTP/1.1" 200 1 "` + nginx.Replace(referer) + `" "` + nginx.Replace(agent) + `"`
	}
	apache := strings.NewReplacer(`"`, `\"`, `\`, `\\`, "\n", `\n`, "\t", `\t`)
	apacheLine := func(target, agent string) string {
		return `203.0.113.9 - - [01/Mar/2026:10:00:00 +0000] "GET ` + apache.Replace(target) + ` HTTP/1.1" 200 - "-" "` + apache.Replace(agent) + `"`
	}
	for _, s := range spellings() {
		for place, in := range map[string][2]string{
			"a query of Apache":    {"apache", apacheLine("/x?"+s, "-")},
			"a client of Apache":   {"apache", apacheLine("/x", "tool "+s)},
			"a header of Traefik":  {"traefik", strings.Replace(traefikJSON, `"level":`, `"request_X-Note":`+quoteJSON(s)+`,"level":`, 1)},
			"a header of Caddy":    {"caddy", strings.Replace(caddyJSON, `"abc-1"`, quoteJSON(s), 1)},
			"a client of Envoy":    {"envoy", strings.Replace(envoyJSON, `"curl/8.5.0"`, quoteJSON("tool "+s), 1)},
			"a parameter":          {"cloudtrail", trailWith("ssm", "SendCommand", `,"requestParameters":{"parameters":{"commands":[`+quoteJSON(s)+`]}}`)},
			"an error message":     {"cloudtrail", trailWith("ssm", "SendCommand", `,"errorCode":"X","errorMessage":`+quoteJSON("refused: "+s+" end"))},
			"JSON in a parameter":  {"cloudtrail", trailWith("ssm", "SendCommand", `,"requestParameters":{"body":`+quoteJSON(quoteJSON(s))+`}`)},
			"a header":             {"kong", kongWith("200", `,"x-note":`+quoteJSON(s), "")},
			"a query of a line":    {"nginx", line("/x?"+s, "-", "-")},
			"a path of a line":     {"nginx", line("/x/"+s, "-", "-")},
			"a referer of a line":  {"nginx", line("/x", "https://x/?"+s, "-")},
			"a client of a line":   {"nginx", line("/x", "-", "tool "+s)},
			"a member of a record": {"nginx", `{"time_iso8601":"2026-03-01T10:00:00Z","status":200,"request":` + quoteJSON("GET /x?"+s+" HTTP/1.1") + `,"note":` + quoteJSON(s) + `}`},
		} {
			t.Run(place+"/"+s, func(t *testing.T) {
				ev := parseOne(t, in[0], in[1])
				wire, err := ev.MarshalVT()
				if err != nil {
					t.Fatal(err)
				}
				if strings.Contains(string(wire), canary) {
					t.Errorf("it is in the event: %v", ev)
				}
			})
		}
	}
}

func TestNoReasonShowsASecret(t *testing.T) {
	for format, in := range map[string]string{
		"nginx":      `203.0.113.9 - - [01/Mar/2026:10:00:00 +0000] "GET /x HTTP/1.1" token=` + canary + ` 1`,
		"cloudtrail": `{"eventTime":"password=` + canary + `","eventSource":"s3.amazonaws.com","eventName":"x"}`,
		"kong":       `{"started_at":"token=` + canary + `","request":{}}`,
	} {
		p, err := New(format, Options{Hasher: testHasher})
		if err != nil {
			t.Fatal(err)
		}
		h := &reasons{}
		p.Parse([]byte(in), h)
		if len(h.bad) != 1 || strings.Contains(h.bad[0], canary) {
			t.Errorf("%s: reasons %q", format, h.bad)
		}
	}
}

// reasons keeps why sub-records were refused.
type reasons struct{ bad []string }

func (*reasons) Event(int, *schemas.Event)        {}
func (r *reasons) Bad(_ int, _ []byte, err error) { r.bad = append(r.bad, err.Error()) }

// TestAPlainEndingIsPublic holds the quick test of a name against the full one.
func TestAPlainEndingIsPublic(t *testing.T) {
	var all []string
	for _, list := range secretSuffixes {
		all = append(all, list...)
	}
	for name := range secretNames {
		all = append(all, name)
	}
	slices.Sort(all)
	all = append(all, "cookie", "passw", "0", "7T", "-", "_", "x", "T", "2026-03-01")
	rapid.Check(t, func(t *rapid.T) {
		name := strings.Join(rapid.SliceOfN(rapid.SampledFrom(all), 1, 4).Draw(t, "parts"), "")
		name = name[:rapid.IntRange(1, len(name)).Draw(t, "cut")]
		end := len(name)
		for end > 0 && !isLetter(name[end-1]) {
			end--
		}
		if end == 0 || !plainEnding(name, end) {
			return
		}
		norm := strings.Map(func(c rune) rune {
			if c < 0x80 && isAlnum(byte(c)) {
				return c
			}
			return -1
		}, strings.ToLower(name[:end]))
		for _, list := range secretSuffixes {
			for _, s := range list {
				if strings.HasSuffix(norm, s) {
					t.Fatalf("%q ends in %q", name, s)
				}
			}
		}
		if secretNames[norm] != public || strings.Contains(norm, "passw") || strings.HasPrefix(norm, "cookie") && name[0]|0x20 == 'c' && len(norm) > 6 {
			t.Fatalf("%q is the name of a secret", name)
		}
	})
}

// TestWhatIsRuledOutIsNoSecret holds the quick look at a trigger's neighbours
// against the search itself.
func TestWhatIsRuledOutIsNoSecret(t *testing.T) {
	r := redactor{hash: testHasher, guess: true}
	parts := append(spellings(), canaryJWT, "--password ", "-u a:b ", "\t", " ", "=", ":", "://", "@", "\"", "'", "-", "--", ".", "_", "z", "J", "+", ">", "<token>", "%3d",
		"bearer ", "Basic+", "ghp_", "sk-", "AIz", "SG.", ".slack.com/services/", ".com/api/webhooks/", ".office.com/webhook", "FwoGZXIvYXdz", "IQoJb3JpZ2lu", "bot12:", "xA-", "x", "é", "\x00")
	rapid.Check(t, func(t *rapid.T) {
		s := strings.Join(rapid.SliceOfN(rapid.SampledFrom(parts), 1, 8).Draw(t, "parts"), "") + rapid.String().Draw(t, "rest")
		var m, free memo
		for i := range len(s) {
			if !triggers[s[i]] {
				continue
			}
			before := byte(0)
			if i > 0 {
				before = s[i-1]
			}
			was := m
			near, possible := m.near(s, i, triggerKind[s[i]], before), m.possible(s, i)
			if !near && m != was {
				t.Fatalf("%q at byte %d is ruled out at the first look, and the second has something to remember of it", s, i)
			}
			if near && possible {
				continue
			}
			if start, end := r.find(s, i, &free); end > start {
				t.Fatalf("%q at byte %d is ruled out, and finds %q", s, i, s[start:end])
			}
		}
	})
}

// TestTheNextTriggerIsTheNextOne: the walk over a text, four bytes at a time, stops
// where the first look at each byte does.
func TestTheNextTriggerIsTheNextOne(t *testing.T) {
	parts := append(spellings(), "a", "x1", "word", " ", " -p ", "--password ", "\t", "=", ":", "://", "\"", "-", "-----BEGIN", ".", ".s", "_", "oz", "eyJ", "+", ">", "é", "\x00")
	rapid.Check(t, func(t *rapid.T) {
		s := strings.Join(rapid.SliceOfN(rapid.SampledFrom(parts), 0, 12).Draw(t, "parts"), "") + rapid.String().Draw(t, "rest")
		m := memo{option: rapid.IntRange(0, len(s)).Draw(t, "option")}
		from := rapid.IntRange(0, len(s)).Draw(t, "from")
		want, before := from, byte(0)
		for ; want < len(s); want++ {
			if want > 0 {
				before = s[want-1]
			}
			if m.near(s, want, triggerKind[s[want]], before) {
				break
			}
		}
		if got := m.next(s, from); got != want {
			t.Fatalf("%q from %d: stops at %d, not at %d", s, from, got, want)
		}
	})
}

// TestAQuickLookSeesEveryByte holds the walk over a string in JSON, eight bytes at a
// time, against one over each byte.
func TestAQuickLookSeesEveryByte(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "xyz", "0123456789abcdef", "%", "=", ".", "/", " ", "é", `"`, `\`}), 0, 9).Draw(t, "parts"), "")
		from := rapid.IntRange(0, len(s)).Draw(t, "from")
		want, seen := from, uint8(0)
		for ; want < len(s) && s[want] != '"' && s[want] != '\\'; want++ {
			seen |= classes[s[want]]
		}
		if end, got := quick(s, from); end != want || got != seen {
			t.Fatalf("%q from %d: %b up to %d, want %b up to %d", s, from, got, end, seen, want)
		}
	})
}

// TestALookIsEnough holds what the JSON reader says of a string against the
// whole search.
func TestALookIsEnough(t *testing.T) {
	r := redactor{hash: testHasher, guess: true}
	rapid.Check(t, func(t *rapid.T) {
		s := strings.Join(rapid.SliceOfN(rapid.SampledFrom(append(spellings(), "a", "word", "Ab1", "/", ",", "sk-", "ghp_", "0123456789", "eyJ", "-----BEGIN ", ".", "%3D", "A1b2C3", "5f0c2a5e7a414b8e", "-", base64.RawStdEncoding.EncodeToString([]byte("password="+canary)))), 0, 5).Draw(t, "parts"), "")
		var d document
		if err := d.parse(quoteJSON(s)); err != nil {
			t.Fatal(err)
		}
		n := d.nodes[0]
		switch want := r.text(n.str); {
		case len(s) == awsSecretSize || n.look == lookAll:
		case n.look == lookNever && want != n.str, n.look == lookRun && want != r.blobs(n.str), n.look == lookPlain && want != r.blobs(r.plain(n.str)):
			t.Fatalf("%q: look %d is not enough", s, n.look)
		}
	})
}

// TestAPureLineHasPureFields: where nothing is found in a line as a whole,
// nothing would be found in its fields.
func TestAPureLineHasPureFields(t *testing.T) {
	r := redactor{hash: testHasher, guess: true}
	parts := append(spellings(), "a", "/x", "?", "&", "=", "token", "key=", "code:", "'", "%22", "%", "Ab1", "0123456789abcdef", " ", "-", "--password", "sk-", ".", "@", "://", canaryJWT)
	field := rapid.Custom(func(t *rapid.T) string {
		return strings.NewReplacer(`"`, "", `\`, "", "\n", "").Replace(strings.Join(rapid.SliceOfN(rapid.SampledFrom(parts), 0, 4).Draw(t, "parts"), ""))
	})
	rapid.Check(t, func(t *rapid.T) {
		line := `203.0.113.9 - - [01/Mar/2026:10:00:00 +0000] "GET ` + field.Draw(t, "target") + ` HTTP/1.1" 200 1 "` + field.Draw(t, "referer") + `" "` + field.Draw(t, "agent") + `" ` + field.Draw(t, "more")
		if r.text(line) != line {
			return
		}
		for w := (words{s: line}); ; {
			word, _, ok := w.next()
			if !ok {
				return
			}
			_, target, _ := strings.Cut(word, " ")
			for _, s := range []string{word, target} {
				if got := r.text(s); got != s && len(s) != awsSecretSize {
					t.Fatalf("%q: in the field %q something is found: %q", line, s, got)
				}
			}
		}
	})
}

// TestHostileTextsAreReadOnce feeds what once made every name search the rest
// of the text: quadratic time on these would take hours.
func TestHostileTextsAreReadOnce(t *testing.T) {
	r := redactor{hash: testHasher, guess: true}
	for _, pattern := range []string{
		"k=!", "k=", "token=&", "k%3d!", `"k":"`, `k="`, "key=+", "sk-", "SG.", ".eyJa", "://a:!", "basic+a", "--token ", "<token>", `\x22`, "%2525", "token:", "-----BEGIN ", "/?token=&",
		"password ", "password is ", "api key a1", `"tokens":["`, `"password":[`, `"credentials":{`, `"tokens":[*]`, "cGFzc3dvcmQ9YQ", "cGFzc3dvcmQ9YWJjZGVmZ2hpamtsbW5v ", "AAAAAAAAAAAAAAAAAAAAAAAAA ", "secret aA0/",
		"/invite/", "/invite/a1b2c3d4e5f6a7b8", "%2Finvite%2Fa1b2c3d4e5f6a7b8", "a+--token+", "password%3Da+",
	} {
		s := "/" + strings.Repeat(pattern, 4<<20/len(pattern))
		if got := r.text(s); got == "" {
			t.Errorf("%q: nothing is left", pattern)
		}
	}
	values := `{"request":{` + strings.Repeat(`"value":"x",`, maxNodes-10) + `"method":"GET"},"started_at":1767225600000}`
	parseOne(t, "kong", values)
}
