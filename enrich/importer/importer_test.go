package importer

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lapwing-sec/lapwing/enrich"
	"github.com/lapwing-sec/lapwing/schemas"
)

// testHash stands for the hash of the parsers: recognisable, and not the secret.
func testHash(secret string) string { return fmt.Sprintf("hmac:%d-bytes", len(secret)) }

// options that a kind's golden files need.
func options(k Kind) Options {
	o := Options{Hash: testHash}
	if k.NeedsCluster {
		o.Cluster = "prod-eu"
	}
	return o
}

// only gives the one file of a kind's folder with that name before the dot.
func only(t testing.TB, kind, name string) string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join("testdata", kind, name+".*"))
	if err != nil || len(found) != 1 {
		t.Fatalf("%s: want one file %s.*, found %v (%v)", kind, name, found, err)
	}
	return found[0]
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// golden compares with a file; UPDATE_GOLDEN=1 writes it.
func golden(t *testing.T, path, got string) {
	t.Helper()
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(read(t, path)), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func TestGoldenExports(t *testing.T) {
	for _, k := range Kinds() {
		t.Run(k.Name+": an export becomes an inventory", func(t *testing.T) {
			path := only(t, k.Name, "export")
			res, err := Read(k.Name, filepath.Base(path), read(t, path), options(k))
			if err != nil || res.Err() != nil {
				t.Fatal(err, res.Err())
			}
			golden(t, filepath.Join("testdata", k.Name, "inventory.yaml"), written(t, res.Identities))
		})
		t.Run(k.Name+": what is broken is named and the rest is imported", func(t *testing.T) {
			path := only(t, k.Name, "broken")
			res, err := Read(k.Name, filepath.Base(path), read(t, path), options(k))
			if err != nil {
				t.Fatal(err)
			}
			if res.Broken == 0 || len(res.Identities) == 0 {
				t.Errorf("%d broken, %d imported: the file should have both", res.Broken, len(res.Identities))
			}
			var b strings.Builder
			for _, p := range res.Problems {
				fmt.Fprintln(&b, p)
			}
			fmt.Fprintf(&b, "%d of %d records left out\n", res.Broken, res.Records)
			golden(t, filepath.Join("testdata", k.Name, "errors.txt"), b.String())
		})
	}
}

// written gives identities as the file that LoadInventory reads, having read it.
func written(t testing.TB, ids []schemas.Identity) string {
	t.Helper()
	var b bytes.Buffer
	if err := enrich.WriteInventory(&b, &schemas.Inventory{Identities: ids}); err != nil {
		t.Fatal(err)
	}
	again, err := enrich.ParseInventory("inventory.yaml", b.Bytes())
	if err != nil {
		t.Fatalf("the inventory is no inventory: %v\n%s", err, b.String())
	}
	if diff := cmp.Diff(ids, again.Identities); diff != "" {
		t.Fatalf("the file states something else (-imported +file):\n%s", diff)
	}
	return b.String()
}

func TestReadRefuses(t *testing.T) {
	for _, c := range []struct {
		name, kind, data string
		o                Options
		want             string
	}{
		{"an unknown kind", "ldap", "", Options{}, `unknown kind "ldap": want aws-credential-report, kubernetes,`},
		{"service accounts of no named cluster", "kubernetes", "{}", Options{}, "give --cluster NAME"},
		{"a cluster that is no name", "kubernetes", "{}", Options{Cluster: "a\nb"}, "control character"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Read(c.kind, "f", []byte(c.data), c.o)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestFilesThatAreNoExports(t *testing.T) {
	for _, c := range []struct{ name, kind, data, want string }{
		{"an empty file says how to make one", "spiffe", "", "f: no record in it; it is made with: spire-server entry show -output json"},
		{"another document", "spiffe", `{"a":1}`, "f:1: want a list of records, or an object with entries; found an object"},
		{"text", "okta-apps", "apps", "f:1: not valid JSON"},
		{"a torn file", "okta-apps", "[\n{\"id\":", "f:2: not valid JSON: the file ends in the middle of a value"},
		{"another table", "aws-credential-report", "a,b\n1,2\n", `f:1: not a credential report: column "user" is missing`},
		{"YAML that is none", "kong", "consumers:\n  - username: \"a\n", "not valid YAML"},
		{"bytes that are no text", "github-apps", "[\"\n\xff\"]", "f:2: not UTF-8 text"},
		{"nested without end", "okta-apps", strings.Repeat("[", 100_000), "nested deeper than 64"},
	} {
		t.Run(c.name, func(t *testing.T) {
			res, err := Read(c.kind, "f", []byte(c.data), Options{})
			if err != nil {
				t.Fatal(err)
			}
			if len(res.Identities) > 0 || res.Err() == nil || !strings.Contains(res.Err().Error(), c.want) {
				t.Errorf("got  %v\nwant %s", res.Err(), c.want)
			}
		})
	}
}

func TestKongSecretsAreHashedOrRefused(t *testing.T) {
	const file = "consumers:\n- username: a\n  keyauth_credentials:\n  - key: s3cret-key-of-a-partner\n"
	res, err := Read("kong", "f", []byte(file), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if res.Err() == nil || !strings.Contains(res.Err().Error(), "f:4: consumers[0].keyauth_credentials[0].key: holds a secret, and there is no key to hash it with") {
		t.Errorf("without a hash: %v", res.Err())
	}
	if strings.Contains(fmt.Sprint(res), "s3cret") {
		t.Error("the secret is shown")
	}
	res, err = Read("kong", "f", []byte(file), Options{Hash: testHash, Cluster: "edge-2"})
	if err != nil || res.Err() != nil {
		t.Fatal(err, res.Err())
	}
	if got := res.Identities[0]; got.ID != "kong:edge-2/consumer/a" || got.Credentials[0].Ref != "hmac:23-bytes" {
		t.Errorf("got %+v", got)
	}
}

func TestVaultRoleIsNamedByItsFile(t *testing.T) {
	const role = `{"request_id":"x","data":{"bind_secret_id":true}}`
	for _, c := range []struct{ name, file, data, mount, want string }{
		{"the file's name, at the usual mount", "roles/ci.json", role, "", "vault:role/approle/ci"},
		{"another mount", "ci.json", role, "auth/team-a/approle/", "vault:role/team-a/approle/ci"},
		{"a list of names", "list.json", `["ci"]`, "approle", "vault:role/approle/ci"},
	} {
		t.Run(c.name, func(t *testing.T) {
			res, err := Read("vault-roles", c.file, []byte(c.data), Options{Mount: c.mount})
			if err != nil || res.Err() != nil {
				t.Fatal(err, res.Err())
			}
			if got := res.Identities[0].ID; got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestInstallationsOfOneAppAreOneIdentity(t *testing.T) {
	const active, gone = `{"id":1,"app_id":7,"account":{"login":"a"}}`, `{"id":2,"app_id":7,"account":{"login":"b"},"suspended_at":"2026-02-01T00:00:00Z"}`
	for name, data := range map[string]string{
		"suspended in the second": "[" + active + "," + gone + "]",
		"suspended in the first":  "[" + gone + "]\n[" + active + "]",
	} {
		res, err := Read("github-apps", "f", []byte(data), Options{})
		if err != nil || res.Err() != nil || len(res.Identities) != 1 || res.Records != 2 {
			t.Fatal(name, err, res)
		}
		if it := res.Identities[0]; !it.OffboardedAt.IsZero() || it.Labels["installation_1"] != "a" || it.Labels["installation_2"] != "b" {
			t.Errorf("%s: %+v", name, it)
		}
	}
}

// FuzzRead: nothing panics, every record is imported or named, what is
// imported is an inventory that its own file states, and no secret of Kong's
// comes out in it.
func FuzzRead(f *testing.F) {
	for i, k := range Kinds() {
		for _, name := range []string{"export", "broken"} {
			f.Add(i, read(f, only(f, k.Name, name)))
		}
	}
	f.Add(5, []byte(`["a","b"]`))
	f.Add(7, []byte("consumers: &a\n- &b {username: x, tags: [a: b]}\n- *b\n"))
	f.Fuzz(func(t *testing.T, kind int, data []byte) {
		if kind < 0 || kind >= len(Kinds()) {
			return
		}
		k := Kinds()[kind]
		res, err := Read(k.Name, "f", data, options(k))
		if err != nil {
			t.Fatal(err)
		}
		if res.Records < res.Broken || (res.Broken > 0) && len(res.Problems) == 0 {
			t.Fatalf("%d records, %d broken, %d problems", res.Records, res.Broken, len(res.Problems))
		}
		if good := res.Records - res.Broken; len(res.Identities) > good || (good > 0 && len(res.Identities) == 0) {
			t.Fatalf("%d records, %d broken, %d identities", res.Records, res.Broken, len(res.Identities))
		}
		if res.Records == 0 && len(res.Problems) == 0 {
			t.Fatal("nothing was read and nothing said")
		}
		for _, p := range res.Problems {
			if !strings.HasPrefix(p.Error(), "f:") {
				t.Fatalf("a problem without its file: %v", p)
			}
		}
		for _, it := range res.Identities {
			if err := enrich.CheckIdentity(&it); err != nil {
				t.Fatalf("%s: %v", it.ID, err)
			}
		}
		written(t, res.Identities)
	})
}
