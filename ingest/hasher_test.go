package ingest

import (
	"fmt"
	"slices"
	"testing"
)

func TestFormerHashes(t *testing.T) {
	before, middle := NewHasher([]byte("first")), NewHasher([]byte("second"), []byte("first"))
	now := NewHasher([]byte("third"), []byte("second"), []byte("first"))

	h := now.Hash("key-1")
	want := []string{middle.Hash("key-1"), before.Hash("key-1")}
	if got := now.Former(h); !slices.Equal(got, want) {
		t.Errorf("the hashes under the keys before, oldest last: got %v, want %v", got, want)
	}
	if got := before.Former(before.Hash("key-1")); got != nil {
		t.Errorf("with one key there is nothing before, got %v", got)
	}
	for _, unknown := range []string{"", "hmac:00", before.Hash("key-1")} {
		if got := now.Former(unknown); got != nil {
			t.Errorf("%q was not hashed under this key, got %v", unknown, got)
		}
	}
	// What was hashed is known for at least a generation, and what comes again
	// stays known; memory does not grow beyond two.
	for i := range 3 * formerGeneration {
		now.Hash(fmt.Sprint("other-", i))
		if i%(formerGeneration/2) == 0 {
			now.Hash("key-1")
		}
	}
	if got := now.Former(h); !slices.Equal(got, want) {
		t.Errorf("after many others: got %v, want %v", got, want)
	}
	last := now.Hash(fmt.Sprint("other-", 3*formerGeneration-formerGeneration/2))
	if now.Former(last) == nil {
		t.Error("a secret of the last generation is forgotten")
	}
	if n := len(now.former.young) + len(now.former.old); n > 2*formerGeneration {
		t.Errorf("%d secrets remembered", n)
	}
}
