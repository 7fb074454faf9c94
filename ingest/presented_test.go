package ingest

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// A hash that stands in an alert is no credential: whoever presents it as one
// gets a credential of his own, and never the one that it stands for.
func TestNobodyAppearsAsTheOwnerOfAHash(t *testing.T) {
	stolen := testHasher.Hash("the partner's key")
	hex := strings.TrimPrefix(stolen, hashPrefix)
	escaped := `\u0068mac:` + hex
	late := `hmac:` + hex[:31] + fmt.Sprintf(`\u%04x`, hex[31])
	kong := func(headers string) string {
		return `{"request":{"method":"GET","uri":"/v1/orders/17","size":75,"headers":{` + headers + `}},"response":{"status":200,"size":934},"latencies":{"request":12},"client_ip":"203.0.113.9","started_at":1767225600000,"service":{"name":"orders"}}`
	}
	nginx := func(query, more string) string {
		return `203.0.113.9 - - [01/Mar/2026:10:00:00 +0000] "GET /x` + query + ` HTTP/1.1" 200 1 "-" "-"` + more
	}
	object := func(member string) string {
		return `{"time_iso8601":"2026-03-01T10:00:00Z","remote_addr":"203.0.113.9","request_uri":"/x","request_method":"GET","status":200,` + member + `}`
	}
	for _, tt := range []struct{ name, format, in string }{
		{"as an API key in a header", "kong", kong(`"x-api-key":"` + stolen + `"`)},
		{"as a bearer token", "kong", kong(`"authorization":"Bearer ` + stolen + `"`)},
		{"with an escape", "kong", kong(`"x-api-key":"` + escaped + `"`)},
		{"with an escape at its end", "kong", kong(`"x-api-key":"` + late + `"`)},
		{"in a wrapped record", "kong", `{"log":` + quoteJSON(kong(`"x-api-key":"`+stolen+`"`)) + `,"stream":"stdout","time":"2026-03-01T10:00:00Z"}`},
		{"with an escape in a wrapped record", "kong", `{"log":` + quoteJSON(kong(`"x-api-key":"`+escaped+`"`)) + `,"stream":"stdout","time":"2026-03-01T10:00:00Z"}`},
		{"in a query", "nginx", nginx("?api_key="+stolen, "")},
		{"percent-encoded in a query", "nginx", nginx("?api_key=hmac%3A"+hex, "")},
		{"as a word behind a line", "nginx", nginx("", ` "`+stolen+`"`)},
		{"as a named word behind a line", "nginx", nginx("", ` key=`+stolen)},
		{"as a quoted word with an escape", "nginx", nginx("", ` "\x68mac:`+hex+`"`)},
		{"as a fingerprint with an escape", "nginx", nginx("", ` key_hash="\x68mac:`+hex+`"`)},
		{"as a fingerprint in JSON", "nginx", object(`"api_key_hash":"` + stolen + `"`)},
		{"as a fingerprint in JSON with an escape", "nginx", object(`"api_key_hash":"` + escaped + `"`)},
		{"as the key itself in JSON", "nginx", object(`"http_x_api_key":"` + stolen + `"`)},
		{"in another product's OCSF", "ocsf", `{"class_uid":6003,"activity_id":1,"time":1772359200000,"metadata":{"product":{"name":"Acme"}},"api":{"operation":"Get"},"actor":{"user":{"credential_uid":"` + stolen + `"}}}`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			ev := parseOne(t, tt.format, tt.in)
			if strings.Contains(ev.CredentialId, stolen) || strings.Contains(ev.Principal, stolen) || strings.Contains(ev.CredentialId, hex) && strings.HasPrefix(ev.CredentialId, hashPrefix) {
				t.Errorf("credential %q, principal %q", ev.CredentialId, ev.Principal)
			}
			if ev.CredentialId == "" && !ev.Anonymous {
				t.Errorf("nobody was seen: %v", ev)
			}
		})
	}
}

func TestOurOwnHashesAreKeptThroughEveryWrapping(t *testing.T) {
	want := testHasher.Hash("s3cr3t-k3y-0f-partner")
	record := `{"request":{"method":"GET","uri":"/x","size":75,"headers":{"x-api-key":"s3cr3t-k3y-0f-partner"}},"response":{"status":200},"latencies":{"request":12},"client_ip":"203.0.113.9","started_at":1767225600000}`
	for range 3 {
		if ev := parseOne(t, "kong", record); ev.CredentialId != want {
			t.Errorf("credential %q, want %q: %s", ev.CredentialId, want, record)
		}
		record = `{"log":` + quoteJSON(record) + `,"stream":"stdout","time":"2026-03-01T10:00:00Z"}`
	}
}

func TestPresentedHashesKeepTheirPlaces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		part := rapid.SampledFrom([]string{"hmac:", "hmac", ":", "h", strings.Repeat("0", 32), strings.Repeat("a", 31), testHasher.Hash("x"), "z", "é"})
		in := strings.Join(rapid.SliceOfN(part, 0, 12).Draw(t, "parts"), "")
		out := presentedHashes(in)
		if len(out) != len(in) || !strings.EqualFold(out, in) {
			t.Fatalf("%q became %q", in, out)
		}
		if hashes(out) > 0 {
			t.Fatalf("%q still holds one of ours", out)
		}
		want := []byte(in)
		for at := range in {
			if hashAt(in, at) {
				copy(want[at:], presentedPrefix)
			}
		}
		if out != string(want) {
			t.Fatalf("%q became %q, want %q", in, out, want)
		}
	})
}
