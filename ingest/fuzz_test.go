package ingest

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/lapwing-sec/lapwing/schemas"
)

// fuzzHandler checks the promises that a Parser makes for any input.
type fuzzHandler struct {
	t    *testing.T
	next int
}

func (f *fuzzHandler) step(index int) {
	if index != f.next {
		f.t.Errorf("sub-record %d came in place of %d", index, f.next)
	}
	f.next++
}

func (f *fuzzHandler) Event(index int, ev *schemas.Event) {
	f.step(index)
	switch {
	case ev.Time == 0 && !strings.Contains(ev.Raw, "1970") && !strings.Contains(ev.Raw, "0"): // a Unix time of 0 is a time
		f.t.Error("an event without a time")
	case ev.Operation == "":
		f.t.Error("an event without an operation")
	case ev.Format == "":
		f.t.Error("an event without a format")
	case ev.Principal == "" && !ev.Anonymous && ev.CredentialId == "":
		f.t.Error("an event by nobody that does not say so")
	case ev.PrincipalType == "":
		f.t.Error("an event whose principal has no type")
	case len(ev.Attributes) > maxAttributes || len(ev.Resources) > maxResources || len(ev.Grantees) > maxGrantees:
		f.t.Error("an event without bounds")
	}
	wire, err := ev.MarshalVT()
	if err != nil {
		f.t.Fatal(err)
	}
	if strings.Contains(string(wire), canary) {
		f.t.Errorf("a canary survived in %v", ev)
	}
	var back schemas.Event
	if err := back.UnmarshalVT(wire); err != nil {
		f.t.Errorf("the event does not come back: %v", err)
	}
}

func (f *fuzzHandler) Bad(index int, _ []byte, err error) {
	f.step(index)
	if err == nil || err.Error() == "" {
		f.t.Error("a refusal without a reason")
	}
}

// fuzzParser feeds any bytes to a parser, and any value as a token in a valid
// record.
func fuzzParser(f *testing.F, format string) {
	for _, s := range samples() {
		if s.format == format {
			f.Add([]byte(s.in))
		}
	}
	for _, c := range canaries() {
		if c.format == format {
			f.Add([]byte(strings.ReplaceAll(c.in, canary, "x")))
		}
	}
	f.Add([]byte(",\n0"))
	p, err := New(format, Options{Hasher: testHasher, KeepRaw: true, MaxRecordBytes: 1 << 20})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		if strings.Contains(string(in), canary) {
			t.Skip("the canary is planted below only")
		}
		h := &fuzzHandler{t: t}
		p.Parse(in, h)
		if want, known := recordsIn(string(in)); known && h.next != want {
			t.Errorf("%d events and refusals for %d records", h.next, want)
		}
	})
}

// recordsIn counts records in a simpler way than the parsers do, where that is
// possible: lines of text, and arrays of scalars.
func recordsIn(in string) (n int, known bool) {
	in = strings.TrimSpace(strings.TrimPrefix(in, string(bom)))
	if in == "" {
		return 1, true
	}
	var list []any
	if json.Unmarshal([]byte(in), &list) == nil {
		for _, e := range list {
			switch v := e.(type) {
			case []any, map[string]any:
				return 0, false
			case string:
				if strings.ContainsAny(v, "{[") {
					return 0, false
				}
			}
		}
		return len(list), true
	}
	if strings.ContainsAny(in, "{[") {
		return 0, false
	}
	for line := range strings.SplitSeq(in, "\n") {
		bare := strings.Trim(line, " \t\r\n,")
		switch {
		case bare == "" && strings.Contains(line, ","):
			return 0, false // commas alone are a bad record, or nothing between two
		case bare != "" && !isDirective([]byte(bare)):
			n++
		}
	}
	return n, true
}

func FuzzCloudTrail(f *testing.F) { fuzzParser(f, "cloudtrail") }
func FuzzKong(f *testing.F)       { fuzzParser(f, "kong") }
func FuzzNGINX(f *testing.F)      { fuzzParser(f, "nginx") }

// FuzzRedaction surrounds a secret parameter with anything that a query may
// hold: whatever stands around it, the canary must go.
func FuzzRedaction(f *testing.F) {
	f.Add("/x?a=1&", "&b=2")
	f.Add("/%3F", "%26c=%20")
	f.Add(`/"?`, `"`)
	p, err := New("nginx", Options{Hasher: testHasher, KeepRaw: true})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, before, after string) {
		// A name character before would make another name of it.
		in := "203.0.113.9 - - [01/Mar/2026:10:00:00 +0000] \"GET /x?" + before + "&access_token=" + canary + "&" + after + " HTTP/1.1\" 200 1 \"-\" \"-\""
		if strings.ContainsAny(before+after, "\n\r") {
			t.Skip("another line")
		}
		p.Parse([]byte(in), &fuzzHandler{t: t})
	})
}

// FuzzLines reads lines with a parser that has read others before, parts of which
// come again, and with a new one: both must find the same.
func FuzzLines(f *testing.F) {
	f.Add("203.0.113.9 - partner-7", "/v1/orders/8412?expand=items", `"https://shop.example.com/cart" "python-requests/2.31.0"`)
	f.Add("203.0.113.9 - mysql -p", "/x?key=aB0aB0aB0aB0aB0aB0", `"-" "-pX1y2z3"`)
	f.Add("203.0.113.9 - password", "/ secret", `"-" "curl -u"`)
	used, err := New("nginx", Options{Hasher: testHasher, KeepRaw: true})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, front, target, tail string) {
		for _, in := range []string{
			front + ` [01/Mar/2026:10:00:00 +0000] "GET ` + target + ` HTTP/1.1" 200 1 ` + tail,
			front + ` [31/Jul/2026:23:59:59 -0730] "GET / HTTP/1.1" 200 1 ` + tail,
			`203.0.113.9 - - [01/Mar/2026:10:00:00 +0000] "GET ` + target + ` HTTP/1.1" 200 1 "-" "-"`,
			front + ` [01/Mar/2026:10:00:00 +0000] "GET ` + target + ` HTTP/1.1" 200 1 "-" "-"`,
		} {
			fresh, err := New("nginx", Options{Hasher: testHasher, KeepRaw: true})
			if err != nil {
				t.Fatal(err)
			}
			var got, want collect
			used.Parse([]byte(in), &got)
			if fresh.Parse([]byte(in), &want); !sameFound(got, want) {
				t.Errorf("%q: got %v %q, want %v %q", in, got.events, got.bad, want.events, want.bad)
			}
		}
	})
}

// FuzzCut holds the file reader and the parser's own cutting together: both
// must end, and neither may lose text that is no separator.
func FuzzReader(f *testing.F) {
	for _, s := range samples() {
		f.Add([]byte(s.in))
	}
	f.Add([]byte("[" + nginxJSON + "," + nginxJSON + "]"))
	f.Add([]byte(`{"Records":[` + trailRole + "]}\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		r := standard.NewReader(strings.NewReader(string(in)), AutoFormat)
		total := 0
		for n := 1; ; n++ {
			rec, number, err := r.Next()
			if err != nil && rec == nil && number < n {
				break
			}
			if number != n {
				t.Fatalf("record %d came in place of %d", number, n)
			}
			if total += len(rec); total > len(in) {
				t.Fatalf("%d bytes of records from %d bytes", total, len(in))
			}
		}
	})
}
