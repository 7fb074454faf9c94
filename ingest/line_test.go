package ingest

import (
	"encoding/base64"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestAnIdleLineHidesNothing holds the short search of a line against the whole
// one, in lines of which parts have come before, cut at any quote.
func TestAnIdleLineHidesNothing(t *testing.T) {
	r := redactor{hash: testHasher, guess: true}
	seen := &cleanTexts{on: true}
	parts := append(spellings(), "a", "/x", "?", "&", "=", ":", "token", "key=", "code:", "'", "%22", "\\", "Ab1", "0123456789abcdef", " ", "-", "-p", "--password", "sk-", "ya29.", ".", "@", "://", "\"", " 200 1 \"", " - \"",
		"secret ", "secret", "aB0/aB0/aB0/aB0/aB0/aB0/aB0/aB0/aB0/aB01", "aB0aB0aB0aB0aB0aB0aB0aB0aB0aB0aB0aB0aB01", "password", "Basic ", "bearer", canaryJWT, canary, "python-requests/2.31.0", "mysql ", "docker login ", "-pX1y2z3", "-p Ab1cd2 ", "curl ", "-uU:X9y8z7", "CREATE USER x PASSWORD 'a b'", "IDENTIFIED BY ", "+")
	part := func(max int) *rapid.Generator[string] {
		return rapid.Custom(func(t *rapid.T) string {
			return strings.Join(rapid.SliceOfN(rapid.SampledFrom(parts), 0, max).Draw(t, "parts"), "")
		})
	}
	rapid.Check(t, func(t *rapid.T) {
		tails := rapid.SliceOfN(part(4), 2, 2).Draw(t, "tails")
		for range 6 {
			front := rapid.SampledFrom([]string{"203.0.113.9 - - ", "129.129.129.129 - ", "a - ", "203.0.113.9 - ya29.", "203.0.113.9 - -p ", "203.0.113.9 - password ", "203.0.113.9 - mysql ", "203.0.113.9 - mysql -p ", "203.0.113.9 - --token ", "203.0.113.9 - aB0aB0aB0aB0aB0aB0aB0aB0aB0 ", "203.0.113.9 - secret/x ", "203.0.113.9 - " + base64.RawStdEncoding.EncodeToString([]byte("token: "+canary)) + " "}).Draw(t, "front") +
				rapid.SampledFrom([]string{"", "- ", "partner-7 "}).Draw(t, "user")
			when := rapid.SampledFrom([]string{"[01/Mar/2026:10:00:00 +0000]", "[31/Jul/2026:23:59:59 -0730]", "[01/Jan/2026:10:00:00 +00:00]", "[01/Mar/2026:10:00:00 UTC]"}).Draw(t, "time")
			line := front + when + rapid.SampledFrom([]string{` "GET `, ` "GET /`, ` `, `"`}).Draw(t, "method") + part(3).Draw(t, "target") +
				rapid.SampledFrom([]string{` HTTP/1.1" 200 1934 "`, `" 200 - "`, `" 200 1 `, `" - "`, `" x 1 "`}).Draw(t, "size") + rapid.SampledFrom(tails).Draw(t, "tail") + rapid.SampledFrom([]string{"", `" "curl/8.5.0"`}).Draw(t, "end")
			if strings.Contains(line, `\`) {
				continue
			}
			behind := 0
			for at := len(front); rapid.Bool().Draw(t, "further"); behind = at {
				next := strings.Index(line[at+1:], ` "`)
				if next < 0 {
					break
				}
				at += next + 1
			}
			if r.idle(line, len(front), behind, seen) && r.text(line) != line {
				t.Fatalf("%s is idle, and %s", line, r.text(line))
			}
		}
	})
	for range 2 {
		line := `203.0.113.9 - partner-7 [01/Mar/2026:10:00:00 +0000] "GET /v1/orders/8412?expand=items HTTP/1.1" 200 1934 "https://shop.example.com/cart" "python-requests/2.31.0"`
		if !r.idle(line, strings.IndexByte(line, '['), strings.Index(line, ` "https`), seen) {
			t.Error("a usual line is not idle")
		}
	}
}

func TestTailsOfLines(t *testing.T) {
	r := redactor{hash: testHasher, guess: true}
	for _, tt := range []struct {
		name, tail string
		calm       bool
	}{
		{"a referer and a library", `"https://shop.example.com/cart" "python-requests/2.31.0"`, true},
		{"nothing and a browser", `"-" "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36"`, true},
		{"a query of plain names", `"https://shop.example.com/?page=2" "curl/8.5.0"`, true},
		{"a query that has to be searched", `"https://shop.example.com/?key=2" "curl/8.5.0"`, false},
		{"an address with a name in it", `"https://u:p@shop.example.com/" "curl/8.5.0"`, false},
		{"an option may be a command's whose name stands before", `"-" "x -pX1y2z3"`, false},
		{"a word that a secret may follow", `"-" "password X1y2z3w4"`, false},
		{"what base64 may be in", `"-" "aB0aB0aB0aB0aB0aB0aB0aB0aB0"`, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := r.calm("17 "+tt.tail, len("17 ")); got != tt.calm {
				t.Errorf("calm: %t, want %t", got, tt.calm)
			}
		})
	}
}

func TestFrontsOfLines(t *testing.T) {
	const behind = `[01/Mar/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 1934`
	r := redactor{hash: testHasher, guess: true}
	for _, tt := range []struct {
		name, front string
		calm        bool
	}{
		{"an address and a name", "203.0.113.9 - partner-7 ", true},
		{"an address of IPv6, whose colons may name something", "2001:db8::1 - - ", false},
		{"a virtual host", "shop.example.com 203.0.113.9 - - ", true},
		{"a name that is an address", "203.0.113.9 - ann@example.com ", false},
		{"a name that is a command with an option", "203.0.113.9 - mysql -p ", false},
		{"a word that a secret may follow", "203.0.113.9 - password ", false},
		{"a token", "203.0.113.9 - ya29.aB0aB0aB0aB0aB0aB0 ", false},
		{"a name with a value", "203.0.113.9 - token=x ", false},
		{"an option, whose value may come", "203.0.113.9 - mysql --quick ", false},
		{"an option that is no more than one byte", "203.0.113.9 - -q ", false},
		{"what base64 may be in", "203.0.113.9 - aB0aB0aB0aB0aB0aB0aB0aB0aB0 ", false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			seen := &cleanTexts{on: true}
			for range 2 {
				if got := r.calmFront(tt.front+behind, len(tt.front), seen); got != tt.calm {
					t.Errorf("calm: %t, want %t", got, tt.calm)
				}
			}
		})
	}
}
