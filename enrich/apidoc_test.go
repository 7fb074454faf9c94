package enrich

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/schemas"
)

func TestCallsAreHeldAgainstTheAPIsDocument(t *testing.T) {
	apis, err := openAPIs([]APIDocument{{File: "testdata/apis/orders.yaml", Service: "orders"}})
	require.NoError(t, err)
	for _, tt := range []struct {
		name, host, service, method, path, query string
		status                                   uint32
		operation                                string
		// violation is "detector: observed / expected", "" for none.
		violation string
	}{
		{name: "a documented call gets its template", host: "eu.api.example.com", method: "GET", path: "/v1/orders/17", status: 200,
			operation: "GET /orders/{orderId}"},
		{name: "a literal segment wins over a variable one", host: "eu.api.example.com", method: "GET", path: "/v1/orders/export", status: 200, query: "whatever=1",
			operation: "GET /orders/export"},
		{name: "two variables", host: "eu.api.example.com", method: "DELETE", path: "/v1/customers/c1/orders/o2", status: 204,
			operation: "DELETE /customers/{customerId}/orders/{orderId}"},
		{name: "the API is known by the gateway's name for it", service: "orders", method: "POST", path: "/v1/orders", status: 201,
			operation: "POST /orders"},
		{name: "an undocumented path that answers is a shadow API", host: "eu.api.example.com", method: "GET", path: "/v1/debug/vars", status: 200,
			operation: "GET /v1/debug/vars", violation: "shadow-api: GET /v1/debug/vars / a path of Orders 1.2"},
		{name: "also one that refuses", host: "eu.api.example.com", method: "GET", path: "/v1/admin", status: 403,
			operation: "GET /v1/admin", violation: "shadow-api: GET /v1/admin / a path of Orders 1.2"},
		{name: "also one outside the document's base", host: "eu.api.example.com", method: "GET", path: "/v2/orders", status: 200,
			operation: "GET /v2/orders", violation: "shadow-api: GET /v2/orders / a path of Orders 1.2"},
		{name: "what is not found is no endpoint", host: "eu.api.example.com", method: "GET", path: "/v1/wp-login.php", status: 404,
			operation: "GET /v1/wp-login.php"},
		{name: "a method that the path does not have", host: "eu.api.example.com", method: "DELETE", path: "/v1/orders/17", status: 204,
			operation: "DELETE /v1/orders/17", violation: "schema-violation: method of DELETE /v1/orders/17 / GET, in Orders 1.2"},
		{name: "a method that was refused as such", host: "eu.api.example.com", method: "DELETE", path: "/v1/orders/17", status: 405,
			operation: "DELETE /v1/orders/17"},
		{name: "preflight requests are nobody's API", host: "eu.api.example.com", method: "OPTIONS", path: "/v1/orders", status: 200,
			operation: "OPTIONS /v1/orders"},
		{name: "known parameters, of the operation, its path and the key", host: "eu.api.example.com", method: "GET", path: "/v1/orders", status: 200,
			query: "limit=5&filter[state]=open&tag[]=a&tag=b&api_key=hmac:x", operation: "GET /orders"},
		{name: "unknown parameters, each named once", host: "eu.api.example.com", method: "GET", path: "/v1/orders/17", status: 200,
			query: "fields=a&is_admin=true&debug=1&debug=2", operation: "GET /orders/{orderId}",
			violation: "schema-violation: GET /orders/{orderId} with debug, is_admin / query parameters fields"},
		{name: "a variable takes no path that climbs", host: "eu.api.example.com", method: "GET", path: "/v1/orders/..", status: 200,
			operation: "GET /v1/orders/..", violation: "shadow-api: GET /v1/orders/.. / a path of Orders 1.2"},
		{name: "nor one that climbs encoded", host: "eu.api.example.com", method: "GET", path: "/v1/orders/..%2fadmin", status: 200,
			operation: "GET /v1/orders/..%2fadmin", violation: "shadow-api: GET /v1/orders/..%2fadmin / a path of Orders 1.2"},
		{name: "nor one that climbs encoded twice", host: "eu.api.example.com", method: "GET", path: "/v1/orders/%252e%252e%252fadmin", status: 200,
			operation: "GET /v1/orders/%252e%252e%252fadmin", violation: "shadow-api: GET /v1/orders/%252e%252e%252fadmin / a path of Orders 1.2"},
		{name: "a dot within an id climbs nowhere", host: "eu.api.example.com", method: "GET", path: "/v1/orders/a..b", status: 200,
			operation: "GET /orders/{orderId}"},
		{name: "a host with its last dot", host: "eu.api.example.com.", method: "GET", path: "/v1/admin", status: 200,
			operation: "GET /v1/admin", violation: "shadow-api: GET /v1/admin / a path of Orders 1.2"},
		{name: "a path of another service on the same host is none of this document's", host: "eu.api.example.com", service: "prices", method: "GET", path: "/v1/prices", status: 200,
			operation: "GET /v1/prices"},
		{name: "a service that is only the host again is no other service", host: "eu.api.example.com", service: "eu.api.example.com", method: "GET", path: "/v1/admin", status: 200,
			operation: "GET /v1/admin", violation: "shadow-api: GET /v1/admin / a path of Orders 1.2"},
		{name: "an undocumented path of the service, by the gateway's name", host: "eu.api.example.com", service: "orders", method: "GET", path: "/v1/admin", status: 200,
			operation: "GET /v1/admin", violation: "shadow-api: GET /v1/admin / a path of Orders 1.2"},
		{name: "a documented path, whatever the gateway calls it", host: "eu.api.example.com", service: "outbound|80||orders", method: "GET", path: "/v1/orders/17", status: 200,
			operation: "GET /orders/{orderId}"},
		{name: "another host is not described", host: "www.example.com", method: "GET", path: "/v1/debug", status: 200, operation: "GET /v1/debug"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ev := &schemas.Event{Host: tt.host, Service: tt.service, HttpMethod: tt.method, UrlPath: tt.path, StatusCode: tt.status, Operation: tt.method + " " + tt.path}
			if tt.query != "" {
				ev.Attributes = map[string]string{"query": tt.query}
			}
			d := &schemas.Declared{}
			apis.judge(ev, d)
			require.Equal(t, tt.operation, ev.Operation)
			var got []string
			for _, v := range d.Violations {
				got = append(got, v.Detector+": "+v.Observed+" / "+v.Expected)
			}
			require.Equal(t, tt.violation, strings.Join(got, "\n"))
			require.Equal(t, tt.host != "www.example.com" && tt.service != "prices", ev.ApiDocument == "Orders 1.2")
		})
	}
}

// A log may give the parameters as attributes, which have no order.
func TestOfManyUnknownParametersTheSameAreNamedEachTime(t *testing.T) {
	apis, err := openAPIs([]APIDocument{{File: "testdata/apis/orders.yaml", Service: "orders"}})
	require.NoError(t, err)
	for range 50 {
		ev := &schemas.Event{Service: "orders", HttpMethod: "GET", UrlPath: "/v1/orders/17", StatusCode: 200, Attributes: map[string]string{}}
		for _, name := range strings.Split("abcdefghij", "") {
			ev.Attributes["query."+name] = "1"
		}
		d := &schemas.Declared{}
		apis.judge(ev, d)
		require.Len(t, d.Violations, 1)
		require.Equal(t, "GET /orders/{orderId} with a, b, c, d, e", d.Violations[0].Observed)
	}
}

func TestHostsMayStandForMany(t *testing.T) {
	apis, err := openAPIs([]APIDocument{{File: "testdata/apis/orders.yaml", Hosts: []string{"*.api.example.com"}}})
	require.NoError(t, err)
	for host, want := range map[string]bool{"eu.api.example.com": true, "a.b.api.example.com": true, "api.example.com": false, "example.com": false, "": false} {
		require.Equal(t, want, len(apis.find(&schemas.Event{Host: host})) > 0, host)
	}
}

func TestDocumentsThatCannotServeAreRefusedByName(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	for name, tt := range map[string]struct{ text, says string }{
		"no document":                {"hello", "not a readable OpenAPI 3 document"},
		"another version":            {"swagger: '2.0'\ninfo: {title: x, version: '1'}\npaths: {}\n", "not an OpenAPI 3 document"},
		"a server without a host":    {"openapi: 3.0.3\ninfo: {title: x, version: '1'}\nservers: [{url: /v1}]\npaths: {}\n", "say under which hosts"},
		"a reference to other files": {"openapi: 3.0.3\ninfo: {title: x, version: '1'}\nservers: [{url: 'https://a.example'}]\npaths: {/a: {$ref: '/etc/passwd'}}\n", "external"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := openAPIs([]APIDocument{{File: write("doc.yaml", tt.text)}})
			require.ErrorContains(t, err, "doc.yaml")
			require.ErrorContains(t, err, tt.says)
		})
	}
}

func TestABadReloadKeepsTheDocumentsInUse(t *testing.T) {
	path := filepath.Join(t.TempDir(), "orders.yaml")
	text, err := os.ReadFile("testdata/apis/orders.yaml")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, text, 0o600))
	e, err := New(Config{APIs: []APIDocument{{File: path}}}, prometheus.NewRegistry(), zerolog.Nop())
	require.NoError(t, err)
	shadow := func() int {
		ev := &schemas.Event{Format: "nginx", Host: "eu.api.example.com", HttpMethod: "GET", UrlPath: "/v1/debug", StatusCode: 200, Operation: "GET /v1/debug"}
		e.Enrich(ev)
		return len(ev.Declared.Violations)
	}
	require.Equal(t, 1, shadow())
	require.NoError(t, os.WriteFile(path, []byte("openapi: ["), 0o600))
	require.Error(t, e.ReloadAPIs())
	require.Equal(t, 1, shadow())
	require.NoError(t, os.WriteFile(path, []byte(strings.ReplaceAll(string(text), "/orders/export:", "/debug:")), 0o600))
	require.NoError(t, e.ReloadAPIs())
	require.Equal(t, 0, shadow())
}

func BenchmarkAPIDocument(b *testing.B) {
	apis, err := openAPIs([]APIDocument{{File: "testdata/apis/orders.yaml"}})
	if err != nil {
		b.Fatal(err)
	}
	ev := &schemas.Event{Host: "eu.api.example.com", HttpMethod: "DELETE", UrlPath: "/v1/customers/c1/orders/o2", StatusCode: 204}
	d := &schemas.Declared{}
	b.ReportAllocs()
	for b.Loop() {
		ev.Operation = ""
		apis.judge(ev, d)
	}
	if len(d.Violations) > 0 {
		b.Fatal("a documented call breaks the document")
	}
}

func TestALookUpAmongCombinedTemplatesIsBounded(t *testing.T) {
	const depth = 14
	var grow func(g *segment, left int)
	grow = func(g *segment, left int) {
		if left == 0 {
			g.methods = map[string]*apiOperation{"GET": {}}
			return
		}
		grow(g.step("a"), left-1)
		grow(g.step("{p}"), left-1)
	}
	var root segment
	grow(&root, depth)
	steps := maxMatchSteps
	require.NotNil(t, root.match(strings.Repeat("a/", depth-1)+"b", maxPathSegments, &steps))
	require.Equal(t, maxMatchSteps-depth, steps)
	require.Nil(t, root.match(strings.Repeat("a/", depth)+"b", maxPathSegments, &steps), "one segment too many")
	require.Negative(t, steps)
	require.Greater(t, steps, -maxMatchSteps, "what is left of thousands of ways is not gone")
}
