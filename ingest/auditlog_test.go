package ingest

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lapwing-sec/lapwing/schemas"
)

// TestAFieldOfAnotherTypeLosesNoRecord puts values of every other type in the
// place of each value of each sample: each must still become an event or a
// refusal, with all that a Parser promises.
func TestAFieldOfAnotherTypeLosesNoRecord(t *testing.T) {
	others := []string{`null`, `true`, `-1`, `"x"`, `""`, `[]`, `{}`, `["x",{"a":1}]`, `{"a":{"b":["x"]}}`}
	for _, s := range samples() {
		var d document
		if !strings.HasPrefix(s.in, "{") || d.parse(s.in) != nil {
			continue
		}
		p, err := New(s.format, Options{Hasher: testHasher, KeepRaw: true})
		if err != nil {
			t.Fatal(err)
		}
		for n := 1; n < len(d.nodes); n++ {
			for _, other := range others {
				in := s.in[:d.nodes[n].start] + other + s.in[d.nodes[n].end:]
				h := &fuzzHandler{t: t}
				p.Parse([]byte(in), h)
				// A list in the place of an envelope's may be empty, and a span or
				// log record that lost its attributes is no call.
				if h.next == 0 && other != `[]` && s.format != "otlp" {
					t.Errorf("%s, %s: %s for %q: neither event nor refusal", s.format, s.name, other, d.nodes[n].key)
				}
				_, _ = standard.Detect([]byte(in))
				if t.Failed() {
					t.Fatalf("%s, %s: with %s for %q: %s", s.format, s.name, other, d.nodes[n].key, in)
				}
			}
		}
	}
}

func TestListsAreReadWhole(t *testing.T) {
	for _, tt := range []struct {
		name, list string
		want       []string
		rest       map[string]string
	}{
		{"scalars are taken", `["a","b"]`, []string{"a", "b"}, nil},
		{"one scalar stands for a list", `"a"`, []string{"a"}, nil},
		{"what is no scalar is left as an attribute", `["a",{"x":"y"}]`, []string{"a"}, map[string]string{"list.1.x": "y"}},
		{"so is an object in the list's place", `{"x":"y"}`, nil, map[string]string{"list.x": "y"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := new(record)
			r.ev = &schemas.Event{}
			if err := r.doc.parse(`{"list":` + tt.list + `}`); err != nil {
				t.Fatal(err)
			}
			got := r.list(r.get("list"))
			r.rest()
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("list (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.rest, r.ev.Attributes); diff != "" {
				t.Errorf("attributes (-want +got):\n%s", diff)
			}
		})
	}
}
