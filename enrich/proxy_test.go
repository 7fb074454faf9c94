package enrich

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"pgregory.net/rapid"

	"github.com/lapwing-sec/lapwing/schemas"
)

// Who called, by the peer and the forwarding headers. The client chooses what
// stands first in a header; only what a trusted proxy appended counts.
func TestForwardedAddresses(t *testing.T) {
	for _, c := range []struct {
		name    string
		private bool
		peer    string
		header  []string
		src     string
		via     string
	}{
		{"no header", false, "198.51.100.1", nil, "198.51.100.1", ""},
		{"the trusted peer saw the client", false, "198.51.100.1", []string{"203.0.113.9"}, "203.0.113.9", "198.51.100.1"},
		{"a peer that is not trusted says what it likes", false, "192.0.2.66", []string{"203.0.113.9"}, "192.0.2.66", ""},
		{"a client that prepends an address is found all the same", false, "198.51.100.1", []string{"8.8.8.8", "203.0.113.9"}, "203.0.113.9", "198.51.100.1"},
		{"a client that prepends a trusted proxy's address, too", false, "198.51.100.1", []string{"8.8.8.8", "198.51.100.2", "203.0.113.9"}, "203.0.113.9", "198.51.100.1"},
		{"a chain of trusted proxies is walked", false, "198.51.100.1", []string{"8.8.8.8", "203.0.113.9", "198.51.100.3", "198.51.100.2"}, "203.0.113.9", "198.51.100.1"},
		{"all trusted: the call began at the first", false, "198.51.100.1", []string{"198.51.100.3", "198.51.100.2"}, "198.51.100.3", "198.51.100.1"},
		{"garbage from the nearest proxy: the peer", false, "198.51.100.1", []string{"203.0.113.9", "unknown"}, "198.51.100.1", ""},
		{"garbage behind a trusted proxy: nothing before it counts", false, "198.51.100.1", []string{"203.0.113.9", "_hidden", "198.51.100.2"}, "198.51.100.2", "198.51.100.1"},
		{"an empty entry is garbage", false, "198.51.100.1", []string{"203.0.113.9", ""}, "198.51.100.1", ""},
		{"a service's name is no address", false, "198.51.100.1", []string{"s3.amazonaws.com"}, "198.51.100.1", ""},
		{"IPv6 all the way", false, "2001:db8:1::1", []string{"2001:db8:2::9", "2001:db8:1::2"}, "2001:db8:2::9", "2001:db8:1::1"},
		{"IPv4 written as IPv6 is the same proxy", false, "::ffff:198.51.100.1", []string{"203.0.113.9"}, "203.0.113.9", "::ffff:198.51.100.1"},
		{"and the same hop", false, "198.51.100.1", []string{"203.0.113.9", "::ffff:198.51.100.2"}, "203.0.113.9", "198.51.100.1"},
		{"a private peer is nobody's proxy unless told", false, "10.0.0.1", []string{"203.0.113.9"}, "10.0.0.1", ""},
		{"a private peer", true, "10.0.0.1", []string{"203.0.113.9"}, "203.0.113.9", "10.0.0.1"},
		{"a loopback peer", true, "127.0.0.1", []string{"8.8.8.8", "203.0.113.9"}, "203.0.113.9", "127.0.0.1"},
		{"a private IPv6 peer", true, "fd00::1", []string{"203.0.113.9"}, "203.0.113.9", "fd00::1"},
		{"a private client behind a private peer can't choose its address", true, "10.0.0.1", []string{"8.8.8.8", "10.7.7.7"}, "10.7.7.7", "10.0.0.1"},
		{"a socket without an address", true, "unix:", []string{"203.0.113.9"}, "unix:", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			e, err := New(Config{TrustedProxies: []string{"198.51.100.0/24", "2001:db8:1::/48"}, TrustPrivatePeers: c.private}, prometheus.NewRegistry(), zerolog.Nop())
			must(t, err)
			ev := &schemas.Event{Format: "nginx", SrcIp: c.peer, ForwardedFor: slices.Clone(c.header)}
			e.Enrich(ev)
			if ev.SrcIp != c.src || ev.PeerIp != c.via {
				t.Errorf("got %q through %q, want %q through %q", ev.SrcIp, ev.PeerIp, c.src, c.via)
			}
			if want := sourcePrefix(c.src); ev.SrcPrefix != want {
				t.Errorf("the network is %q, want %q", ev.SrcPrefix, want)
			}
			if !slices.Equal(ev.ForwardedFor, c.header) {
				t.Errorf("the header became %q", ev.ForwardedFor)
			}
		})
	}
}

func TestNobodyIsTrustedByDefault(t *testing.T) {
	ev := &schemas.Event{Format: "nginx", SrcIp: "10.0.0.1", ForwardedFor: []string{"203.0.113.9"}}
	newEnricher(t, "").Enrich(ev)
	if ev.SrcIp != "10.0.0.1" || ev.PeerIp != "" {
		t.Errorf("got %q through %q", ev.SrcIp, ev.PeerIp)
	}
}

func TestBadTrustedProxyIsNamed(t *testing.T) {
	_, err := New(Config{TrustedProxies: []string{"10.0.0.0/8", "lb.example.com"}}, prometheus.NewRegistry(), zerolog.Nop())
	if err == nil || !strings.Contains(err.Error(), `"lb.example.com"`) {
		t.Errorf("got %v", err)
	}
}

// Whatever a client writes in front of what the proxies append changes nothing.
func TestClientsCannotChooseTheirAddress(t *testing.T) {
	e, err := New(Config{TrustedProxies: []string{"198.51.100.0/24"}, TrustPrivatePeers: true}, prometheus.NewRegistry(), zerolog.Nop())
	must(t, err)
	entry := rapid.OneOf(rapid.SampledFrom([]string{"198.51.100.7", "10.0.0.1", "8.8.8.8", "unknown", "", "::1"}), rapid.String())
	rapid.Check(t, func(t *rapid.T) {
		forged := rapid.SliceOfN(entry, 0, 8).Draw(t, "forged")
		proxies := rapid.SliceOfN(rapid.SampledFrom([]string{"198.51.100.2", "198.51.100.3"}), 0, 3).Draw(t, "proxies")
		ev := &schemas.Event{Format: "nginx", SrcIp: "10.0.0.9", ForwardedFor: slices.Concat(forged, []string{"203.0.113.9"}, proxies)}
		e.Enrich(ev)
		if ev.SrcIp != "203.0.113.9" {
			t.Fatalf("got %q", ev.SrcIp)
		}
		if _, err := netip.ParseAddr(ev.PeerIp); err != nil {
			t.Fatalf("the peer is %q", ev.PeerIp)
		}
	})
}
