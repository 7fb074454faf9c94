package enrich

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/lapwing-sec/lapwing/schemas"
)

func TestLoadInventoryReadsEveryKey(t *testing.T) {
	inv, err := LoadInventory("testdata/inventory.yaml")
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.MarshalIndent(inv, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/inventory.golden.json"
	if os.Getenv("UPDATE_GOLDEN") != "" {
		if err := os.WriteFile(golden, append(got, '\n'), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)+"\n"); diff != "" {
		t.Errorf("the parsed inventory differs (-want +got):\n%s", diff)
	}
}

func TestInventoryErrors(t *testing.T) {
	for _, c := range []struct {
		name, text string
		want       []string
	}{
		{"an unknown key names line and accepted keys", "identities:\n  - id: a:b\n    ower: x\n", []string{`inventory.yaml:3: unknown key "ower" in an identity (accepted: id, kind, name, owner,`}},
		{"a tab", "identities:\n  - id: a:b\n\tteam: x\n", []string{"inventory.yaml:3: not valid YAML: the line is indented with a tab: YAML wants spaces"}},
		{"an unknown key at the top", "identitys: []\n", []string{`inventory.yaml:1: unknown key "identitys" in the inventory (accepted: identities, policies, networks, targets, watch)`}},
		{"an unknown key in a policy", "identities:\n  - id: a:b\n    allowed:\n      country: [US]\n", []string{`inventory.yaml:4: unknown key "country" in allowed (accepted: operations, countries,`}},
		{"an unknown kind names the accepted ones", "identities:\n  - id: a:b\n    kind: robot\n", []string{`inventory.yaml:3: kind: unknown value "robot" (accepted: service_account, api_key,`}},
		{"a key that stands twice", "identities:\n  - id: a:b\n    team: x\n    team: y\n", []string{`inventory.yaml:4: key "team" stands twice in an identity, first in line 3`}},
		{"several errors come together", "identities:\n  - id: a:b\n    kind: robot\n  - name: x\n", []string{"inventory.yaml:3: kind", "inventory.yaml:4: id: an identity needs one"}},
		{"an id that two identities have names both lines", "identities:\n  - id: a:b\n  - id: c:d\n  - id: a:b\n", []string{`inventory.yaml:4: id: "a:b" is declared twice, first in line 2`}},
		{"an id that stands twice beside another error", "identities:\n  - id: a:b\n  - id: c:d\n    ower: x\n  - id: a:b\n", []string{`inventory.yaml:4: unknown key "ower"`, `inventory.yaml:5: id: "a:b" is declared twice, first in line 2`}},
		{"an alias that is another's id", "identities:\n  - id: a:b\n  - id: c:d\n    aliases:\n      - x:y\n      - a:b\n", []string{`inventory.yaml:6: alias: "a:b" is declared twice, first in line 2`}},
		{"an ARN is the same claim as its canonical id", "identities:\n  - id: aws:123456789012:role/r\n  - id: arn:aws:iam::123456789012:role/path/r\n", []string{`inventory.yaml:3: id:`, "first in line 2"}},
		{"a credential of two identities", "identities:\n  - id: a:b\n    credentials: [{ref: k}]\n  - id: c:d\n    credentials:\n      - {ref: k}\n", []string{`inventory.yaml:6: ref: "k" is declared twice, first in line 3`}},
		{"a credential without a reference", "identities: [{id: a:b, credentials: [{type: jwt}]}]\n", []string{"inventory.yaml:1: ref: a credential needs one"}},
		{"a bad prefix", "networks:\n  - cidr: 203.0.113.0/33\n", []string{`inventory.yaml:2: cidr: "203.0.113.0/33"`}},
		{"a prefix that stands twice", "networks:\n  - cidr: 203.0.113.0/24\n  - cidr: 203.0.113.7/24\n", []string{`inventory.yaml:3: cidr: "203.0.113.0/24" is declared twice, first in line 2`}},
		{"a bad network class", "networks: [{cidr: 10.0.0.0/8, class: home}]\n", []string{"class: unknown value \"home\" (accepted: shared_egress, workload, office, vendor)"}},
		{"a bad AS number", "identities: [{id: a:b, allowed: {networks: [\"asn:x\"]}}]\n", []string{`networks: "asn:x": want a number`}},
		{"a bad country", "identities: [{id: a:b, allowed: {countries: [Germany]}}]\n", []string{`countries: "Germany": want an ISO 3166 code`}},
		{"a bad environment in a policy", "identities: [{id: a:b, allowed: {environments: [prod]}}]\n", []string{`environments: unknown value "prod" (accepted: production, staging, development, sandbox)`}},
		{"a bad duration", "identities: [{id: a:b, credentials: [{ref: k, rotate_every: 3 months}]}]\n", []string{`rotate_every: duration "3 months": want a value such as 90d`}},
		{"a bad time", "identities: [{id: a:b, offboarded: yesterday}]\n", []string{`offboarded: time "yesterday": want RFC 3339`}},
		{"a bad window", "identities: [{id: a:b, allowed: {schedule: {windows: [\"Mon-Fri 25:00-05:00\"]}}}]\n", []string{`windows: window "Mon-Fri 25:00-05:00": hours not understood; want such as`}},
		{"a bad time zone", "identities: [{id: a:b, allowed: {schedule: {timezone: Mars, windows: [\"01:00-02:00\"]}}}]\n", []string{`timezone: time zone "Mars": want a name such as`}},
		{"a bad rate", "identities: [{id: a:b, allowed: {rate: {per_minute: -1, burst: 1.5}}}]\n", []string{`per_minute: "-1": want a number`, `burst: "1.5": want a whole number`}},
		{"a limit of nothing", "identities: [{id: a:b, allowed: {spend: {per_day: 0, tokens_per_day: 0}}}]\n", []string{`per_day: "0" would be no limit: leave it out for none`, `tokens_per_day: "0" would be no limit: leave it out for none`}},
		{"a credential for no machine", "identities: [{id: a:b, allowed: {workloads: 0}}]\n", []string{`workloads: "0" would be no limit: leave it out for none`}},
		{"a bad number of machines", "identities: [{id: a:b, allowed: {workloads: some}}]\n", []string{`workloads: "some": want a whole number of machines from 1 to 1,000,000`}},
		{"a bad limit of spending", "identities: [{id: a:b, allowed: {spend: {per_day: -1, tokens_per_day: 1.5}}}]\n", []string{`per_day: "-1": want US dollars`, `tokens_per_day: "1.5": want a whole number`}},
		{"an exception without an end", "identities: [{id: a:b, exceptions: [{detector: call-rate}]}]\n", []string{"an exception needs detector and until"}},
		{"a target without an environment", "targets: [{account: \"1\"}]\n", []string{"a target needs environment and one of account and host, or resource and owner"}},
		{"a resource without an owner", "targets: [{resource: secret/x}]\n", []string{"a target needs environment and one of account and host, or resource and owner"}},
		{"an owner of a host", "targets: [{host: x, environment: production, owner: shop}]\n", []string{"a target needs environment and one of account and host, or resource and owner"}},
		{"too many resources with *", "targets:\n" + strings.Repeat("- {resource: \"x*\", owner: shop}\n", MaxOwnedPatterns+1), []string{"more than 1000 resources with *"}},
		{"a runbook that is no address", "identities: [{id: a:b, runbook: wiki/x}]\n", []string{`runbook: "wiki/x": want an http or https address`}},
		{"a list where a value belongs", "identities: [{id: [a]}]\n", []string{"id: want one value, found a list or a mapping"}},
		{"a value where a list belongs", "identities: 5\n", []string{"inventory.yaml:1: identities: want a list"}},
		{"text that is not YAML names its line", "identities:\n  - id: \"open\n  - id: b\n", []string{"inventory.yaml:", "not valid YAML"}},
		{"two documents", "identities: []\n---\nidentities: []\n", []string{"a second YAML document"}},
		{"text after JSON's last bracket", "{\"identities\": []}\nidentities: [{id: b}]\n", []string{"inventory.yaml:", "not valid YAML"}},
		{"two JSON documents", "{\"identities\": []}{\"identities\": []}", []string{"inventory.yaml:1", "not valid YAML"}},
		{"an empty file is a mistake, not an empty inventory", " \n\n", []string{"the file is empty"}},
		{"only a comment is empty too", "# nothing\n", []string{"the file is empty"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParseInventory("inventory.yaml", []byte(c.text))
			if err == nil {
				t.Fatal("accepted")
			}
			for _, w := range c.want {
				if !strings.Contains(err.Error(), w) {
					t.Errorf("got  %v\nwant %s", err, w)
				}
			}
		})
	}
}

func TestInventoryAccepts(t *testing.T) {
	for _, c := range []struct{ name, file, text, want string }{
		{"empty values state nothing", "i.yaml", "identities: [{id: a:b, kind: \"\", owner: , allowed: , labels: {}}]", `{"identities":[{"id":"a:b"}]}`},
		{"empty lists state nothing", "i.yaml", "identities: [{id: a:b, allowed: {operations: []}, aliases: []}]", `{"identities":[{"id":"a:b"}]}`},
		{"an inventory that declares nothing", "i.yaml", "identities: []", `{}`},
		{"one value is a list of one", "i.yaml", "identities: [{id: a:b, aliases: c:d}]", `{"identities":[{"id":"a:b","aliases":["c:d"]}]}`},
		{"JSON is YAML", "i.json", `{"identities":[{"id":"a:b","team":"x"}]}`, `{"identities":[{"id":"a:b","team":"x"}]}`},
		{"an anchor is used again", "i.yaml", "identities:\n  - id: a:b\n    allowed: &eu {countries: [DE]}\n  - id: c:d\n    allowed: *eu\n",
			`{"identities":[{"id":"a:b","allowed":{"countries":["DE"]}},{"id":"c:d","allowed":{"countries":["DE"]}}]}`},
		{"words that YAML 1.1 took for truth values are text", "i.yaml", "identities: [{id: a:b, owner: no, team: 42}]", `{"identities":[{"id":"a:b","owner":"no","team":"42"}]}`},
		{"Windows line ends and a byte order mark", "i.yaml", "\ufeffidentities:\r\n  - id: a:b\r\n    team: x\r\n", `{"identities":[{"id":"a:b","team":"x"}]}`},
		{"CSV has the scalar keys as columns", "i.csv", "id,team,aliases,offboarded\na:b,x,c:d; e:f,2026-01-02\n\"a:c\",\"y, z\",,\n",
			`{"identities":[{"id":"a:b","team":"x","aliases":["c:d","e:f"],"offboarded":"2026-01-02T00:00:00Z"},{"id":"a:c","team":"y, z"}]}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			inv, err := ParseInventory(c.file, []byte(c.text))
			if err != nil {
				t.Fatal(err)
			}
			got, err := json.Marshal(inv)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestCSVErrors(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"a table of something else", "user,arn,a,b,c,d,e\n", `i.csv:1: unknown column "user", "arn", "a", "b", "c", 2 more (accepted: id, kind,`},
		{"an unknown column", "id,ower\n", `i.csv:1: unknown column "ower" (accepted: id, kind,`},
		{"no id column", "team\nx\n", `i.csv:1: column "id" is missing`},
		{"a bad value names its line", "id,kind\na:b,\nc:d,robot\n", `i.csv:3: kind: unknown value "robot"`},
		{"a row without an id", "id,kind\n,human\n", "i.csv:2: id: an identity needs one"},
		{"bytes that are no text", "id,kind\n\xd6,\n", "i.csv:2: not UTF-8 text"},
		{"a row of another width", "id,kind\na:b\n", "i.csv:2: not valid CSV: wrong number of fields"},
		{"an id that stands twice", "id\na:b\na:b\n", `i.csv:3: id: "a:b" is declared twice, first in line 2`},
		{"an alias that stands twice", "id,aliases\na:b,x:y\nc:d,x:y\n", `i.csv:3: alias: "x:y" is declared twice, first in line 2`},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := ParseInventory("i.csv", []byte(c.text))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestInventoryBounds(t *testing.T) {
	many := "identities: [{id: a:b, aliases: [" + strings.Repeat("x:y, ", MaxListEntries+1) + "]}]"
	if _, err := ParseInventory("i.yaml", []byte(many)); err == nil || !strings.Contains(err.Error(), "too many entries") {
		t.Errorf("a long list: %v", err)
	}
	if _, err := ParseInventory("i.yaml", []byte("identities: [{id: "+strings.Repeat("x", MaxTextBytes+1)+"}]")); err == nil || !strings.Contains(err.Error(), "at most 4096") {
		t.Errorf("a long value: %v", err)
	}
	if _, err := ParseInventory("i.yaml", []byte("identities:\n"+strings.Repeat("  - kind: robot\n", 100))); err == nil || !strings.Contains(err.Error(), "and 150 more errors") {
		t.Errorf("many errors: %v", err)
	}
	// An anchor that is used again and again can't multiply without end.
	bomb := "identities:\n  - id: x:0\n    aliases: &a [" + strings.TrimSuffix(strings.Repeat("q:q, ", 9000), ", ") + "]\n" + strings.Repeat("  - {id: x:1, aliases: *a}\n", 3000)
	if _, err := ParseInventory("i.yaml", []byte(bomb)); err == nil {
		t.Error("a bomb of anchors was accepted")
	}
	dir := t.TempDir()
	if _, err := LoadInventory(dir); err == nil || !strings.Contains(err.Error(), "is a directory") {
		t.Errorf("a directory: %v", err)
	}
	if _, err := LoadInventory(filepath.Join(dir, "none.yaml")); err == nil || !strings.Contains(err.Error(), "none.yaml") {
		t.Errorf("a missing file: %v", err)
	}
}

// FuzzParseInventory: nothing panics, and what is accepted is understood alike
// once it was written again, as YAML and as JSON.
func FuzzParseInventory(f *testing.F) {
	good, err := os.ReadFile("testdata/inventory.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(false, good)
	f.Add(false, []byte("identities: [{id: a:b, allowed: {schedule: {windows: [\"Sat 22:00-02:00\"]}}}]"))
	f.Add(false, []byte("identities:\n- id: a\n  allowed: &x {countries: de}\n- {id: b, allowed: *x}\n"))
	f.Add(true, []byte("id,team,aliases\na,b,c;d\n"))
	f.Fuzz(func(t *testing.T, isCSV bool, data []byte) {
		name := "i.yaml"
		if isCSV {
			name = "i.csv"
		}
		first, err := ParseInventory(name, data)
		if err != nil {
			if !strings.Contains(err.Error(), name) {
				t.Fatalf("the error does not name the file: %v", err)
			}
			return
		}
		asYAML, err := yaml.Marshal(first)
		if err != nil {
			t.Fatal(err)
		}
		asJSON, err := json.Marshal(first)
		if err != nil {
			t.Fatal(err)
		}
		for form, text := range map[string][]byte{"YAML": asYAML, "JSON": asJSON} {
			again, err := ParseInventory("again.yaml", text)
			if err != nil {
				t.Fatalf("%s written from an accepted inventory is refused: %v\n%s", form, err, text)
			}
			if diff := cmp.Diff(normal(t, first), normal(t, again)); diff != "" {
				t.Fatalf("%s is understood otherwise:\n%s", form, diff)
			}
		}
		// A compiled index answers for every identity that was accepted.
		ix := buildIndex(nil, first)
		for i := range first.Identities {
			if _, ok := ix.byName[first.Identities[i].ID]; !ok {
				t.Fatalf("%q is not found", first.Identities[i].ID)
			}
		}
	})
}

// samplePieces are notations that the reader by pieces must read as the YAML
// library does, or leave to it.
var samplePieces = []string{
	"identities:\n  - id: a:b\n    team: x # why\n    aliases: [c:d, \"e: f\", 'g']\n\n  # between\n  - id: h:i\n",
	"identities:\n- id: a:b\n  allowed:\n    operations:\n    - GET /x\n    - \"s3:*\"\n    rate: {per_minute: 5, burst: 2}\n- id: c:d\nnetworks:\n- cidr: 10.0.0.0/8\n",
	"identities:\n  - {id: a:b, labels: {x: \"1\", y: z}}\n  -\n    id: c:d\n  - id: e:f\n    name: |\n      - id: not an entry\n",
	"identities:\n  - id: a:b\n    name: one\n      two\n  - id: \"c\n  - d\"\n",
	"identities:\n  - id: a:b\n    allowed: &x {countries: [DE]}\n  - id: c:d\n    allowed: *x\n",
	"networks: [{cidr: 10.0.0.0/8},\n{cidr: 11.0.0.0/8}]\nidentities:\n  - id: a:b\n    kinds: x\n",
	"identities:\n  - id: a:b\n    credentials:\n      - ref: k\n        issued: 2026-01-10T00:00:00Z\n      - {ref: l, rotate_every: 90d}\n    exceptions:\n      - detector: x\n        until: 2026-01-10\n",
	"identities:\n  - id: a:b\n   team: x\n", "identities:\n  - id: a:b\n      team: x\n", "identities:\n - id: a:b\n  - id: c:d\n", "identities:\n  - - id: a\n",
	"identities:\n  - id: ~\n    team: null\n    owner: ''\n", "identities:\n  - id: a#b\n    team: x#y\n    owner: a: b\n", "identities:\n  - id: a\n    id: b\n",
	"targets:\n- {host: x, environment: production}\n...\n", "identities:\nnetworks:\n", "identities: # none\n", "# only\n", "identities:\r\n  - id: a:b\r\n",
	"identities:\n  - id: a\n    aliases:\n  - id: b\n", "identities:\n  - id: a\n    aliases: [a, [b]]\n", "identities:\n  - id: a\n    aliases: [x - y, -z]\n",
	"identities:\n  - id: a\n    labels: {x: y: z}\n", "identities:\n  - id: a\n    labels:\n      x: y\n      42: z\n", "identities:\n  - id: a\n    name: 'x''y'\n    team: \"\\u0041\"\n",
	"identities:\n#0\x91", "networks:0:", "identities:\n  # a\u2028  - id: b\n", "identities:\n  - id: a\r    team: b\n",
}

// Read by pieces, an inventory is the same as read whole: the same content, or
// the same errors in the same lines.
func checkPieces(t *testing.T, data []byte) {
	t.Helper()
	pieces, whole := newDecoder("i.yaml"), newDecoder("i.yaml")
	ok := pieces.pieces(data)
	// A file that is read a few bytes at a time is the same again.
	for _, block := range []int{1, 7, 64} {
		d := newDecoder("i.yaml")
		p := pieceReader{d: d, line: 1, stream: true, block: block, src: bytes.NewReader(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")))}
		if p.run() != ok {
			t.Fatalf("by %d bytes: %v, at once %v\n%q", block, !ok, ok, data)
		}
		if ok {
			if diff := cmp.Diff(errorText(pieces.problems.err()), errorText(d.problems.err())); diff != "" {
				t.Fatalf("errors by %d bytes differ:\n%s\n%q", block, diff, data)
			}
			if diff := cmp.Diff(normal(t, &pieces.inv), normal(t, &d.inv)); diff != "" {
				t.Fatalf("content by %d bytes differs:\n%s\n%q", block, diff, data)
			}
		}
	}
	if !ok {
		return
	}
	whole.whole(data)
	if err := whole.problems.err(); err != nil || pieces.problems.err() != nil {
		if diff := cmp.Diff(errorText(err), errorText(pieces.problems.err())); diff != "" {
			t.Fatalf("errors differ (-whole +pieces):\n%s\n%q", diff, data)
		}
		return
	}
	if diff := cmp.Diff(normal(t, &whole.inv), normal(t, &pieces.inv)); diff != "" {
		t.Fatalf("content differs (-whole +pieces):\n%s\n%q", diff, data)
	}
	if !slices.Equal(whole.idLines, pieces.idLines) || !slices.Equal(whole.aliasLines, pieces.aliasLines) || !slices.Equal(whole.credLines, pieces.credLines) {
		t.Fatalf("lines differ: %v %v, %v %v\n%q", whole.idLines, pieces.idLines, whole.aliasLines, pieces.aliasLines, data)
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestPiecesEqualTheWhole(t *testing.T) {
	for _, s := range samplePieces {
		checkPieces(t, []byte(s))
	}
	if !newDecoder("i.yaml").pieces([]byte(samplePieces[0])) {
		t.Error("an ordinary inventory is read by pieces")
	}
}

func FuzzPieces(f *testing.F) {
	for _, s := range samplePieces {
		f.Add([]byte(s))
	}
	f.Fuzz(checkPieces)
}

func normal(t *testing.T, inv *schemas.Inventory) string {
	t.Helper()
	b, err := json.Marshal(inv)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestALargeFileIsReadPieceByPiece(t *testing.T) {
	path := filepath.Join(t.TempDir(), "large.yaml")
	data := bigInventory(180_000, false)
	if len(data) <= largestWhole {
		t.Fatalf("%d bytes are not large", len(data))
	}
	must(t, os.WriteFile(path, data, 0o600))
	inv, err := LoadInventory(path)
	if err != nil {
		t.Fatal(err)
	}
	if last := inv.Identities[len(inv.Identities)-1]; len(inv.Identities) != 180_000 || cap(inv.Identities) > 180_001 || last.Name != "Service 179999" {
		t.Errorf("%d identities in room for %d, the last one %q", len(inv.Identities), cap(inv.Identities), last.Name)
	}
	must(t, os.WriteFile(path, append(data, "  - id: x:1\n    knd: y\n  - id: aws:100000000007:role/service-7\n"...), 0o600))
	_, err = LoadInventory(path)
	if err == nil || !strings.Contains(err.Error(), `large.yaml:1260003: unknown key "knd"`) {
		t.Errorf("a problem is named with its line: %v", err)
	}
	must(t, os.WriteFile(path, append(data, "  - id: x:1\r    team: y\n"...), 0o600))
	_, err = LoadInventory(path)
	if err == nil || !strings.Contains(err.Error(), "needs \"identities:\" at the top level") {
		t.Errorf("what can't be read by pieces: %v", err)
	}
}

func TestEqualPoliciesAreCompiledOnce(t *testing.T) {
	inv := mustParse(t, `identities:
  - {id: a:1, allowed: {operations: [x, y], schedule: {windows: ["Mon-Fri 01:00-05:00"]}}}
  - {id: a:2, allowed: {operations: [x, y], schedule: {windows: ["Mon-Fri 01:00-05:00"]}}}
  - {id: a:3, allowed: {operations: [x], regions: [y], schedule: {windows: ["Mon-Fri 01:00-05:00"]}}}
  - {id: a:4, allowed: {operations: [xy], rate: {per_minute: 1}}}
  - {id: a:5, allowed: {operations: [xy], rate: {per_minute: 2}}}
`)
	ix := buildIndex(nil, inv)
	if ix.entries[0].pol != ix.entries[1].pol {
		t.Error("the same policy is compiled twice")
	}
	for i := 2; i < 5; i++ {
		for j := range i {
			if ix.entries[i].pol == ix.entries[j].pol {
				t.Errorf("a:%d and a:%d state different policies", i+1, j+1)
			}
		}
	}
}
