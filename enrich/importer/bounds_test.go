package importer

import (
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/lapwing-sec/lapwing/enrich"
)

// laughs is a YAML document of 10^depth texts in a few hundred bytes.
func laughs(depth int) string {
	var b strings.Builder
	b.WriteString("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n")
	for i := 1; i < depth; i++ {
		fmt.Fprintf(&b, "a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", i-1), 10), ","))
	}
	return b.String() + fmt.Sprintf("consumers: *a%d\n", depth-1)
}

func entraSecrets(n int) string {
	var b strings.Builder
	b.WriteString(`[{"appId":"a","passwordCredentials":[`)
	for i := range n {
		fmt.Fprintf(&b, `{"keyId":"k%d"},`, i)
	}
	return strings.TrimSuffix(b.String(), ",") + "]}]"
}

func spiffeEntriesOfOneID(n int) string {
	var b strings.Builder
	b.WriteString(`{"entries":[`)
	for i := range n {
		fmt.Fprintf(&b, `{"id":"e%d","spiffe_id":"spiffe://example.org/a"},`, i)
	}
	return strings.TrimSuffix(b.String(), ",") + "]}"
}

// What a file costs is bounded by its size, and no identity comes out that the
// topic's readers refuse.
func TestHostileFilesAreBounded(t *testing.T) {
	key := strings.Repeat("k", 500_000)
	for _, tt := range []struct {
		name, kind, file, text string
		said                   string
		identities             int
		most                   uint64 // MiB that are allocated
	}{
		{"aliases of aliases", "kong", "kong.yaml", laughs(8), "its aliases (*name) stand for more than 200000 values", 0, 10},
		{
			"a long key above thousands of values", "okta-apps", "apps.json", `{"` + key + `":[` + strings.TrimSuffix(strings.Repeat("0,", 2000), ",") + `]}`,
			"want a list of records", 0, 10,
		},
		{
			"a long key above a value that is wrong", "github-apps", "apps.json", `[{"app_id":1,"app_slug":"x","id":2,"permissions":{"` + key + `":[0]}}]`,
			"[0].permissions." + key[:80] + "…: want a text, found a list", 0, 10,
		},
		{"an application with as many secrets as there may be", "entra-apps", "apps.json", entraSecrets(enrich.MaxListEntries), "", 1, 60},
		{"an application with more", "entra-apps", "apps.json", entraSecrets(20_000), "apps.json:1: [0]: credentials: too many entries, at most 10000 for one identity", 0, 120},
		{
			"entries of one id, more than it may have", "spiffe", "entries.json", spiffeEntriesOfOneID(enrich.MaxListEntries + 2),
			"entries.json:1: entries[10000]: credentials: too many entries, at most 10000 for one identity", 1, 120,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			res, err := Read(tt.kind, tt.file, []byte(tt.text), Options{Cluster: "c"})
			if err != nil {
				t.Fatal(err)
			}
			runtime.ReadMemStats(&after)
			said := ""
			if err := res.Err(); err != nil {
				said = err.Error()
			}
			if !strings.Contains(said, tt.said) || (tt.said == "") != (said == "") {
				t.Errorf("said %.300q, want %q", said, tt.said)
			}
			if len(said) > 4000 {
				t.Errorf("the message has %d bytes", len(said))
			}
			if took := (after.TotalAlloc - before.TotalAlloc) >> 20; took > tt.most {
				t.Errorf("%d MiB were allocated for %d KiB", took, len(tt.text)>>10)
			}
			if len(res.Identities) != tt.identities {
				t.Errorf("%d identities, want %d", len(res.Identities), tt.identities)
			}
			for i := range res.Identities {
				if err := enrich.CheckIdentity(&res.Identities[i]); err != nil {
					t.Error(err)
				}
			}
		})
	}
}
