package ingest

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

type fatal interface {
	Helper()
	Fatalf(format string, args ...any)
}

// readAlike reads a text with a document that has read others before and with a
// new one, which must find the same.
func readAlike(t fatal, used *document, in string) {
	t.Helper()
	foundAlike(t, used, in, used.parse(in))
}

// foundAlike says that a document, whose error is got, found what a new one does.
func foundAlike(t fatal, used *document, in string, got error) {
	t.Helper()
	fresh := document{}
	want := fresh.parse(in)
	if (want == nil) != (got == nil) || want != nil && want.Error() != got.Error() {
		t.Fatalf("%s: got %v, want %v", in, got, want)
	}
	if len(used.nodes) != len(fresh.nodes) || used.pos != fresh.pos {
		t.Fatalf("%s: %d nodes up to byte %d, want %d up to %d", in, len(used.nodes), used.pos, len(fresh.nodes), fresh.pos)
	}
	for i := range fresh.nodes {
		if got, want := used.nodes[i].asRead(), fresh.nodes[i].asRead(); got != want {
			t.Fatalf("node %d of %s: got %+v, want %+v", i, in, got, want)
		}
	}
	for i := range used.nodes {
		// What a key means, the cache and the gap before it must agree on.
		if n := &used.nodes[i]; n.slot != 0 {
			if k := used.known.slots[n.slot-1]; k.key != n.key || k.level != n.level || k.is != n.is&^isSuspect {
				t.Fatalf("node %d of %s: %+v of key %+v", i, in, *n, *k)
			}
		}
	}
}

// anyJSON draws JSON of few keys, so that its parts come again in other places.
func anyJSON(t *rapid.T) string {
	var b strings.Builder
	space := rapid.SampledFrom([]string{"", "", "", " ", "\n  "})
	var value func(depth int)
	value = func(depth int) {
		switch k := rapid.IntRange(0, 9).Draw(t, "kind"); {
		case k < 2 && depth < 5:
			b.WriteByte('{')
			for i := range rapid.IntRange(0, 3).Draw(t, "members") {
				if i > 0 {
					b.WriteByte(',')
				}
				b.WriteString(space.Draw(t, "space") + rapid.SampledFrom([]string{`"a"`, `"b"`, `"ab"`, `"eventName"`, `"requestParameters"`, `"password"`, `"\u0061"`, `""`}).Draw(t, "key"))
				b.WriteString(space.Draw(t, "space") + ":" + space.Draw(t, "space"))
				value(depth + 1)
			}
			b.WriteString(space.Draw(t, "space") + "}")
		case k < 4 && depth < 5:
			b.WriteByte('[')
			for i := range rapid.IntRange(0, 3).Draw(t, "elements") {
				if i > 0 {
					b.WriteString("," + space.Draw(t, "space"))
				}
				value(depth + 1)
			}
			b.WriteString(space.Draw(t, "space") + "]")
		default:
			b.WriteString(rapid.SampledFrom([]string{`"a"`, `""`, `"a\nb"`, `"x%20y"`, `","`, `":"`, `"}"`, "0", "17", "-1.5e3", "2.50", "1E2", "true", "false", "null"}).Draw(t, "scalar"))
		}
	}
	b.WriteString(space.Draw(t, "space"))
	value(0)
	b.WriteString(space.Draw(t, "space"))
	return b.String()
}

// TestTextsReadAlikeBehindOthers: shapes that are known, and those that are nearly
// known, change nothing of what is read, of faults either.
func TestTextsReadAlikeBehindOthers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		used := document{known: keyCache{on: true}}
		for range rapid.IntRange(1, 12).Draw(t, "records") {
			in := anyJSON(t)
			if rapid.Bool().Draw(t, "object") {
				in = `{"a":` + in + `,"b":` + in + `}`
			}
			readAlike(t, &used, in)
			readAlike(t, &used, in)
			readAlike(t, &used, strings.NewReplacer("0", `"0"`, "17", rapid.SampledFrom([]string{"8", "123456789012345678901234567890", "1.", "1e", "01", "1x", "0.5", "-17"}).Draw(t, "number"), `"a\nb"`, "null", "true", `"a"`, `"x%20y"`, `""`).Replace(in))
			if cut := rapid.IntRange(0, len(in)).Draw(t, "cut"); rapid.Bool().Draw(t, "to cut") {
				readAlike(t, &used, in[:cut])
				readAlike(t, &used, in[:cut]+rapid.SampledFrom([]string{"}", "]", ",", `"`, "x", ":"}).Draw(t, "fault")+in[cut:])
			}
		}
	})
}

func TestRecordsOfNearlyOneShapeReadAlike(t *testing.T) {
	for _, texts := range [][]string{
		{`["a","b"]`, `{"a":"x","b":"y"}`, `["a","b":"y"]`, `["a","b"]`},
		{`{"a":null,"b":1}`, `{"a":{"b":1}}`, `{"a":null,"b":1}`, `{"a":{"b":1}}`},
		{`{"a":{},"b":[]}`, `{"a":{},"b":[]}`, `{"a":{}}`, `{"a":{},"b":[],"b":[]}`},
		{`[{"a":1},{"a":1}]`, `{"b":{"a":1},{"a":1}}`, `{"b":{"a":1},"a":1}`},
		{`{"a":{"a":1},"a":1}`, `[{"a":1},"a":1]`, `{"a":{"a":1}}`, `[{"a":1}]`, `{"a":[1}}`},
		{`{}`, `{} `, `{}x`, `[]`, `{`, ``},
		{`1`, `1`, `"a"`, ` 1 `},
		{strings.Repeat(`{"a":`, maxDepth) + "1" + strings.Repeat("}", maxDepth), strings.Repeat(`{"a":`, maxDepth+1) + "1" + strings.Repeat("}", maxDepth+1)},
		{"[" + strings.Repeat("1,", 70000) + "1]", "[" + strings.Repeat("1,", 70000) + "1]"},
	} {
		used := document{known: keyCache{on: true}}
		for range 2 {
			for _, in := range texts {
				readAlike(t, &used, in)
			}
		}
	}
}

// TestShapesAreFew: whatever comes, a bounded number is kept, and those stay that
// come again.
func TestShapesAreFew(t *testing.T) {
	d := document{known: keyCache{on: true}}
	usual := `{"a":1,"b":{"a":"x"}}`
	read := func(in string) {
		if err := d.parse(in); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 2000 {
		read(`{"a":1` + strings.Repeat(" ", i%97) + `,` + strings.Repeat(" ", i/97) + `"b":2}`)
		read(usual)
	}
	if read(usual); len(d.shapes.all) != maxShapes || !d.shaped {
		t.Errorf("%d shapes are kept, the usual one %t", len(d.shapes.all), d.shaped)
	}
	for _, in := range []string{`{"a":"` + strings.Repeat("x", maxShapeBytes) + `","b":{"a":"x"}}`, `[1]`, "[" + usual + "]", `{"":1}`, `{"a":[` + strings.Repeat("1,", maxShapeNodes) + `1]}`} {
		d = document{known: keyCache{on: true}}
		for range 2 {
			if read(in); d.shaped {
				t.Errorf("the shape of %.40s is kept", in)
			}
		}
	}
}

// TestARecordReadsAlikeBehindOthersOfItsShape puts other scalars into records of
// every format, secrets among them, and reads each with a parser that knows the
// shape and with a new one.
func TestARecordReadsAlikeBehindOthersOfItsShape(t *testing.T) {
	scalars := []string{`"a"`, `""`, `"203.0.113.9"`, `"password"`, `"X-Api-Key"`, `"action"`, `"` + canary + `"`, `"token=` + canary + `"`, `"` + canaryJWT + `"`, `"Bearer ` + canary + `"`,
		`"https://u:` + canary + `@example.com/"`, `"` + testHasher.Hash("a") + `"`, `"a\nb"`, `"%70assword=x` + canary + `"`, `"0123456789abcdef0123456789abcdef01234567"`, "12345678", "true", "null", `{"a":1}`, `["password","` + canary + `"]`, `"x`}
	for _, f := range Formats() {
		var records []string
		for _, s := range samples() {
			if s.format == f.Name && s.in[0] == '{' {
				records = append(records, s.in)
			}
		}
		if len(records) == 0 {
			continue
		}
		// Several in one document, each of which has a place of its own.
		records = append(records, `{"Records":[`+strings.Join(records[:min(len(records), 3)], ",")+`]}`, `{"items":[`+records[0]+","+strings.Replace(records[0], "{", `{"a":1,`, 1)+`]}`)
		t.Run(f.Name, func(t *testing.T) {
			used, err := New(f.Name, Options{Hasher: testHasher, KeepRaw: true})
			if err != nil {
				t.Fatal(err)
			}
			rapid.Check(t, func(t *rapid.T) {
				in := rapid.SampledFrom(records).Draw(t, "record")
				for range 4 {
					d := document{}
					if err := d.parse(in); err != nil {
						break // of the last one
					}
					n := d.nodes[rapid.IntRange(0, len(d.nodes)-1).Draw(t, "node")]
					if n.kind != kindObject && n.kind != kindArray {
						in = in[:n.start] + rapid.SampledFrom(scalars).Draw(t, "scalar") + in[n.end:]
					}
					fresh, err := New(f.Name, Options{Hasher: testHasher, KeepRaw: true})
					if err != nil {
						t.Fatal(err)
					}
					var want collect
					fresh.Parse([]byte(in), &want)
					for range 2 {
						var got collect
						used.Parse([]byte(in), &got)
						if !sameFound(got, want) {
							t.Fatalf("%s: got %v %q, want %v %q", in, got.events, got.bad, want.events, want.bad)
						}
					}
				}
			})
		})
	}
}
