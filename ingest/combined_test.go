package ingest

import (
	"errors"
	"io"
	"strings"
	"testing"
)

func TestWhoWroteACombinedLine(t *testing.T) {
	const start = `203.0.113.9 - - [01/Mar/2026:10:00:00 +0000] "GET /x HTTP/1.1" 200 `
	for _, tt := range []struct{ name, in, want string }{
		{"a combined line may be anyone's, and NGINX is the first in the table", start + `17 "-" "curl/8.5.0"`, "nginx"},
		{"nothing behind the size", start + `17`, "apache"},
		{"a size of -", start + `- "-" "curl/8.5.0"`, "apache"},
		{"a backslash before a quote", start + `17 "-" "a \"b\""`, "apache"},
		{"hex in lower case", `203.0.113.9 - - [01/Mar/2026:10:00:00 +0000] "\x16\x9b" 400 226 "-" "-"`, "apache"},
		{"hex in upper case", `203.0.113.9 - - [01/Mar/2026:10:00:00 +0000] "\x16\x9B" 400 157 "-" "-"`, "nginx"},
		{"a host with its port in front", "example.com:443 " + start + `17 "-" "curl/8.5.0"`, "apache"},
		{"a host without a port in front", "example.com " + start + `17 "-" "curl/8.5.0"`, "nginx"},
		{"whole numbers behind the user agent", start + `17 "-" "curl/8.5.0" 412 2301`, "apache"},
		{"a third quoted field", start + `17 "-" "curl/8.5.0" "-"`, "nginx"},
		{"a router, a server and milliseconds", start + `17 "-" "curl/8.5.0" 4 "a@docker" "http://10.0.0.1" 3ms`, "traefik"},
		{"a line of NGINX's error log", `2026/03/01 10:00:00 [error] 31#31: *46 open() failed`, "nginx"},
		{"a line of Apache's error log", `[Sun Mar 01 10:00:00.123456 2026] [core:error] [pid 10] AH00124: x`, "apache"},
		{"milliseconds in the time", `203.0.113.9:4711 [01/Mar/2026:10:00:00.123] web app/1 0/0/0/1/1 200 17 - - ---- 1/1/0/0/0 0/0 "GET / HTTP/1.1"`, "haproxy"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got, _ := standard.Detect([]byte(tt.in)); got != tt.want {
				t.Errorf("detected as %q, want %q", got, tt.want)
			}
		})
	}
}

// TestAClientMakesNoSecondRecord: whoever could have a line refused would go
// unseen.
func TestAClientMakesNoSecondRecord(t *testing.T) {
	const start = `203.0.113.9 - - [01/Mar/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 17 "-" `
	for _, tt := range []struct{ name, in string }{
		{"in the user agent", start + `"[01/Mar/2026:10:00:00 +0000] " "-"`},
		{"in a forwarding header", start + `"curl/8.5.0" "[01/Mar/2026:10:00:00 +0000] "`},
		{"with quotes, which are escaped", start + `"curl/8.5.0" "[01/Mar/2026:10:00:00 +0000] \x22GET / HTTP/1.1\x22 "`},
		{"in a named field", start + `"curl/8.5.0" xff="[01/Mar/2026:10:00:00 +0000] " "-"`},
		{"in a name", `203.0.113.9 - [01/Mar/2026:10:00:00 +0000] [01/Mar/2026:10:00:00 +0000] "GET / HTTP/1.1" 200 17 "-" "-"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, format := range []string{"nginx", "apache"} {
				if c := parseAll(t, format, tt.in); len(c.events) != 1 || len(c.bad) != 0 {
					t.Errorf("%s: %d events, refusals %q; want one event", format, len(c.events), c.bad)
				}
			}
		})
	}
}

// TestAFileIsOfOneKind reads lines that may be NGINX's or Apache's between
// others that can only be one's.
func TestAFileIsOfOneKind(t *testing.T) {
	const line = `203.0.113.9 - - [01/Mar/2026:10:00:00 +0000] "GET /x HTTP/1.1" 200 17 "-" "curl/8.5.0"` + "\n"
	apache := strings.Replace(line, " 17 ", " - ", 1)
	nginx := strings.Replace(line, "GET /x HTTP/1.1", `\x9B`, 1)
	for want, in := range map[string]string{
		"apache": line + line + apache + line + apache + nginx,
		"nginx":  line + nginx + line + nginx + line + apache,
	} {
		r := standard.NewReader(strings.NewReader(in), AutoFormat)
		for {
			rec, number, err := r.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if string(rec)+"\n" == line && r.Format() != want {
				t.Errorf("line %d of %s's: %q", number, want, r.Format())
			}
		}
	}
}
