package enrich

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// laughs is a YAML value of 10^depth texts in a few hundred bytes.
func laughs(depth int) string {
	var b strings.Builder
	b.WriteString("x-0: &a0 [lol,lol,lol,lol,lol,lol,lol,lol,lol,lol]\n")
	for i := 1; i < depth; i++ {
		fmt.Fprintf(&b, "x-%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", i-1), 10), ","))
	}
	return b.String()
}

// A file of a few kilobytes that stands for billions of values is refused, and
// costs no more than a few megabytes.
func TestAliasesDoNotMultiply(t *testing.T) {
	const paths = "openapi: 3.0.0\ninfo: {title: t, version: \"1\"}\nservers: [{url: \"https://api.example.com\"}]\n"
	allowed := "&o {operations: [" + strings.Repeat("x,", 999) + "x]}"
	shared := func(n int) string {
		var b strings.Builder
		b.WriteString("identities:\n  - {id: first, allowed: " + allowed + "}\n")
		for i := range n {
			fmt.Fprintf(&b, "  - {id: i%d, allowed: *o}\n", i)
		}
		return b.String()
	}
	creds := "identities:\n  - id: first\n    credentials: &c [" + strings.Repeat("{ref: a, type: jwt},", 999) + "{ref: a}]\n" + strings.Repeat("  - {id: x, credentials: *c}\n", 20_000)
	openAPI := func(text string) error {
		file := filepath.Join(t.TempDir(), "api.yaml")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := openAPIs([]APIDocument{{File: file}})
		return err
	}
	inventory := func(text string) error { _, err := ParseInventory("i.yaml", []byte(text)); return err }
	for _, tt := range []struct {
		name string
		read func(string) error
		text string
	}{
		{"an OpenAPI document with a billion texts", openAPI, paths + laughs(9) + "x-all: *a8\npaths: {}\n"},
		{"an OpenAPI document with a million in its place", openAPI, paths + laughs(6) + "paths: {/x: {get: {x-y: *a5, responses: {\"200\": {description: ok}}}}}\n"},
		{"an inventory with a billion texts", inventory, laughs(9) + "identities: *a8\n"},
		{"an inventory with labels of a billion", inventory, "identities:\n  - id: x\n    labels: {a: &a0 {lol: lol}, b: *a0}\n" + laughs(9)},
		{"policies shared millions of times", inventory, shared(30_000)},
		{"credentials shared millions of times", inventory, creds},
		{"a long reference repeated within each entry", inventory, "identities:\n" + strings.Repeat("  - {id: x, credentials: [&a {ref: \"é"+strings.Repeat("x", 4000)+"\"}"+strings.Repeat(", *a", 9000)+"]}\n", 16)},
		{"a long alias repeated within each entry", inventory, "identities:\n" + strings.Repeat("  - {id: x, aliases: [&a \"é"+strings.Repeat("x", 4000)+"\""+strings.Repeat(", *a", 9000)+"]}\n", 16)},
		{"an entry with a billion values", inventory, "identities:\n  - id: x\n    labels: {é: é}\n" + strings.ReplaceAll("\n"+strings.TrimSuffix(laughs(9), "\n"), "\n", "\n    ") + "\n"},
		{"entries that are wrong in thousands of ways", inventory, "identities:\n  - {id: é, credentials: [&a {}" + strings.Repeat(", *a", 9000) + "]}\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := tt.read(tt.text)
			runtime.ReadMemStats(&after)
			if err == nil {
				t.Error("taken")
			}
			if took := (after.TotalAlloc - before.TotalAlloc) >> 20; took > 100 {
				t.Errorf("%d MiB were allocated for %d KiB", took, len(tt.text)>>10)
			}
		})
	}
	long := "identities:\n  - id: a:b\n    name: x" + strings.Repeat("\n    # y", maxEntryBytes/8+1) + "\n"
	if err := inventory(long); err == nil || err.Error() != "i.yaml:2: an entry of more than 4 MiB" {
		t.Errorf("a long entry: %v", err)
	}
	large := filepath.Join(t.TempDir(), "large.yaml")
	if err := os.WriteFile(large, []byte(long+strings.Repeat("    # "+strings.Repeat("y", 1017)+"\n", largestWhole>>10)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadInventory(large); err == nil || !strings.Contains(err.Error(), "large.yaml:2: an entry of more than 4 MiB") {
		t.Errorf("a long entry of a large file: %v", err)
	}
	if err := inventory("identities:\n  - &a {id: x, labels: {y: *a}}\n"); err == nil {
		t.Error("what holds itself is taken")
	}
	if err := inventory(shared(1000)); err != nil {
		t.Errorf("a policy that a thousand identities share: %v", err)
	}
}
