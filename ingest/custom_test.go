package ingest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	"github.com/lapwing-sec/lapwing/schemas"
)

const billingMapping = `
name: billing
title: audit log of the billing service
disorder: 2m
records: data.events
match:
  has: [evt, who]
  values: {kind: [audit, audit-v2]}
time:
  path: ts|meta.at
  layouts: ["02.01.2006 15:04:05 -0700", unix_ms]
event:
  id: evt
  operation: "{svc|app}:{action}"
  service: =billing
  principal: who.id|who.name
  principal_type: =app
  credential_id: who.key_id
  scopes: who.scopes
  delegation: [on_behalf, who.id]
  src_ip: net[0].ip
  forwarded_for: net[0].via
  status_code: http\.status
  latency_ms: took
  resources: [objects, invoice.id]
  bytes_out: size
outcome:
  path: result
  success: ok
  denied: [no, refused]
  error: "*"
secrets: [who.pin_hint, note]
`

const billingRecord = `{"evt":"e-1","kind":"audit","who":{"id":"svc-7","name":"x","key_id":"k9","scopes":"read write","pin_hint":"mother","team":"blue"},"on_behalf":"alice","ts":"01.03.2026 11:00:00 +0100",` +
	`"app":"bill","action":"Refund","net":[{"ip":"203.0.113.9:443","via":"198.51.100.4, 10.0.0.1"}],"http.status":403,"took":12.5,"objects":["inv/1","inv/2"],"invoice":{"id":"inv/3"},"size":"77","result":"refused","note":"n"}`

func custom(t testing.TB, text string) *Set {
	t.Helper()
	f, err := Custom("", "m.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	set, err := NewSet(f)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func readWith(t testing.TB, set *Set, format, in string) (c collect) {
	t.Helper()
	p, err := set.New(format, Options{Hasher: testHasher, KeepRaw: true})
	if err != nil {
		t.Fatal(err)
	}
	p.Parse([]byte(in), &c)
	return c
}

func TestAMappingReadsRecords(t *testing.T) {
	set := custom(t, billingMapping)
	in := `{"data":{"events":[` + billingRecord + `]}}`
	c := readWith(t, set, "billing", in)
	if len(c.events) != 1 || len(c.bad) != 0 {
		t.Fatalf("%d events, %q", len(c.events), c.bad)
	}
	want := &schemas.Event{
		Id: "e-1", Format: "billing", Time: at("2026-03-01T10:00:00Z"), Operation: "bill:Refund", Service: "billing", Principal: "svc-7", PrincipalType: "app", CredentialId: "k9", Scopes: []string{"read", "write"},
		Delegation: []string{"alice", "svc-7"}, SrcIp: "203.0.113.9", ForwardedFor: []string{"198.51.100.4", "10.0.0.1"}, StatusCode: 403, LatencyUs: 12500, Resources: []string{"inv/1", "inv/2", "inv/3"}, BytesOut: 77, Outcome: denied,
		Attributes: map[string]string{"kind": "audit", "who.name": "x", "who.pin_hint": h("mother"), "who.team": "blue", "note": h("n")},
	}
	got := c.events[0]
	if strings.Contains(got.Raw, "mother") {
		t.Errorf("a secret of the mapping is in %s", got.Raw)
	}
	got.Raw = ""
	if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if name, ok := set.Detect([]byte(in)); !ok || name != "billing" {
		t.Errorf("detected as %q", name)
	}
	if name, ok := standard.Detect([]byte(in)); ok {
		t.Errorf("without the mapping detected as %q", name)
	}
	if f := set.Formats()[0]; f.Disorder != 2*time.Minute {
		t.Errorf("disorder %s", f.Disorder)
	}
}

func TestMappingsReadTimesAndOutcomes(t *testing.T) {
	small := "time: {path: t, layouts: [LAYOUT]}\nevent: {operation: op, http_method: m, url_path: u, status_code: s}\n"
	for _, tt := range []struct{ name, layout, in, want string }{
		{"a Unix time in milliseconds", "unix_ms", `{"t":1772359200123,"op":"x"}`, "2026-03-01T10:00:00.123Z"},
		{"a Unix time with a fraction", "unix", `{"t":1772359200.000000001,"op":"x"}`, "2026-03-01T10:00:00.000000001Z"},
		{"a small Unix time in microseconds is not guessed", "unix_us", `{"t":1000000,"op":"x"}`, "1970-01-01T00:00:01Z"},
		{"RFC 3339", "rfc3339", `{"t":"2026-03-01T10:00:00Z","op":"x"}`, "2026-03-01T10:00:00Z"},
		{"a layout of one's own", `"Jan _2 2006 15:04:05"`, `{"t":"Mar  1 2026 10:00:00","op":"x"}`, "2026-03-01T10:00:00Z"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := readWith(t, custom(t, strings.Replace(small, "LAYOUT", tt.layout, 1)), "custom", tt.in)
			if len(c.events) != 1 || c.events[0].Time != at(tt.want) {
				t.Errorf("%v %q", c.events, c.bad)
			}
		})
	}
	set := custom(t, strings.Replace(small, "LAYOUT", "unix", 1))
	c := readWith(t, set, "custom", `{"t":1772359200,"m":"get","u":"https://api.example.com/v1/orders/17?token=abcdefgh1234","s":200}`)
	if ev := c.events[0]; ev.Operation != "GET /v1/orders/{id}" || ev.Host != "api.example.com" || ev.Outcome != success || !ev.Anonymous {
		t.Errorf("%v", ev)
	}
	for in, reason := range map[string]string{
		`{"op":"x"}`: "time: missing (t)", `{"t":"soon","op":"x"}`: `time (t): "soon" is in none of the layouts`, `{"t":1772359200}`: "operation: missing", `[1]`: "not an object",
	} {
		if c := readWith(t, set, "custom", in); len(c.bad) != 1 || !strings.Contains(c.bad[0], reason) {
			t.Errorf("%s: %q, want %q", in, c.bad, reason)
		}
	}
}

func TestWrongMappingsNameLineAndKey(t *testing.T) {
	const good = "time: t\nevent:\n  operation: op\n"
	for _, tt := range []struct{ name, in, want string }{
		{"an unknown key", good + "tiem: x\n", "m.yaml:4: tiem: unknown key: want one of attributes, disorder, event"},
		{"an unknown field", good + "  operatoin: x\n", "m.yaml:4: event.operatoin: unknown field: want one of account, acting_as"},
		{"an unknown key below one", good + "outcome:\n  path: r\n  ok: yes\n", "m.yaml:6: outcome.ok: unknown key"},
		{"a key twice", good + "time: x\n", "m.yaml:4: time: is given twice"},
		{"no time", "event: {operation: op}\n", "m.yaml:1: time: missing"},
		{"no operation", "time: t\nevent: {principal: p}\n", "event.operation: missing"},
		{"a brace without its other", good + "  service: \"{a\"\n", "m.yaml:4: event.service: \"{a\": a { without its }"},
		{"a brace within braces", good + "  service: \"{a:{b}\"\n", "m.yaml:4: event.service: \"{a:{b}\": a { without its }"},
		{"a bracket without a number", good + "  service: a[x]\n", "m.yaml:4: event.service: \"a[x]\": want a number in brackets"},
		{"a path that ends with a dot", good + "  service: a.\n", "ends with a dot"},
		{"an empty alternative", good + "  service: a|\n", "want a path of 1 to 16 steps"},
		{"a path of too many steps", good + "  service: " + strings.Repeat("a.", 20) + "b\n", "want a path of 1 to 16 steps"},
		{"a layout that is none", "time: {path: t, layouts: [yyyy-mm-dd]}\nevent: {operation: o}\n", `m.yaml:1: time.layouts: "yyyy-mm-dd": want rfc3339`},
		{"a value for two outcomes", good + "outcome: {path: r, success: [a], error: [a]}\n", `outcome.error: "a" stands for two outcomes`},
		{"an outcome without a path", good + "outcome: {success: [a]}\n", "outcome: want path"},
		{"a list where a path must be", good + "  service: [a, b]\n", "want a path, a template or =constant"},
		{"a name with capitals", good + "name: Billing\n", `name: "Billing": want small letters`},
		{"a wrong disorder", good + "disorder: soon\n", "m.yaml:4: disorder: \"soon\": want a duration"},
		{"no mapping at all", "[]", "want keys and values"},
		{"an empty file", "", "want keys and values"},
		{"no YAML", "a: b: c", "is not YAML"},
		{"two documents", "time: t\nevent: {operation: o}\n---\ntime: u\n", "a second YAML document"},
		{"a huge mapping", strings.Repeat("#", 70000), "a mapping has 65536 at most"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Custom("", "m.yaml", []byte(tt.in))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
	f, err := Custom("kong", "m.yaml", []byte(good))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewSet(f); err == nil || !strings.Contains(err.Error(), `format "kong": the name is taken`) {
		t.Errorf("error %v", err)
	}
}

func TestAttributesOfAMappingAreChosen(t *testing.T) {
	const mapping = "time: t\nevent: {operation: op}\nattributes: "
	const in = `{"t":1772359200,"op":"x","a":{"b":1,"c":2},"d":3}`
	for list, want := range map[string]map[string]string{
		"all": {"a.b": "1", "a.c": "2", "d": "3"}, "none": nil, "[a.b, d]": {"a.b": "1", "d": "3"},
	} {
		c := readWith(t, custom(t, mapping+list), "custom", in)
		if diff := cmp.Diff(want, c.events[0].Attributes); diff != "" {
			t.Errorf("%s: %s", list, diff)
		}
	}
}

func TestAFormatWithoutMatchTakesWhatNoOtherWants(t *testing.T) {
	set := custom(t, "time: t\nevent: {operation: op}\n")
	for in, want := range map[string]string{`{"t":1,"op":"x"}`: "custom", `{"t":1}`: "", kongConsumer: "kong"} {
		if got, _ := set.Detect([]byte(in)); got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
}

func TestExplanationsSayWhereFieldsCameFrom(t *testing.T) {
	set := custom(t, billingMapping)
	for _, tt := range []struct {
		name, format, in string
		want             map[string]string
		derived          []string
	}{
		{"a mapping knows", "billing", billingRecord, map[string]string{"time": "ts", "operation": `app + ":" + action`, "principal": "who.id", "src_ip": "net[0].ip", "latency_us": "took", "status_code": `http\.status`, "outcome": "result"}, []string{"operation", "principal_type"}},
		{"of Kong the values tell", "kong", kongConsumer, map[string]string{"http_method": "request.method", "principal": "consumer.username", "src_ip": "client_ip", "status_code": "response.status"}, []string{"operation", "outcome"}},
		{"a size that happens to be the time taken is not it", "traefik", `{"ClientHost":"172.17.0.1","DownstreamContentSize":357,"DownstreamStatus":200,"Duration":357313,"RequestHost":"a.example.com","RequestMethod":"GET","RequestPath":"/x","StartUTC":"2026-03-01T10:00:00Z","RouterName":"r@file","request_X-Real-Ip":"172.17.0.1"}`, map[string]string{"latency_us": "Duration", "bytes_out": "DownstreamContentSize", "src_ip": "ClientHost"}, nil},
		{"a word within another is no part", "kong", strings.Replace(kongConsumer, "orders.internal", "order", 1), map[string]string{"operation": "service.name + route.paths.0 + route.methods.0"}, []string{"operation"}},
		{"of a line there is one place", "nginx", `203.0.113.9 - alice [01/Mar/2026:10:00:00 +0000] "GET /x HTTP/1.1" 200 17 "-" "curl/8"`, map[string]string{"src_ip": "line", "principal": "line", "bytes_out": "line"}, []string{"outcome"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := readWith(t, set, tt.format, tt.in)
			x := set.Explain(c.events[0])
			from, derived := map[string]string{}, map[string]bool{}
			for _, f := range x.Fields {
				if from[f.Field] == "" {
					from[f.Field], derived[f.Field] = f.From, f.Derived
				}
			}
			for field, want := range tt.want {
				if from[field] != want {
					t.Errorf("%s <- %q, want %q", field, from[field], want)
				}
			}
			for _, field := range tt.derived {
				if !derived[field] {
					t.Errorf("%s is not derived", field)
				}
			}
			if t.Failed() {
				t.Logf("%+v", x)
			}
		})
	}
	x := set.Explain(readWith(t, custom(t, "time: t\nevent: {operation: op}\nattributes: none\n"), "custom", `{"t":1772359200,"op":"x","lost":"y"}`).events[0])
	if len(x.Dropped) != 1 || x.Dropped[0] != (ExplainedField{From: "lost", Value: "y"}) {
		t.Errorf("dropped %+v", x.Dropped)
	}
}

// FuzzCustom reads any record by a mapping that uses all there is, and any text
// as a mapping.
func FuzzCustom(f *testing.F) {
	f.Add([]byte(billingRecord), []byte(billingMapping))
	f.Add([]byte(`{"data":{"events":[1,`+billingRecord+`]}}`), []byte("time: a[0]\nevent: {operation: \"{b}\"}\n"))
	set := custom(f, billingMapping)
	p, err := set.New("billing", Options{Hasher: testHasher, KeepRaw: true})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, in, mapping []byte) {
		h := &fuzzHandler{t: t}
		p.Parse(in, h)
		_, _ = set.Detect(in)
		made, err := Custom("", "m.yaml", mapping)
		if err != nil {
			return
		}
		other, err := NewSet(made)
		if err != nil {
			return
		}
		q, err := other.New(made.Name, Options{Hasher: testHasher, KeepRaw: true})
		if err != nil {
			t.Fatal(err)
		}
		var c collect
		q.Parse(in, &c)
		for _, ev := range c.events {
			_ = other.Explain(ev)
		}
	})
}

// A mapping follows no aliases, so that none can stand for a billion values.
func TestAMappingOfAliasesIsRefused(t *testing.T) {
	text := "a: &a [lol,lol,lol,lol,lol,lol,lol,lol,lol,lol]\n"
	for i := range 9 {
		text += fmt.Sprintf("b%d: &b%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(map[bool]string{true: "*a,", false: fmt.Sprintf("*b%d,", i-1)}[i == 0], 10), ","))
	}
	for _, mapping := range []string{text + "secrets: *b8\n", "time: &t {path: a}\nevent: *t\n", "event: &e {operation: *e}\n"} {
		if _, err := Custom("x", "m.yaml", []byte(mapping)); err == nil {
			t.Errorf("taken: %s", mapping)
		}
	}
}
