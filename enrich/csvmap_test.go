package enrich

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const cmdbMap = `columns:
  Name: name
  Owner Mail: owner
  Stage: environment
  Also Known As: aliases
  Key Id: credential.ref
  Key Made: credential.issued
  Cost Centre: labels.cost_centre
id: "aws:{Account}:user/{Name}"
constants:
  kind: service_account
  labels.source: cmdb
  credential.type: access_key
  credential.rotate_every: 90d
separators: {aliases: "|"}
times: ["02.01.2006 15:04", unix]
values: {environment: {PRD: production}}
`

func cmdb(t *testing.T) *CSVMap {
	t.Helper()
	m, err := ParseCSVMap("map.yaml", []byte(cmdbMap))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestCSVMapReadsForeignHeaders(t *testing.T) {
	const file = "Account,Name,Owner Mail,Stage,Also Known As,Key Id,Key Made,Cost Centre,Hosts,Comment\n" +
		"402857193846,backup,bob@example.com,PRD,kong:consumer/b | nginx:user/b,AKIAIOSFODNN7EXAMPLE,31.12.2025 23:59,7,2,ignored\n" +
		"402857193846,report,,staging,,,,,,\n" +
		"402857193846,sync,,,,AKIAI44QH8DHBEXAMPLE,1767225600,,,\n"
	m, err := ParseCSVMap("map.yaml", []byte(strings.Replace(cmdbMap, "  Name: name\n", "  Name: name\n  Hosts: allowed.workloads\n", 1)))
	if err != nil {
		t.Fatal(err)
	}
	inv, err := parseInventory("cmdb.csv", []byte(file), m)
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(inv.Identities)
	if err != nil {
		t.Fatal(err)
	}
	const want = `[{"id":"aws:402857193846:user/backup","kind":"service_account","name":"backup","owner":"bob@example.com","environment":"production",` +
		`"aliases":["kong:consumer/b","nginx:user/b"],"allowed":{"workloads":2},"credentials":[{"ref":"AKIAIOSFODNN7EXAMPLE","type":"access_key","issued":"2025-12-31T23:59:00Z","rotate_every":"90d"}],` +
		`"labels":{"cost_centre":"7","source":"cmdb"}},` +
		`{"id":"aws:402857193846:user/report","kind":"service_account","name":"report","environment":"staging","labels":{"source":"cmdb"}},` +
		`{"id":"aws:402857193846:user/sync","kind":"service_account","name":"sync","credentials":[{"ref":"AKIAI44QH8DHBEXAMPLE","type":"access_key","issued":"2026-01-01T00:00:00Z","rotate_every":"90d"}],"labels":{"source":"cmdb"}}]`
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestCSVMapErrors(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"an unknown key of the map", "columns: {A: id}\ncolumn: {}\n", `map.yaml:2: unknown key "column" in a CSV map (accepted: columns, id, constants,`},
		{"a header mapped to an unknown key", "columns:\n  A: id\n  B: ower\n", `map.yaml:3: columns: unknown key "ower" (accepted: id, kind, name, owner,`},
		{"a constant of an unknown key", "columns: {A: id}\nconstants:\n  labels.: x\n", `map.yaml:3: constants: unknown key "labels."`},
		{"a constant that no identity may have", "columns: {A: id}\nconstants: {kind: robot}\n", `map.yaml:2: kind: unknown value "robot" (accepted: service_account,`},
		{"two columns for one key", "columns:\n  A: id\n  B: name\n  C: name\n", `map.yaml:4: columns: key "name" is given twice, first in line 3`},
		{"a column and a constant for one key", "columns: {A: id, B: name}\nconstants: {name: x}\n", `map.yaml:2: constants: key "name" is given twice`},
		{"a header that stands twice", "columns:\n  A: id\n  A: name\n", `map.yaml:3: columns: "A" stands twice, first in line 2`},
		{"no id", "columns: {A: name}\n", `map.yaml:1: no column and no template gives the id`},
		{"an open template", "id: \"aws:{Account\"\n", `map.yaml:1: id: "aws:{Account": want headers in braces`},
		{"a template without a header", "id: aws:x\n", `every row would have the same id`},
		{"a separator of no list", "columns: {A: id}\nseparators: {owner: \",\"}\n", `map.yaml:2: separators: unknown key "owner" (accepted: aliases, dependants)`},
		{"a layout without a year", "columns: {A: id}\ntimes: [\"02/01 15:04\"]\n", `map.yaml:2: times: "02/01 15:04": want Go's reference time`},
		{"a layout of another kind", "columns: {A: id}\ntimes: [YYYY-MM-DD]\n", `map.yaml:2: times: "YYYY-MM-DD": want Go's reference time`},
		{"a translation into nothing of ours", "columns: {A: id}\nvalues: {environment: {P: prod}}\n", `map.yaml:2: environment: unknown value "prod"`},
		{"an empty file", "# nothing\n", "map.yaml:1: the file is empty"},
		{"text that is no YAML", "columns: [\n", "map.yaml:1: not valid YAML"},
		{"two documents", "columns: {A: id}\n---\ncolumns: {A: name}\n", "map.yaml:2: a second YAML document; a CSV map is one"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParseCSVMap("map.yaml", []byte(c.text))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestMappedCSVErrors(t *testing.T) {
	const header = "Account,Name,Owner Mail,Stage,Also Known As,Key Id,Key Made,Cost Centre\n"
	for _, c := range []struct{ name, text, want string }{
		{"a header that the map names and the file lacks", "Account,Name\n", `cmdb.csv:1: column "Also Known As", which map.yaml:5 maps, is not there`},
		{"a mapped header that stands twice", "Name," + header, `cmdb.csv:1: column "Name" stands twice`},
		{"a value without a translation", header + "1,a,,TEST,,,,\n", `cmdb.csv:2: environment: unknown value "TEST"`},
		{"a time of no layout", header + "1,a,,,,K,12/31/2025,\n", `cmdb.csv:2: credential.issued: time "12/31/2025": want one of 02.01.2006 15:04; unix, or RFC 3339`},
		{"a part of the id is missing", header + ",a,,,,,,\n", `cmdb.csv:2: id: an identity needs one`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := parseInventory("cmdb.csv", []byte(c.text), cmdb(t))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestImportCSVLeavesOutWhatIsWrong(t *testing.T) {
	const file = "id,kind,aliases\na:1,workload,x:1\na:2,robot,x:2\na:3\na:4,,x:1\na:1,,\n\"a:5\"x,,\na:2,human,x:2\n"
	got := ImportCSV("i.csv", []byte(file), nil)
	var ids []string
	for _, it := range got.Identities {
		ids = append(ids, it.ID+" "+it.Kind)
	}
	if strings.Join(ids, ", ") != "a:1 workload, a:2 human" || got.Records != 7 || got.Broken != 5 {
		t.Errorf("got %v of %d, %d left out", ids, got.Records, got.Broken)
	}
	for _, want := range []string{
		`i.csv:3: kind: unknown value "robot"`, "i.csv:4: 1 values, the header has 3", `i.csv:5: id: "x:1" is declared twice, first in line 2`,
		`i.csv:6: id: "a:1" is declared twice, first in line 2`, "i.csv:7: not valid CSV",
	} {
		if got.Err == nil || !strings.Contains(got.Err.Error(), want) {
			t.Errorf("got  %v\nwant %s", got.Err, want)
		}
	}
}

func TestWatchFollowsTheCSVMap(t *testing.T) {
	dir := t.TempDir()
	file := InventoryFile{Path: filepath.Join(dir, "cmdb.csv"), CSVMap: filepath.Join(dir, "map.yaml")}
	must(t, os.WriteFile(file.Path, []byte("Id,First,Second\nkong:consumer/a,alice,bob\n"), 0o600))
	must(t, os.WriteFile(file.CSVMap, []byte("columns: {Id: id, First: owner}\n"), 0o600))
	w := watchFile(t, file)
	w.owner(t, "alice")
	must(t, os.WriteFile(file.CSVMap, []byte("columns: {Id: id, Second: owner}\n"), 0o600))
	w.owner(t, "bob")
	must(t, os.WriteFile(file.CSVMap, []byte("columns: {Id: id, Third: owner}\n"), 0o600))
	w.fails(t, `column "Third", which `+file.CSVMap+`:1 maps, is not there`)
	must(t, os.WriteFile(file.CSVMap, []byte("columns: {Id: id, First: owner}\n"), 0o600))
	w.owner(t, "alice")
}

// FuzzImportCSV: nothing panics, and every row is imported or counted as broken.
func FuzzImportCSV(f *testing.F) {
	f.Add([]byte("columns: {A: id}\n"), []byte("A\nx:1\n"))
	f.Add([]byte(cmdbMap), []byte("Account,Name,Owner Mail,Stage,Also Known As,Key Id,Key Made,Cost Centre\n1,a,,PRD,b|c,K,1767225600,\n"))
	f.Fuzz(func(t *testing.T, mapping, data []byte) {
		m, err := ParseCSVMap("map.yaml", mapping)
		if err != nil {
			if !strings.Contains(err.Error(), "map.yaml") {
				t.Fatalf("an error without its file: %v", err)
			}
			m = nil
		}
		got := ImportCSV("i.csv", data, m)
		if got.Records != got.Broken+len(got.Identities) || (got.Broken > 0 && got.Err == nil) {
			t.Fatalf("%d records, %d broken, %d imported, %v", got.Records, got.Broken, len(got.Identities), got.Err)
		}
		for i := range got.Identities {
			if err := CheckIdentity(&got.Identities[i]); err != nil {
				t.Fatal(err)
			}
		}
	})
}
