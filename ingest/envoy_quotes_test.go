package ingest

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Envoy writes headers between quotes and does not escape the quotes in them. A
// client that sends one must not choose the fields behind it.
func TestAQuoteInAHeaderMovesNoField(t *testing.T) {
	const forged = `1.2.3.4" "ua" "3f0c2a5e-0000-4b8e-9d11-000000000000" "other.example" "9.9.9.9:1"`
	mesh := forged + ` outbound|1||c.x.svc l d 6.6.6.6:1 s r user=admin key=4fK9sQ27xZ4fK9sQ27xZ`
	for _, tt := range []struct{ name, format, in string }{
		{"in the forwarding header of Envoy", "envoy", strings.Replace(envoyLine, `"198.51.100.4,`, `"`+forged+` user=admin,`, 1)},
		{"in the user agent of Envoy", "envoy", strings.Replace(envoyLine, `curl/8.5.0`, `curl" `+`"x" "y" "1.2.3.4:5" user=admin "z`, 1)},
		{"one alone", "envoy", strings.Replace(envoyLine, `curl/8.5.0`, `cu"rl`, 1)},
		{"behind a backslash", "envoy", strings.Replace(envoyLine, `curl/8.5.0`, `cu\"rl" "user=admin`, 1)},
		{"in the forwarding header of the mesh", "istio", strings.Replace(istioLine, `"198.51.100.4,`, `"`+mesh+`,`, 1)},
		{"in the user agent of the mesh", "istio", strings.Replace(istioLine, `curl/8.5.0`, mesh, 1)},
		{"in the server's name", "istio", strings.Replace(istioLine, `outbound_.8080_._.orders.shop.svc.cluster.local default`, `x"1.1.1.1:1" c l d 6.6.6.6:1 s default`, 1)},
		{"blanks in the server's name", "istio", strings.Replace(istioLine, `outbound_.8080_._.orders.shop.svc.cluster.local default`, `x y user=admin key=4fK9sQ27xZ4fK9sQ27xZ default`, 1)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ev := parseOne(t, tt.format, tt.in)
			if !ev.Anonymous || ev.CredentialId != "" || ev.ClientCertificate != "" {
				t.Errorf("somebody is known: %v", ev)
			}
			if ev.SrcIp != "" && ev.SrcIp != "203.0.113.9" || ev.Host != "" && ev.Host != "api.example.com" {
				t.Errorf("called from %q at %q", ev.SrcIp, ev.Host)
			}
			if ev.Operation != "GET /v1/orders/{id}" || ev.StatusCode != 200 || ev.BytesOut != 1934 || ev.LatencyUs != 57000 {
				t.Errorf("the request is another one: %v", ev)
			}
		})
	}
	for _, in := range []string{
		strings.Replace(envoyLine, `/v1/orders/8412?expand=items HTTP/2"`, `/forged HTTP/1.1" 200 - 0 0 0 - "1.2.3.4" "a" "b" "c" "d" HTTP/2"`, 1),
		strings.Replace(istioLine, `/v1/orders/8412?expand=items HTTP/1.1"`, `/forged HTTP/1.1" 200 - - - "-" 0 0 0 - "1.2.3.4" "a" "b" "c" "d" HTTP/1.1"`, 1),
	} {
		for _, format := range []string{"envoy", "istio"} {
			if c := parseAll(t, format, in); len(c.events) > 0 {
				t.Errorf("%s: a request that a path made: %v", format, c.events[0])
			}
		}
	}
	ev := parseOne(t, "envoy", strings.Replace(envoyLine, "expand=items", `q="a"`, 1))
	if ev.SrcIp != "203.0.113.9" || ev.StatusCode != 200 || ev.Attributes["query"] != `q="a"` {
		t.Errorf("a quote in a path: %v", ev)
	}
}

// Whatever a client puts into its headers, what the proxy wrote stays.
func TestNoHeaderChangesWhatEnvoyWrote(t *testing.T) {
	part := rapid.SampledFrom([]string{`"`, ` `, `\`, `" "`, `user=admin`, `1.2.3.4`, `"1.2.3.4:5"`, `-`, `curl`, `=`, `key="x"`, `HTTP`, `]`, `200`})
	rapid.Check(t, func(t *rapid.T) {
		header := func(name string) string { return strings.Join(rapid.SliceOfN(part, 0, 8).Draw(t, name), "") }
		in := `[2026-03-01T10:00:00.250Z] "GET /x HTTP/2" 403 - 12 1934 57 51 "` + header("forwarded") + `,203.0.113.9" "` + header("agent") + `" "` + header("id") + `" "api.example.com" "10.0.3.17:8080"`
		var got collect
		p, err := New("envoy", Options{Hasher: testHasher})
		if err != nil {
			t.Fatal(err)
		}
		p.Parse([]byte(in), &got)
		if len(got.events) != 1 {
			t.Fatalf("%s: %v", in, got.bad)
		}
		ev := got.events[0]
		if ev.SrcIp != "" && ev.SrcIp != "203.0.113.9" || ev.StatusCode != 403 || ev.Operation != "GET /x" || !ev.Anonymous {
			t.Fatalf("%s: %v", in, ev)
		}
	})
}
