package ingest

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestAnIdleLineHidesNothing holds the short search of a line against the whole one.
func TestAnIdleLineHidesNothing(t *testing.T) {
	r := redactor{hash: testHasher, guess: true}
	parts := append(spellings(), "a", "/x", "?", "&", "=", ":", "token", "key=", "code:", "'", "%22", "\\", "Ab1", "0123456789abcdef", " ", "-", "-p", "--password", "sk-", "ya29.", ".", "@", "://", "\"", " 200 1 \"", " - \"",
		"secret ", "secret", "aB0/aB0/aB0/aB0/aB0/aB0/aB0/aB0/aB0/aB01", "aB0aB0aB0aB0aB0aB0aB0aB0aB0aB0aB0aB0aB01", "password", "Basic ", "bearer", canaryJWT, canary, "python-requests/2.31.0", "mysql ", "docker login ", "-pX1y2z3", "-p Ab1cd2 ", "curl ", "-uU:X9y8z7", "CREATE USER x PASSWORD 'a b'", "IDENTIFIED BY ", "+")
	part := func(max int) *rapid.Generator[string] {
		return rapid.Custom(func(t *rapid.T) string {
			return strings.Join(rapid.SliceOfN(rapid.SampledFrom(parts), 0, max).Draw(t, "parts"), "")
		})
	}
	rapid.Check(t, func(t *rapid.T) {
		for range 3 {
			front := rapid.SampledFrom([]string{"203.0.113.9 - - ", "129.129.129.129 - ", "a - ", "203.0.113.9 - ya29.", "203.0.113.9 - -p ", "203.0.113.9 - password ", "203.0.113.9 - mysql ", "203.0.113.9 - mysql -p ", "203.0.113.9 - --token "}).Draw(t, "front") +
				rapid.SampledFrom([]string{"", "- ", "partner-7 "}).Draw(t, "user")
			when := rapid.SampledFrom([]string{"[01/Mar/2026:10:00:00 +0000]", "[31/Jul/2026:23:59:59 -0730]", "[01/Jan/2026:10:00:00 +00:00]", "[01/Mar/2026:10:00:00 UTC]"}).Draw(t, "time")
			line := front + when + rapid.SampledFrom([]string{` "GET `, ` "GET /`, ` `, `"`}).Draw(t, "method") + part(3).Draw(t, "target") +
				rapid.SampledFrom([]string{` HTTP/1.1" 200 1934 "`, `" 200 - "`, `" 200 1 `, `" - "`, `" x 1 "`}).Draw(t, "size") + part(4).Draw(t, "tail") + rapid.SampledFrom([]string{"", `" "curl/8.5.0"`}).Draw(t, "end")
			if r.idle(line, len(front)) && (r.text(line) != line || strings.Contains(line, `\`)) {
				t.Fatalf("%s is idle, and %s", line, r.text(line))
			}
		}
	})
	if line := `203.0.113.9 - partner-7 [01/Mar/2026:10:00:00 +0000] "GET /v1/orders/8412?expand=items HTTP/1.1" 200 1934 "https://shop.example.com/cart" "python-requests/2.31.0"`; !r.idle(line, strings.IndexByte(line, '[')) {
		t.Error("a usual line is not idle")
	}
}
