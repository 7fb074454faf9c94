package enrich

import (
	"fmt"
	"strings"
	"testing"

	"github.com/cespare/xxhash/v2"

	"github.com/lapwing-sec/lapwing/schemas"
)

// TestACacheKeepsTheTextsOfASet: as many as it has ways stay beside each other,
// one more takes the place of one, and what is given was put under that text.
func TestACacheKeepsTheTextsOfASet(t *testing.T) {
	c := newCache[string](6)
	var keys []string
	for i := 0; len(keys) <= ways; i++ {
		if key := fmt.Sprint("key-", i); xxhash.Sum64String(key)&c.mask == 3 {
			keys = append(keys, key)
		}
	}
	kept := func() (n int) {
		for _, key := range keys {
			if v := c.get(key); v != nil {
				n++
				if *v != "of "+key {
					t.Errorf("%s: got %q", key, *v)
				}
			}
		}
		return n
	}
	for i, key := range keys {
		if c.get(key) != nil {
			t.Errorf("%s is kept before it was put", key)
		}
		c.put(key, "of "+key)
		if got, want := kept(), min(i+1, ways); got != want {
			t.Errorf("after %d texts %d are kept, want %d", i+1, got, want)
		}
	}
	long := strings.Repeat("x", longestCached+1)
	if *c.put(long, "v") != "v" || c.get(long) != nil {
		t.Error("a text that is too long is kept")
	}
}

// TestWhatIsRememberedIsDeclaredAlike: an event says the same whether its caller
// is looked up or remembered, by an alias too, with a policy or without.
func TestWhatIsRememberedIsDeclaredAlike(t *testing.T) {
	inv, err := ParseInventory("i.yaml", []byte(`identities:
  - id: aws:111122223333:role/plain
    kind: workload
    owner: alice@example.com
    environment: staging
    aliases: ["aws:111122223333:role/other-name"]
  - id: aws:111122223333:role/bound
    kind: workload
    dependants: [checkout]
    last_used: 2026-01-02T00:00:00Z
    allowed: {regions: [eu-west-1]}
targets:
  - {account: "444455556666", environment: production}
`))
	must(t, err)
	e := newEnricher(t, "")
	e.SetInventory(SourceFile, inv)
	for _, role := range []string{"plain", "other-name", "bound", "nobody"} {
		var first string
		for round := range 3 {
			ev := &schemas.Event{Format: "cloudtrail", PrincipalType: "AssumedRole", Principal: "arn:aws:sts::111122223333:assumed-role/" + role + "/s", Region: "us-east-1", TargetAccount: "444455556666", Time: at("2026-10-20T02:00:00Z")}
			ev.Dependants = append(ev.Dependants, "of an earlier life")[:0]
			e.Enrich(ev)
			if got := ev.String(); round == 0 {
				first = got
			} else if got != first {
				t.Errorf("%s, round %d: got %s\nwant %s", role, round, got, first)
			}
			if role == "other-name" && ev.IdentityId != "aws:111122223333:role/plain" {
				t.Errorf("an alias stays %s", ev.IdentityId)
			}
			if role == "plain" && len(ev.Declared.Violations) != 1 {
				t.Errorf("staging in production: %v", ev.Declared.Violations)
			}
		}
	}
}
