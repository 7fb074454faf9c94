package ingest

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestRecordsReadAlikeBehindOthers: what the cache of keys has seen before
// changes nothing of what is read or hidden.
func TestRecordsReadAlikeBehindOthers(t *testing.T) {
	keys := []string{"password", "key", "token", "X-Api-Key", "name", "value", "Values", "data", "tokens", "eventName", "\u00e4\"b", "", canaryJWT, "code=" + canary + "0123", "arguments"}
	rapid.Check(t, func(t *rapid.T) {
		used := document{known: keyCache{on: true, asked: contents}}
		for range rapid.IntRange(1, 20).Draw(t, "records") {
			r := redactor{hash: testHasher, guess: rapid.Bool().Draw(t, "guess")}
			var member func(depth int) string
			member = func(depth int) string {
				key := quoteJSON(rapid.OneOf(rapid.SampledFrom(keys), rapid.StringN(1, 20, 60)).Draw(t, "key"))
				colon := rapid.SampledFrom([]string{":", ":", " : ", ":\n"}).Draw(t, "colon")
				switch k := rapid.IntRange(0, 5).Draw(t, "kind"); {
				case k == 0 && depth < 4:
					return key + colon + "{" + member(depth+1) + "," + member(depth+1) + "}"
				case k == 1:
					return key + colon + `["password","` + canary + `",12345678]`
				case k == 2:
					return key + colon + "42"
				default:
					return key + colon + quoteJSON(rapid.SampledFrom([]string{"a", "password", "token=" + canary, canaryJWT, "203.0.113.9", "0123456789abcdef0"}).Draw(t, "value"))
				}
			}
			in := "{" + member(0) + "," + member(0) + "}"
			fresh := document{}
			if err := fresh.parse(in); err != nil {
				t.Fatal(in, err)
			}
			if err := used.parse(in); err != nil {
				t.Fatal(in, err)
			}
			r.document(&fresh, mcpSecret)
			r.document(&used, mcpSecret)
			if got, want := used.source(0), fresh.source(0); got != want {
				t.Fatalf("got  %s\nwant %s", got, want)
			}
			for i := range fresh.nodes {
				if got, want := used.nodes[i].asRead(), fresh.nodes[i].asRead(); got != want {
					t.Fatalf("node %d of %s: got %+v, want %+v", i, in, got, want)
				}
			}
		}
		for _, k := range used.known.slots {
			if k != nil && (k.key == canaryJWT || strings.Contains(k.key, canary)) {
				t.Fatal("a secret is kept")
			}
		}
	})
}

func TestAKeyCacheIsBounded(t *testing.T) {
	c := keyCache{on: true}
	for i := range 10 * maxCrowded {
		c.begin()
		c.look("name" + index(i))
	}
	if len(c.slots) != cachedKeys || c.crowded > maxCrowded+1 {
		t.Errorf("%d slots, %d crowded", len(c.slots), c.crowded)
	}
	used := 0
	for _, k := range c.slots {
		if k != nil {
			used++
		}
	}
	if used == 0 {
		t.Error("nothing is kept once it is full")
	}
}

// asRead is a node without what only the cache of keys says of it.
func (n *node) asRead() node {
	read := *n
	read.slot, read.level, read.is, read.keyStart, read.keyEnd, read.same = 0, 0, 0, 0, 0, false
	return read
}
