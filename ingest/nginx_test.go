package ingest

import (
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/lapwing-sec/lapwing/schemas"
)

func nginxEvent(mutate func(*schemas.Event)) *schemas.Event {
	ev := &schemas.Event{
		Time: at("2026-03-01T10:00:00Z"), PrincipalType: "anonymous", Anonymous: true, Operation: "GET /v1/orders/{id}", HttpMethod: "GET", UrlPath: "/v1/orders/8412", RouteTemplate: "/v1/orders/{id}",
		StatusCode: 200, Outcome: success, BytesOut: 1934, Resources: []string{"/v1/orders/8412"}, SrcIp: "203.0.113.9", UserAgent: "curl/8.5.0",
	}
	mutate(ev)
	return ev
}

func known2(kind, principal string) func(*schemas.Event) {
	return func(ev *schemas.Event) { ev.PrincipalType, ev.Principal, ev.Anonymous = kind, principal, false }
}

const nginxPlain = `203.0.113.9 - - [01/Mar/2026:11:00:00 +0100] "GET /v1/orders/8412?expand=items HTTP/1.1" 200 1934 "-" "curl/8.5.0"`

const nginxJSON = `{"time_iso8601":"2026-03-01T11:00:00+01:00","msec":"1772359200.250","remote_addr":"203.0.113.9","remote_user":"reports","request_method":"GET","request_uri":"/v1/orders/8412?expand=items","server_protocol":"HTTP/2.0","status":200,"body_bytes_sent":1934,"bytes_sent":2301,"request_length":412,"request_time":0.057,"http_user_agent":"curl/8.5.0","http_referer":"","http_x_forwarded_for":"198.51.100.4, 10.0.0.1","request_id":"5f0c2a5e7a414b8e9d110a1b2c3d4e5f","host":"api.example.com","upstream_response_time":"0.051","ssl_protocol":"TLSv1.3"}`

func nginxSamples() []sample {
	none := func(*schemas.Event) {}
	return []sample{
		{"a combined line", "nginx", nginxPlain, nginxEvent(none), map[string]string{"query": "expand=items", "protocol": "HTTP/1.1"}},
		{"a combined line with a user", "nginx", `203.0.113.9 - reports [01/Mar/2026:10:00:00 +0000] "GET /v1/orders/8412 HTTP/1.1" 403 1934 "https://example.com/a" "curl/8.5.0"`, nginxEvent(func(ev *schemas.Event) {
			known2("user", "reports")(ev)
			ev.StatusCode, ev.Outcome = 403, denied
		}), map[string]string{"referer": "https://example.com/a"}},
		{"a virtual host in front", "nginx", `api.example.com ` + nginxPlain, nginxEvent(func(ev *schemas.Event) { ev.Host, ev.Service = "api.example.com", "api.example.com" }), nil},
		{"the ident is left out", "nginx", `203.0.113.9 - [01/Mar/2026:10:00:00 +0000] "GET /v1/orders/8412 HTTP/1.1" 200 1934 "-" "curl/8.5.0"`, nginxEvent(none), nil},
		{"a request time, forwarded addresses and a request id behind", "nginx", nginxPlain + ` "198.51.100.4" 0.057 3f0c2a5e-7a41-4b8e-9d11-0a1b2c3d4e5f`, nginxEvent(func(ev *schemas.Event) {
			ev.LatencyUs, ev.RequestId = 57000, "3f0c2a5e-7a41-4b8e-9d11-0a1b2c3d4e5f"
			ev.ForwardedFor = []string{"198.51.100.4"}
		}), nil},
		{"a request too quick to measure, and its upstream time", "nginx", nginxPlain + ` 0.000 0.051`, nginxEvent(none), nil},
		{"the key's header behind is hashed", "nginx", nginxPlain + ` "lw_live_4fK9sQ27xZ"`, nginxEvent(func(ev *schemas.Event) {
			known2("key", h("lw_live_4fK9sQ27xZ"))(ev)
			ev.CredentialId, ev.CredentialType = h("lw_live_4fK9sQ27xZ"), "api_key"
		}), nil},
		{"a key's fingerprint behind, hashed for nobody knows who made it", "nginx", nginxPlain + ` "sha256:9f86d081884c7d65"`, nginxEvent(func(ev *schemas.Event) {
			known2("key", h("sha256:9f86d081884c7d65"))(ev)
			ev.CredentialId, ev.CredentialType = h("sha256:9f86d081884c7d65"), "api_key"
		}), nil},
		{"named fields behind", "nginx", nginxPlain + ` rt=0.057 uct="0.001" rl=412 host=api.example.com key="4fK9sQ27xZ0011aabb" rid=abc-1`, nginxEvent(func(ev *schemas.Event) {
			known2("key", h("4fK9sQ27xZ0011aabb"))(ev)
			ev.CredentialId, ev.CredentialType = h("4fK9sQ27xZ0011aabb"), "api_key"
			ev.LatencyUs, ev.BytesIn, ev.Host, ev.Service, ev.RequestId = 57000, 412, "api.example.com", "api.example.com", "abc-1"
		}), map[string]string{"uct": "0.001"}},
		{"a key in the query", "nginx", `203.0.113.9 - - [01/Mar/2026:10:00:00 +0000] "GET /v1/orders/8412?api_key=s3cr3t&x=1 HTTP/1.1" 200 1934 "-" "curl/8.5.0"`, nginxEvent(func(ev *schemas.Event) {
			known2("key", h("s3cr3t"))(ev)
			ev.CredentialId, ev.CredentialType = h("s3cr3t"), "api_key"
		}), map[string]string{"query": "api_key=" + h("s3cr3t") + "&x=1"}},
		{"a refused key makes no one known", "nginx", `203.0.113.9 - - [01/Mar/2026:10:00:00 +0000] "GET /v1/orders/8412?api_key=s3cr3t HTTP/1.1" 401 1934 "-" "curl/8.5.0"`, nginxEvent(func(ev *schemas.Event) {
			ev.StatusCode, ev.Outcome, ev.CredentialId, ev.CredentialType = 401, denied, h("s3cr3t"), "api_key"
		}), nil},
		{"a name sent with a wrong password makes no one known", "nginx", `203.0.113.9 - reports [01/Mar/2026:10:00:00 +0000] "GET /v1/orders/8412 HTTP/1.1" 401 1934 "-" "curl/8.5.0"`, nginxEvent(func(ev *schemas.Event) {
			ev.StatusCode, ev.Outcome = 401, denied
		}), map[string]string{"refused_user": "reports"}},
		{"a name that is sent elsewhere before anybody asks for a password", "nginx", `203.0.113.9 - reports [01/Mar/2026:10:00:00 +0000] "GET /v1/orders/8412 HTTP/1.1" 301 1934 "-" "curl/8.5.0"`, nginxEvent(func(ev *schemas.Event) {
			ev.StatusCode = 301
		}), map[string]string{"refused_user": "reports"}},
		{"a name whose request cannot be read", "nginx", `203.0.113.9 - reports [01/Mar/2026:10:00:00 +0000] "GET /v1/orders/8412 HTTP/1.1" 400 1934 "-" "curl/8.5.0"`, nginxEvent(func(ev *schemas.Event) {
			ev.StatusCode, ev.Outcome = 400, failed
		}), map[string]string{"refused_user": "reports"}},
		{"a user whom the application refuses is known", "nginx", `203.0.113.9 - reports [01/Mar/2026:10:00:00 +0000] "GET /v1/orders/8412 HTTP/1.1" 403 1934 "-" "curl/8.5.0"`, nginxEvent(func(ev *schemas.Event) {
			known2("user", "reports")(ev)
			ev.StatusCode, ev.Outcome = 403, denied
		}), nil},
		{"a certificate that was not accepted makes no one known", "nginx", nginxPlain + ` ssl_client_verify="FAILED:self-signed" ssl_client_s_dn="CN=reports" ssl_client_fingerprint=aa11`, nginxEvent(none), map[string]string{"refused_subject": "CN=reports", "refused_certificate": "aa11"}},
		{"bytes that are no HTTP", "nginx", `203.0.113.9 - - [01/Mar/2026:10:00:00 +0000] "\x16\x03\x01" 400 157 "-" "-"`, nginxEvent(func(ev *schemas.Event) {
			ev.HttpMethod, ev.UrlPath, ev.RouteTemplate, ev.Resources, ev.Operation, ev.UserAgent = "", "", "", nil, "INVALID -", ""
			ev.StatusCode, ev.Outcome, ev.BytesOut = 400, failed, 157
		}), map[string]string{"request": "\x16\x03\x01"}},
		{"an absolute target names the host", "nginx", `203.0.113.9 - - [01/Mar/2026:10:00:00 +0000] "GET http://Other.example:80/v1/orders/8412 HTTP/1.0" 200 1934 "-" "curl/8.5.0"`, nginxEvent(func(ev *schemas.Event) { ev.Host, ev.Service = "other.example", "other.example" }), nil},
		{"a line wrapped by a container runtime interface", "nginx", `2026-03-01T10:00:00.123456789Z stdout F ` + nginxPlain, nginxEvent(none), nil},
		{"a line wrapped by docker", "nginx", `{"log":"203.0.113.9 - - [01/Mar/2026:10:00:00 +0000] \"GET /v1/orders/8412 HTTP/1.1\" 200 1934 \"-\" \"curl/8.5.0\"\n","stream":"stdout","time":"2026-03-01T10:00:01.5Z"}`, nginxEvent(none), nil},
		{"the proxy manager's format", "nginx", `[01/Mar/2026:10:00:00 +0000] - 200 200 - GET https api.example.com "/v1/orders/8412" [Client 203.0.113.9] [Length 1934] [Gzip -] [Sent-to app] "curl/8.5.0" "-"`, nginxEvent(func(ev *schemas.Event) { ev.Host, ev.Service = "api.example.com", "api.example.com" }), map[string]string{"scheme": "https"}},
		{"a JSON object", "nginx", nginxJSON, nginxEvent(func(ev *schemas.Event) {
			known2("user", "reports")(ev)
			ev.Time = at("2026-03-01T10:00:00.25Z")
			ev.ForwardedFor = []string{"198.51.100.4", "10.0.0.1"}
			ev.BytesIn, ev.LatencyUs, ev.Host, ev.Service, ev.RequestId = 412, 57000, "api.example.com", "api.example.com", "5f0c2a5e7a414b8e9d110a1b2c3d4e5f"
		}), map[string]string{"upstream_response_time": "0.051", "ssl_protocol": "TLSv1.3", "query": "expand=items"}},
		{"a JSON object with a key and the whole request", "nginx", `{"time_local":"01/Mar/2026:10:00:00 +0000","remote_addr":"203.0.113.9","remote_user":"-","request":"GET /v1/orders/8412 HTTP/1.1","status":"200","bytes_sent":"1934","http_user_agent":"curl/8.5.0","http_x_api_key":"4fK9sQ27xZ"}`, nginxEvent(func(ev *schemas.Event) {
			known2("key", h("4fK9sQ27xZ"))(ev)
			ev.CredentialId, ev.CredentialType = h("4fK9sQ27xZ"), "api_key"
		}), nil},
		{"a client certificate", "nginx", `{"time_iso8601":"2026-03-01T10:00:00Z","remote_addr":"203.0.113.9","request":"GET /v1/orders/8412 HTTP/1.1","status":200,"body_bytes_sent":1934,"http_user_agent":"curl/8.5.0","ssl_client_s_dn":"CN=ledger,O=Example","ssl_client_fingerprint":"a9993e364706816aba3e25717850c26c9cd0d89d","ssl_client_verify":"SUCCESS"}`, nginxEvent(func(ev *schemas.Event) {
			known2("certificate", "CN=ledger,O=Example")(ev)
			ev.ClientCertificate = "CN=ledger,O=Example"
			ev.CredentialId, ev.CredentialType = "a9993e364706816aba3e25717850c26c9cd0d89d", "certificate"
		}), map[string]string{"ssl_client_verify": "SUCCESS"}},
	}
}

func TestPathsCollapse(t *testing.T) {
	for _, tt := range []struct{ name, path, want string }{
		{"nothing", "", "/"},
		{"the root", "/", "/"},
		{"words stay", "/v1/orders/open", "/v1/orders/open"},
		{"versions stay", "/api/v2beta1/oauth2/token", "/api/v2beta1/oauth2/token"},
		{"numbers", "/v1/orders/8412/items/7", "/v1/orders/{id}/items/{id}"},
		{"a UUID", "/users/3f0c2a5e-7a41-4b8e-9d11-0a1b2c3d4e5f", "/users/{id}"},
		{"hex", "/blobs/9f86d081884c7d65/raw", "/blobs/{id}/raw"},
		{"a word of hex letters", "/facade/feed", "/facade/feed"},
		{"a ULID", "/events/01ARZ3NDEKTSV4RRFFQ69G5FAV", "/events/{id}"},
		{"a prefixed id", "/v1/charges/ch_3MtwBwLkdIwHu7ix28a3tqPa", "/v1/charges/{id}"},
		{"an instance", "/instances/i-0abcd1234ef567890", "/instances/{id}"},
		{"an e-mail address", "/users/alice@example.com/keys", "/users/{id}/keys"},
		{"an encoded e-mail address", "/users/alice%40example.com", "/users/{id}"},
		{"a date", "/reports/2026-03-01", "/reports/{id}"},
		{"a hidden secret", "/download/" + h("x"), "/download/{id}"},
		{"a session behind a semicolon", "/app;jsessionid=AB12/list", "/app/list"},
		{"empty segments", "//v1///orders/", "/v1/orders/"},
		{"a trailing slash stays", "/v1/orders/8412/", "/v1/orders/{id}/"},
		{"a file's name", "/static/app.css", "/static/app.css"},
		{"a deep path is cut", "/a/b/c/d/e/f/g/h/i/j/k/l/m/n", "/a/b/c/d/e/f/g/h/i/j/k/l/…"},
		{"base64url", "/hooks/bRi8FyzKiWYOaotSe6pdvv/retry", "/hooks/{id}/retry"},
		{"base64url with few digits", "/hooks/GgXzLxGdaRGSaxqMhKaaHq", "/hooks/{id}"},
		{"a prefixed id without digits", "/v1/customers/cus_gktUkzsMqSjLul", "/v1/customers/{id}"},
		{"base64url, hardly a digit", "/hooks/MkAopqdgUakUhu__Jlhlmm", "/hooks/{id}"},
		{"a prefixed id of pieces that can be spoken", "/v1/customers/sub_vkmaGfnmiQIlaP", "/v1/customers/{id}"},
		{"a prefixed id that is nearly a name", "/v1/charges/cus_cjykomvQyZGUm", "/v1/charges/{id}"},
		{"a prefixed id with one capital", "/v1/customers/in_gseomnnBzclrbt", "/v1/customers/{id}"},
		{"a name with one capital behind a prefix", "/v1/tools/crm_listContacts", "/v1/tools/crm_listContacts"},
		{"base64url of letters and a mark", "/hooks/bvskeKDqAnvZAU_Eolszan", "/hooks/{id}"},
		{"a name behind a prefix", "/v1/tools/crm_listOpenContacts", "/v1/tools/crm_listOpenContacts"},
		{"a name in capitals behind a prefix", "/hooks/svc_SendOrderUpdate", "/hooks/svc_SendOrderUpdate"},
		{"a name with many acronyms", "/rest/enableLDAPSForSSOUsers", "/rest/enableLDAPSForSSOUsers"},
		{"base36", "/s/k3j9x0q2mz", "/s/{id}"},
		{"a file with a short number", "/media/fan_3.jpg", "/media/{id}.jpg"},
		{"a member with one digit", "/users/rosanovak7", "/users/{id}"},
		{"small words stay", "/rpc/getCustomerOrderV2ById", "/rpc/getCustomerOrderV2ById"},
		{"function names stay", "/rpc/createApiKeyV2ForUser", "/rpc/createApiKeyV2ForUser"},
		{"acronyms stay", "/rest/getHTTPSConfigOfAPIKey", "/rest/getHTTPSConfigOfAPIKey"},
		{"a procedure of gRPC", "/acme.identity.v1.UserAdmin/DeleteUser", "/acme.identity.v1.UserAdmin/DeleteUser"},
		{"a file named by an id", "/media/river_4629.pdf", "/media/{id}.pdf"},
		{"a tile", "/tiles/7/12/28.png", "/tiles/{id}/{id}/{id}.png"},
		{"a file named by a UUID", "/labels/3f0c2a5e-7a41-4b8e-9d11-0a1b2c3d4e5f.csv", "/labels/{id}.csv"},
		{"a member of a collection", "/users/lena.smith168/profile", "/users/{id}/profile"},
		{"a version within a collection stays", "/apis/v2beta10/things", "/apis/v2beta10/things"},
		{"what is no collection", "/status/sha256", "/status/sha256"},
		{"a key of OData", "/odata/Customers(1236)/Orders", "/odata/Customers({id})/Orders"},
		{"a named key of OData", "/odata/Products('ZV-5877')", "/odata/Products({id})"},
		{"a function without arguments", "/odata/Reset()", "/odata/Reset()"},
		{"a second factor is no user", "/v1/users/2fa-setup", "/v1/users/2fa-setup"},
		{"a second factor, with underscores", "/v1/users/2fa_disable", "/v1/users/2fa_disable"},
		{"a second factor behind a word", "/api/users/reset2fa", "/api/users/reset2fa"},
		{"a second factor by its capitals", "/api/users/disable2FA", "/api/users/disable2FA"},
		{"3-D Secure is no payment", "/v1/payments/3dsecure/verify", "/v1/payments/3dsecure/verify"},
		{"a kind of keys", "/v1/keys/ed25519", "/v1/keys/ed25519"},
		{"a kind of keys next to a word", "/v1/keys/rotate-ed25519", "/v1/keys/rotate-ed25519"},
		{"two kinds of hashes", "/actions/sha256-to-md5sum", "/actions/sha256-to-md5sum"},
		{"a hash next to a word", "/actions/md5-check", "/actions/md5-check"},
		{"a file of hashes", "/releases/sha256-sums.txt", "/releases/sha256-sums.txt"},
		{"a version between words", "/tools/list_v2_items", "/tools/list_v2_items"},
		{"a version behind a dot", "/apis/acme.v1", "/apis/acme.v1"},
		{"a word with a number and a dot", "/methods/oauth2.access", "/methods/oauth2.access"},
		{"a member named like a word with another number", "/users/k8s-x7f2k", "/users/{id}"},
		{"a member whose name only holds a word's letters", "/users/annas3", "/users/{id}"},
		{"abbreviations in capitals", "/api/HttpHdrXfrCtlMgr", "/api/HttpHdrXfrCtlMgr"},
		{"a cluster and an acronym", "/api/k8sClusterXPNTest", "/api/k8sClusterXPNTest"},
		{"a long name of a function", "/rpc/createServiceAccountKeyForUser", "/rpc/createServiceAccountKeyForUser"},
		{"a member with a short surname", "/users/anna22.lee", "/users/{id}"},
		{"a member whose surname has the number", "/users/anna.lee2", "/users/{id}"},
		{"a file in capitals", "/media/IMG_4629.JPG", "/media/{id}.JPG"},
		{"a file of an unknown kind", "/media/river_4629.qzx", "/media/{id}"},
		{"a file of columns", "/exports/part-0001.parquet", "/exports/{id}.parquet"},
		{"a hyphenated word", "/well-known/acme-challenge", "/well-known/acme-challenge"},
		{"letters alone in a collection", "/v2/quotes/puSoZYBoGBeVOr", "/v2/quotes/{id}"},
		{"letters alone in a collection, before a word", "/v1/invoices/IKkyAqpSwZNFQR/pdf", "/v1/invoices/{id}/pdf"},
		{"a function of a collection", "/v1/tools/listOpenContacts", "/v1/tools/listOpenContacts"},
		{"a function of a collection, with acronyms", "/v1/actions/syncLDAPGroupsToSSO", "/v1/actions/syncLDAPGroupsToSSO"},
		{"a type in a collection", "/v1/types/HttpHdrXfrCtlMgr", "/v1/types/HttpHdrXfrCtlMgr"},
		{"a slug with a number", "/v1/inventory/harbor-cedar-indigo-35", "/v1/inventory/{id}"},
		{"a slug of two words", "/catalog/jasper-river-11/photos", "/catalog/{id}/photos"},
		{"a slug of the same title again", "/v1/inventory/jasper-harbor-1", "/v1/inventory/{id}"},
		{"one word and a step", "/setup/step-2", "/setup/step-2"},
		{"random text with the letters of a version", "/v2/quotes/GgJFpcRzEVPtV3", "/v2/quotes/{id}"},
		{"one word with a number is no slug", "/chart/top-10", "/chart/top-10"},
		{"a word with a number behind a word is no slug", "/tools/decode-utf-16", "/tools/decode-utf-16"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := collapsePath(tt.path); got != tt.want {
				t.Errorf("collapsePath(%q) = %q, want %q", tt.path, got, tt.want)
			}
			if once := collapsePath(tt.want); once != tt.want && tt.name != "a deep path is cut" {
				t.Errorf("collapsing again gives %q", once)
			}
		})
	}
}

// TestRandomIdsCollapse: nearly every one, since one that stays is an operation
// that nobody ever called.
func TestRandomIdsCollapse(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a test's
	for _, tt := range []struct {
		name, prefix, alphabet string
		length, most           int // of 10,000 that may stay
	}{
		{"base64url of 16 bytes", "", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", 22, 5},
		{"nanoid", "", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", 21, 5},
		{"base62 behind a prefix", "cus_", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", 14, 15},
		{"letters alone", "", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", 24, 10},
		{"letters alone behind a prefix", "sub_", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", 14, 60},
		{"base62 in a collection", "", "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", 14, 100},
		{"base36", "", "abcdefghijklmnopqrstuvwxyz0123456789", 16, 100},
	} {
		stayed := []string{}
		for range 10_000 {
			id := []byte(tt.prefix)
			for range tt.length {
				id = append(id, tt.alphabet[rng.IntN(len(tt.alphabet))])
			}
			if got := collapsePath("/v1/things/" + string(id)); got != "/v1/things/{id}" {
				stayed = append(stayed, string(id))
			}
		}
		if len(stayed) > tt.most {
			t.Errorf("%s: %d of 10,000 stay: %s", tt.name, len(stayed), stayed[:10])
		}
	}
}

// TestSimplePathsHaveTheRouteOfAnyPath holds the quick way to a route against the
// whole one.
func TestSimplePathsHaveTheRouteOfAnyPath(t *testing.T) {
	part := rapid.SampledFrom([]string{"/", "/", "/", "a", "v1", "orders", "8412", "7", "abcdefghijklmnopqrstuvwx", "X", "-", "é", "%20", ";a", "."})
	rapid.Check(t, func(t *rapid.T) {
		path := strings.Join(rapid.SliceOfN(part, 0, 30).Draw(t, "path"), "")
		if got, want := string(appendRoute([]byte("GET "), path)), string(appendAny([]byte("GET "), path)); got != want {
			t.Fatalf("%s: got %s, want %s", path, got, want)
		}
	})
	if _, ok := appendSimple(nil, "/v1/orders/8412"); !ok {
		t.Error("a usual path is not simple")
	}
}

// TestProtocolIsNoSecret: behind a path that ends in a secret's name stands the
// protocol, not the secret.
func TestProtocolIsNoSecret(t *testing.T) {
	for _, tt := range []struct{ name, format, record, want string }{
		{"a password is set, as nginx writes it", "nginx", `203.0.113.9 - svc [01/Mar/2026:10:00:00 +0000] "PUT /v1/users/7/password HTTP/1.1" 200 1 "-" "curl/8.5.0"`, "PUT /v1/users/{id}/password"},
		{"a password is set, as HAProxy writes it", "haproxy", `<134>Mar  1 10:00:00 edge haproxy[14389]: 203.0.113.9:51124 [01/Mar/2026:10:00:00.250] web~ api/app1 0/0/1/13/19 200 735 - - ---- 12/11/3/1/0 0/0 {api.example.com|aiohttp/3.9.3|} "PUT /v1/users/7/password HTTP/1.1"`, "PUT /v1/users/{id}/password"},
		{"an id that ends in PWD", "nginx", `203.0.113.9 - svc [01/Mar/2026:10:00:00 +0000] "GET /documents/010SG9RGFRMX5B9ENFHQ4GXPWD HTTP/1.1" 200 1 "-" "curl/8.5.0"`, "GET /documents/{id}"},
		{"HTTP/2", "nginx", `203.0.113.9 - svc [01/Mar/2026:10:00:00 +0000] "POST /auth/reset-password HTTP/2.0" 200 1 "-" "curl/8.5.0"`, "POST /auth/reset-password"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := parseOne(t, tt.format, tt.record).Operation; got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
