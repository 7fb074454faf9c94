package ingest

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
)

// good is a line of text, which has the brackets and quotes of a usual one.
const good = `203.0.113.9 - svc [20/Nov/2026:08:20:00 +0000] "GET /x HTTP/1.1" 200 1 "-" "-"`

func TestABrokenLineSpoilsItselfAlone(t *testing.T) {
	a, b, spaced := `{"a":1}`, `{"b":2}`, `{ "t": 1 }`
	pretty := "{\n  \"a\": [\n    {\n      \"b\": \"]}\"\n    },\n    -1.5e3, true\n  ],\n  \"c\": {}\n}"
	flat := "{\n\"a\":\n[\n{ \"b\": 1 },\n{ \"b\": 2 }\n]\n}"
	broken := "{\n  \"a\": 1,\n  \"b\": \"torn,\n  \"c\": oops oops,\n}"
	trail := "{\n  \"Records\": [\n    {\n      \"a\": 1\n    },\n    {\n      \"a\": 2\n    }\n  ],\n  \"next\": null\n}"
	one, two := "{\n      \"a\": 1\n    }", "{\n      \"a\": 2\n    }"
	for _, tt := range []struct {
		name, format, in string
		want             []string
	}{
		{"a text line that begins with a brace", "nginx", good + "\n{ - svc-web [20/Nov/2026:08:20:00 +0000] \"GET /x HTTP/1.1\" 200 1\n" + good + "\n" + good, []string{good, `{ - svc-web [20/Nov/2026:08:20:00 +0000] "GET /x HTTP/1.1" 200 1`, good, good}},
		{"a text line that closes its brace", "nginx", "{x} " + good + "\n" + good, []string{"{x} " + good, good}},
		{"a text line that begins with a bracket and a brace", "nginx", "[{ - svc\n" + good + "\n" + good, []string{"[{ - svc", good, good}},
		{"a brace alone", "nginx", "{\n" + good + "\n" + good, []string{"{", good, good}},
		{"a bracket and a brace alone", "nginx", "[{\n" + good + "\n" + good, []string{"{", good, good}},
		{"a key without a value", "nginx", "{\"a\":\n" + good + "\n" + good, []string{`{"a":`, good, good}},
		{"a key without a value before lines that begin with a bracket", "nginx", "{\"a\":\n[" + good + "\n[" + good, []string{`{"a":`, "[" + good, "[" + good}},
		{"a key without a value before lines that begin with a quote", "nginx", "{\"a\":\n\"x\" " + good + "\n" + good, []string{`{"a":`, `"x" ` + good, good}},
		{"a key without a value before documents", "nginx", "{\"a\":\n" + spaced + "\n" + spaced, []string{`{"a":`, spaced, spaced}},
		{"a string without an end", "nginx", "{\"a\":\"x\n" + good + "\n" + spaced + "\n" + good, []string{`{"a":"x`, good, spaced, good}},
		{"a string that ends in a backslash", "nginx", "{\"a\":\"x\\\n" + good + "\n" + good, []string{`{"a":"x\`, good, good}},
		{"an array that is torn in an element", "nginx", "[{\"a\":\n" + good + "\n" + good, []string{`{"a":`, good, good}},
		{"an array that is torn behind an element", "nginx", "[" + a + "\n" + good + "\n" + good, []string{a, good, good}},
		{"an array that is torn before lines of documents and text", "nginx", "[{\"a\":\n" + b + "\n" + good + "\n" + b, []string{"{\"a\":", b, good, b}},
		{"records that are torn", "auto", "{\"Records\":[{\"a\"\n" + good + "\n" + good, []string{`{"a"`, good, good}},
		{"an object that is torn behind its records", "nginx", "{\"Records\":[" + a + "],\n" + good + "\n" + good, []string{a, good, good}},
		{"every line a brace", "nginx", "{\n{\n{ \n" + good, []string{"{", "{", "{", good}},
		{"torn documents of one a line", "kong", a + "\n{\"x\":{\n{\"x\":1,\n" + b + "\n", []string{a, `{"x":{`, `{"x":1,`, b}},
		{"a torn element of one a line", "kong", "[\n{\"a\": \"x},\n" + b + ",\n" + a + "\n]\n" + b, []string{`{"a": "x},`, b, a, b}},
		{"a torn element of one a line in a mixed format", "nginx", "[\n{\"a\": \"x},\n" + b + ",\n" + a + "\n]\n" + good, []string{`{"a": "x},`, b, a, good}},
		{"indented documents", "nginx", pretty + "\n" + pretty + pretty + "\n" + good, []string{pretty, pretty, pretty, good}},
		{"documents over lines without indent", "kong", flat + "\n" + flat, []string{flat, flat}},
		{"a broken document over several lines is one record", "nginx", broken + "\n" + pretty + "\n" + good, []string{broken, pretty, good}},
		{"indented records", "cloudtrail", trail + "\n" + trail, []string{one, two, one, two}},
		{"indented records and lines", "nginx", trail + "\n" + good, []string{one, two, good}},
		{"NUL bytes before a file", "nginx", strings.Repeat("\x00", 200_000) + good + "\n" + good, []string{good, good}},
		{"NUL bytes before a line", "nginx", good + "\n\x00\x00" + good + "\n" + good, []string{good, good, good}},
		{"a NUL byte in a line", "nginx", "o\x00e\n" + good, []string{"o\x00e", good}},
		{"NUL bytes alone", "nginx", strings.Repeat("\x00", 5000), nil},
		{"NUL bytes before packed lines", "nginx", packed("\x00\x00" + good), []string{good}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for how, in := range map[string]io.Reader{"at once": strings.NewReader(tt.in), "byte by byte": iotest.OneByteReader(strings.NewReader(tt.in))} {
				r := standard.NewReader(in, tt.format)
				if tt.format == AutoFormat {
					r = NewCutter(in, true)
				}
				got, err := drain(r)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("%s (-want +got):\n%s", how, diff)
				}
			}
			if strings.Contains(tt.in, "\x00") {
				return
			}
			f, err := standard.find(map[bool]string{true: "nginx", false: tt.format}[tt.format == AutoFormat])
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			cut([]byte(tt.in), f.cutting(), func(sub []byte) { got = append(got, string(sub)) })
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("as one body (-want +got):\n%s", diff)
			}
		})
	}
}

func TestABrokenLineCostsNoMoreThanItself(t *testing.T) {
	for name, line := range map[string]string{
		"text":                "{ - svc\n",
		"a brace":             "{\n",
		"an array":            "[{\n",
		"a key":               "{\"a\":\n",
		"a key and a blank":   "{ \"a\":\n",
		"an indented key":     " { \"a\":\n",
		"a nested array":      "{ \"a\":[\n",
		"a string":            "{\"a\n",
		"records":             "{\"Records\":[{\n",
		"records that end":    "{\"Records\":[{}],\n",
		"an indented opening": "{\n [\n",
	} {
		t.Run(name, func(t *testing.T) {
			in := strings.Repeat(line, 100_000)
			r := NewCutter(strings.NewReader(in), true)
			for {
				_, _, err := r.Next()
				var bad *RecordError
				if err != nil && !errors.As(err, &bad) {
					break
				}
			}
			if r.looked > 3*len(in) {
				t.Errorf("looked at %d bytes of %d", r.looked, len(in))
			}
		})
	}
}

func TestAnOverlongBlockEndsAtTheNextLine(t *testing.T) {
	r := standard.NewReader(strings.NewReader("{\"a\":\""+strings.Repeat("x", 200)+"\n"+good+"\n"+good), "nginx")
	r.Limit(100)
	got, err := drain(r)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"!record 1: longer than the limit of 100 bytes", good, good}, got); diff != "" {
		t.Error(diff)
	}
}

// FuzzReaderBroken puts anything before two lines: they must come out whole, at a
// cost that grows with the input only.
func FuzzReaderBroken(f *testing.F) {
	for _, s := range samples() {
		f.Add([]byte(s.in))
	}
	for _, s := range []string{"{ - x", "[{", `{"a":`, `{"a":"\`, `{"Records":[{}]`, "{\n \"a\": [\n", "[{},\n{}", "\x00{\x00"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		all := string(in) + "\n" + good + "\n" + good
		r := NewCutter(strings.NewReader(all), true)
		got, err := drain(r)
		if err != nil {
			t.Skip("not a text")
		}
		if n := len(got); n < 2 || !strings.HasSuffix(got[n-1], good) || !strings.HasSuffix(got[n-2], good) {
			t.Errorf("%q swallows lines behind it: %q", in, got)
		}
		if r.looked > 3*len(all) {
			t.Errorf("looked at %d bytes of %d", r.looked, len(all))
		}
	})
}
