package ingest

import (
	"strings"
	"testing"
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
				_, _ = Detect([]byte(in))
				if t.Failed() {
					t.Fatalf("%s, %s: with %s for %q: %s", s.format, s.name, other, d.nodes[n].key, in)
				}
			}
		}
	}
}
