package ingest

import (
	"testing"

	"pgregory.net/rapid"
)

func TestCachedKeysAreJudgedAsAnyOther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var c keyCache
		rs := [2]redactor{{hash: testHasher}, {hash: testHasher, guess: true}}
		for range rapid.IntRange(1, 100).Draw(t, "n") {
			r := &rs[rapid.IntRange(0, 1).Draw(t, "guess")]
			key := rapid.OneOf(rapid.SampledFrom([]string{"password", "key", "token", "X-Api-Key", "name", "eventName", canaryJWT, "code=" + canary + "0123"}), rapid.StringN(1, 20, 60)).Draw(t, "key")
			level, hidden := r.key(key)
			for range 2 {
				if l, k := c.look(r, key); l != level || k != hidden {
					t.Fatalf("%q: %d %q, want %d %q", key, l, k, level, hidden)
				}
			}
		}
		for _, slot := range c.slots {
			if slot.key == canaryJWT {
				t.Fatal("a secret is kept")
			}
		}
	})
}

func TestAKeyCacheIsBounded(t *testing.T) {
	var c keyCache
	r := redactor{hash: testHasher}
	for i := range 10 * maxCrowded {
		c.look(&r, "name"+index(i))
	}
	if len(c.slots) != cachedKeys || c.crowded > maxCrowded {
		t.Errorf("%d slots, %d crowded", len(c.slots), c.crowded)
	}
}
