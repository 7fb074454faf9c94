package ingest

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// workOf is how many bytes the searches in a text read beyond their triggers.
func workOf(s string) int {
	r := redactor{hash: noHash, guess: true}
	var m memo
	for i, last := m.next(s, 0), 0; i < len(s); i = m.next(s, i+1) {
		if !m.possible(s, i) {
			continue
		}
		if start, end := r.find(s, i, &m); start >= last && end > start {
			last, i = end, end-1
		}
	}
	return m.work
}

// slow are what texts are made of to make searches long: beginnings that look
// ahead or back, and ends that disappoint them.
func slow() []string {
	return append(spellings(), "k=!", "k=", "token=&", "k%3d!", `"k":"`, `k="`, "k='", `k=\"`, `k=\\\"`, `k=\x22`, "key=+", "sk-", ".eyJa", "://a:!", "basic+a", "--token ", "<token>", "token:", "-----BEGIN PRIVATE KEY", "password ",
		`"tokens":["`, `"password":[`, `"tokens":[*`, ".slack.com/services/", "a/", "***", "\n", "\r\n\r\n", " ", "'", `"`, "''", "x", "9", "\n--", "name=\"password\"\n\n", "form-data; name=\"key\"\n\nx y\n", "form-data; name=\"password\"\na: b\n\n", "name=\"key\"\n\nx y\n", "name=\"password\"\na: b\n", `name="password" `,
		"IDENTIFIED BY ", "IDENTIFIED BY 'x' REPLACE ", "password '", "password for ", "secret 'a b", "PASSWORD('", "<token a>", "<token ", "<token><![CDATA[", "<token><!--", "-->", "]]>", "<", ">", "password: |\n", "password: |\n  ",
		"docker login ", " -p ", "-p", "-px", "mysql -p", "sshpass -p '", "curl -ua", "net use ", "/user:", "net user a ", "vault login -", "//a:", "@", "//", "a@", "[\"-p\",\"", "; ", "| ", "/invite/", "0123456789abcdef", "command=", "command=sshpass&", "command=-p&", "command=-pa", "a+b")
}

// TestSearchesReadATextOnce counts what searches read, not the time they take. A
// search that went on to the end of the text from each of these would read it
// some hundred times; within bounds of its own it comes to a tenth of that.
func TestSearchesReadATextOnce(t *testing.T) {
	check := func(t interface{ Fatalf(string, ...any) }, size int, head, pattern, tail string) {
		s := head + strings.Repeat(pattern, size/len(pattern)) + tail
		if work := workOf(s); work > maxWork/8*len(s) {
			t.Fatalf("%q, %q and %q: %d bytes of text are %d of work", head, pattern, tail, len(s), work)
		}
	}
	for _, head := range slow() {
		for _, pattern := range slow() {
			check(t, 1<<14, head, pattern, "")
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		part := func(name string, least, most int) string {
			return strings.Join(rapid.SliceOfN(rapid.SampledFrom(slow()), least, most).Draw(t, name), "")
		}
		check(t, 1<<17, part("head", 0, 3), part("pattern", 1, 4), part("tail", 0, 2))
	})
}

// TestATextThatIsTooMuchWorkIsHidden: should a search not be bounded after all, a
// text can't keep us busy with it, and nothing is shown for that.
func TestATextThatIsTooMuchWorkIsHidden(t *testing.T) {
	r := redactor{hash: testHasher}
	s := "a=1 b=2 password=" + weak
	m := memo{work: maxWork*len(s) + 1<<16 + 1}
	if start, end := r.search(s, 1, &m); start != 1 || end != len(s) {
		t.Errorf("from %d to %d is hidden", start, end)
	}
}

// TestNamesAreReadOnceEach feeds documents in which one long name is asked for
// again with each of many values: in quadratic time they take hours.
func TestNamesAreReadOnceEach(t *testing.T) {
	long := strings.Repeat("1", 4<<20)
	for name, in := range map[string]string{
		"a list of credentials below a long name": `{"credentials":{"` + strings.Repeat("X", 4<<20) + `":[` + strings.Repeat(`"a",`, maxNodes-10) + `"a"]}}`,
		"many values beside a long name":          `{"name":"` + long + `",` + strings.Repeat(`"value":"x",`, maxNodes-10) + `"a":1}`,
		"many values beside a name with a tail":   `{"name":"password` + long + `",` + strings.Repeat(`"value":"x",`, maxNodes-10) + `"a":1}`,
		"many arguments behind long ones":         `{"args":["` + long + `","mysql",` + strings.Repeat(`"-pa",`, maxNodes-10) + `"a"]}`,
	} {
		t.Run(name, func(t *testing.T) {
			if got := Redact(testHasher, []byte(in)); got == "" {
				t.Error("nothing is left")
			}
		})
	}
	parseOne(t, "otlp", `{"resourceSpans":[{"scopeSpans":[{"spans":[{"kind":2,"startTimeUnixNano":"1772359560123000000","attributes":[{"key":"http.method","value":{"stringValue":"GET"}},{"key":"`+
		long+`",`+strings.Repeat(`"value":1,`, maxNodes-100)+`"a":1}]}]}]}]}`)
}

// BenchmarkHostileTexts is the cost of a byte of texts that are made to be slow.
func BenchmarkHostileTexts(b *testing.B) {
	r := redactor{hash: testHasher, guess: true}
	for _, pattern := range slow() {
		for _, size := range []int{1 << 17, 1 << 20} {
			s := strings.Repeat(pattern, size/len(pattern))
			b.Run(fmt.Sprintf("%q/%d", pattern, size), func(b *testing.B) {
				b.SetBytes(int64(len(s)))
				measure(b, func() { r.text(s) })
			})
		}
	}
}

// FuzzText holds the two walks over a text against each other, the one by quick
// looks and the one that asks at each byte, and the work of both against its bound.
func FuzzText(f *testing.F) {
	for _, s := range slow() {
		f.Add(s, s, 3)
	}
	for s := range hiddenForms() {
		f.Add(s.text, "", 1)
	}
	r := redactor{hash: noHash, guess: true}
	f.Fuzz(func(t *testing.T, head, pattern string, times int) {
		s := head + strings.Repeat(pattern, min(max(times, 0), 1<<12/(1+len(pattern))))
		if work := workOf(s); work > maxWork/4*len(s)+1<<13 {
			t.Errorf("%d bytes of text are %d of work", len(s), work)
		}
		var b strings.Builder
		last := 0
		for _, found := range r.spans(s, nil, nil) {
			b.WriteString(s[last:found.start] + found.text)
			last = found.end
		}
		b.WriteString(s[last:])
		if got := r.plain(s); got != b.String() && !formEncoded(s) {
			t.Errorf("%q became %q by the one walk, and %q by the other", s, got, b.String())
		}
		r.text(s)
	})
}
