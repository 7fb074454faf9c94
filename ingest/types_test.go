package ingest

import "testing"

// TestAnyTypeInAnyPlaceIsNoFault puts a value of another type in the place of
// each value of each sample: a parser must neither panic nor break a promise.
func TestAnyTypeInAnyPlaceIsNoFault(t *testing.T) {
	others := []string{`null`, `-1`, `1e400`, `""`, `"x"`, `[]`, `{}`, `true`, `["a"]`, `[{"name":"a","value":[]}]`, `{"name":1,"id":"a","key":{}}`}
	set := custom(t, billingMapping)
	records := append(samples(), sample{format: "billing", in: billingRecord})
	for _, s := range records {
		p, err := set.New(s.format, Options{Hasher: testHasher, KeepRaw: true})
		if err != nil {
			t.Fatal(err)
		}
		var d document
		if d.parse(s.in) != nil {
			continue // a line of text
		}
		for n := range d.nodes {
			for _, other := range others {
				in := s.in[:d.nodes[n].start] + other + s.in[d.nodes[n].end:]
				h := &fuzzHandler{t: t}
				p.Parse([]byte(in), h)
				if t.Failed() {
					t.Fatalf("%s: %s", s.name, in)
				}
				_, _ = set.Detect([]byte(in))
			}
		}
	}
}
