package ingest

import (
	"slices"
	"sync"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/lapwing-sec/lapwing/schemas"
)

// sameFound reports whether two parsers found the same.
func sameFound(a, b collect) bool {
	return slices.EqualFunc(a.events, b.events, func(a, b *schemas.Event) bool { return proto.Equal(a, b) }) && slices.Equal(a.bad, b.bad)
}

// TestAParserReadsAlikeWhateverItReadBefore: parsers keep keys, names and clean
// texts from record to record, and serve any number of goroutines. Neither shows
// in what they say.
func TestAParserReadsAlikeWhateverItReadBefore(t *testing.T) {
	for _, f := range Formats() {
		t.Run(f.Name, func(t *testing.T) {
			var records []string
			for _, s := range samples() {
				if s.format == f.Name {
					records = append(records, s.in)
				}
			}
			for _, c := range canaries() {
				if c.format == f.Name {
					records = append(records, c.in)
				}
			}
			want := make([]collect, len(records))
			for i, in := range records {
				want[i] = parseAll(t, f.Name, in)
			}
			p, err := New(f.Name, Options{Hasher: testHasher, KeepRaw: true})
			if err != nil {
				t.Fatal(err)
			}
			var all sync.WaitGroup
			for w := range 4 {
				all.Go(func() {
					for i := range 3 * len(records) {
						i = (i*(2*w+1) + w) % len(records)
						var got collect
						p.Parse([]byte(records[i]), &got)
						if !sameFound(got, want[i]) {
							t.Errorf("record %d: got %v %q, want %v %q", i, got.events, got.bad, want[i].events, want[i].bad)
							return
						}
					}
				})
			}
			all.Wait()
		})
	}
}
