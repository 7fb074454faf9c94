package ingest

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func TestForwarded(t *testing.T) {
	for _, c := range []struct {
		name    string
		headers []string
		want    []string
	}{
		{"nothing", []string{""}, nil},
		{"space", []string{"  "}, nil},
		{"one address", []string{"203.0.113.9"}, []string{"203.0.113.9"}},
		{"in the order of the header", []string{"8.8.8.8, 203.0.113.9,198.51.100.1"}, []string{"8.8.8.8", "203.0.113.9", "198.51.100.1"}},
		{"two headers continue each other", []string{"8.8.8.8", "203.0.113.9"}, []string{"8.8.8.8", "203.0.113.9"}},
		{"IPv4 with a port", []string{"203.0.113.9:41222"}, []string{"203.0.113.9"}},
		{"IPv6 bare, in brackets, with a port", []string{"2001:db8::9, [2001:db8::8], [2001:db8::7]:443"}, []string{"2001:db8::9", "2001:db8::8", "2001:db8::7"}},
		{"IPv4 written as IPv6", []string{"::ffff:203.0.113.9, [::ffff:203.0.113.8]:80"}, []string{"203.0.113.9", "203.0.113.8"}},
		{"a zone", []string{"fe80::1%eth0"}, []string{"fe80::1"}},
		{"RFC 7239", []string{"for=192.0.2.60;proto=http;by=203.0.113.43"}, []string{"192.0.2.60"}},
		{"RFC 7239: the name in any case, the pair anywhere", []string{"proto=https; For=192.0.2.43, FOR=198.51.100.17"}, []string{"192.0.2.43", "198.51.100.17"}},
		{"RFC 7239: quoted IPv6 with a port", []string{`for="[2001:db8:cafe::17]:4711", for="[2001:db8::1]"`}, []string{"2001:db8:cafe::17", "2001:db8::1"}},
		{"RFC 7239: quoted IPv4 with a port, or an obfuscated one", []string{`for="192.0.2.43:47011";by=x, for="192.0.2.44:_p1"`}, []string{"192.0.2.43", "192.0.2.44"}},
		{"RFC 7239: unknown and obfuscated", []string{"for=unknown, for=_hidden, for=_SEVKISEK"}, []string{"unknown", "_hidden", "_SEVKISEK"}},
		{"an entry without for keeps its place", []string{"for=192.0.2.43, proto=https"}, []string{"192.0.2.43", "unknown"}},
		{"empty entries keep their places", []string{"203.0.113.9,,"}, []string{"203.0.113.9", "unknown", "unknown"}},
		{"garbage", []string{"<script>, 300.1.1.1, 1.2.3.4:99999999, [::1, ::1]:80, host.example, 203.0.113.9:x"}, []string{"unknown", "unknown", "unknown", "unknown", "unknown", "unknown", "unknown"}},
		{"a client's lone quote hides nothing behind it", []string{`", 203.0.113.9`}, []string{"unknown", "203.0.113.9"}},
		{"nor does one in RFC 7239", []string{`for="8.8.8.8, for=203.0.113.9`}, []string{"8.8.8.8", "203.0.113.9"}},
		{"one syntax in the other's place", []string{"for=8.8.8.8, 203.0.113.9"}, []string{"8.8.8.8", "203.0.113.9"}},
		{"IPv6 in brackets only; IPv4 in none", []string{"[203.0.113.9]:80"}, []string{"unknown"}},
		{"a secret that strayed in", []string{"Bearer " + strings.Repeat("s3cr3t", 4)}, []string{"unknown"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			for _, h := range c.headers {
				got = forwarded(h, got)
			}
			if !slices.Equal(got, c.want) {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// What proxies append stands last, and stays whatever a client sends before it.
func TestForwardedKeepsTheLast(t *testing.T) {
	for _, forged := range []string{strings.Repeat("8.8.8.8, ", 10_000), strings.Repeat("x", 1<<20) + ",", strings.Repeat(",", 1<<20)} {
		got := forwarded(forged+"203.0.113.9, 198.51.100.1", nil)
		if len(got) > maxForwarded || !slices.Equal(got[len(got)-2:], []string{"203.0.113.9", "198.51.100.1"}) {
			t.Errorf("got %q", got)
		}
	}
	list := forwarded(strings.Repeat("8.8.8.8,", 20), nil)
	if list = forwarded("203.0.113.9", list); len(list) != maxForwarded || list[maxForwarded-1] != "203.0.113.9" {
		t.Errorf("got %q", list)
	}
}

// Every entry is an address, an obfuscated name or "unknown", and there are at
// most 16; another header of one address always ends the list.
func FuzzForwarded(f *testing.F) {
	for _, s := range []string{"8.8.8.8, 203.0.113.9:80", `for="[2001:db8::1]:80";by=_x, for=_h`, `"`, ",,", "::ffff:1.2.3.4%x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, header string) {
		list := forwarded(header, nil)
		list = forwarded("203.0.113.9", list)
		if n := len(list); n > maxForwarded || list[n-1] != "203.0.113.9" {
			t.Fatalf("%q", list)
		}
		for _, s := range list {
			if _, err := netip.ParseAddr(s); err != nil && s != unknownNode && !obfuscated(s) {
				t.Fatalf("%q", s)
			}
		}
	})
}

func BenchmarkForwarded(b *testing.B) {
	list := make([]string, 0, maxForwarded)
	b.ReportAllocs()
	for b.Loop() {
		list = forwarded(`203.0.113.9, 10.0.0.1:443`, list[:0])
		list = forwarded(`for="[2001:db8:cafe::17]:4711";proto=https`, list)
	}
}
