package enrich

import (
	"bytes"
	"context"
	"encoding/binary"
	"math"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/rs/zerolog"

	"github.com/lapwing-sec/lapwing/schemas"
)

func TestPlaces(t *testing.T) {
	networks := newNetworkTable(
		[]schemas.Network{{CIDR: "8.8.0.0/16", Name: "wide", Class: "vendor"}, {CIDR: "8.8.8.0/24", Name: "narrow", Class: "office"}, {CIDR: "10.1.0.0/16", Name: "cluster", Class: "workload"}},
		[]schemas.Network{{CIDR: "8.8.0.0/16", Name: "weaker source"}, {CIDR: "2001:4860::/32", Name: "six"}, {CIDR: "9.9.9.9", Name: "host"}},
	)
	for _, c := range []struct {
		name, ip, prefix, country, precision, class, network string
	}{
		{"a public address has a country and its centroid", "1.1.1.1", "1.1.1.0/24", "AU", "country", "", ""},
		{"the longest declared prefix wins", "8.8.8.8", "8.8.8.0/24", "US", "country", "office", "narrow"},
		{"the first source's word on a prefix stands", "8.8.4.4", "8.8.4.0/24", "US", "country", "vendor", "wide"},
		{"a declared single address", "9.9.9.9", "9.9.9.0/24", "US", "country", "", "host"},
		{"a private address has no country", "192.168.1.9", "192.168.1.0/24", "", "", "private", ""},
		{"a declared private network has its class", "10.1.2.3", "10.1.2.0/24", "", "", "workload", "cluster"},
		{"carrier-grade NAT is internal", "100.64.1.1", "100.64.1.0/24", "", "", "internal", ""},
		{"loopback is internal", "::1", "::/48", "", "", "internal", ""},
		{"a link-local address with a zone", "fe80::1%eth0", "fe80::/48", "", "", "internal", ""},
		{"IPv6 is keyed by its /48", "2001:4860:4860::8888", "2001:4860:4860::/48", "US", "country", "", "six"},
		{"a service's name is internal", "s3.amazonaws.com", "", "", "", "internal", ""},
		{"nonsense has nothing", "not-an-ip", "", "", "", "", ""},
		{"nothing has nothing", "", "", "", "", "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := locate(c.ip, networks, &geoSet{})
			if p.prefix != c.prefix || p.country != c.country || p.precision != c.precision || p.class != c.class || p.name != c.network {
				t.Errorf("got %q %q %q %q %q", p.prefix, p.country, p.precision, p.class, p.name)
			}
			if (p.country == "") != (p.latitude == 0 && p.longitude == 0) {
				t.Errorf("country %q at %v,%v", p.country, p.latitude, p.longitude)
			}
		})
	}
}

func TestEveryCountryOfTheTableHasACentroid(t *testing.T) {
	missing := map[string]bool{}
	for a := range 256 {
		for b := range 256 {
			addr := netip.AddrFrom4([4]byte{byte(a), byte(b), 0, 1})
			if reservedClass(addr) != "" {
				continue
			}
			if code := builtInCountry(addr); code != "" {
				if _, ok := centroids[code]; !ok {
					missing[code] = true
				}
			}
		}
	}
	if len(missing) > 0 {
		t.Errorf("no centroid for %v", missing)
	}
}

func TestDatabasesOfTheOperator(t *testing.T) {
	dir := t.TempDir()
	city := filepath.Join(dir, "city.mmdb")
	asn := filepath.Join(dir, "asn.mmdb")
	flat := filepath.Join(dir, "flat.mmdb")
	nested := func(lat float64) map[string]any {
		return map[string]any{"country": map[string]any{"iso_code": "NL"}, "location": map[string]any{"latitude": lat, "longitude": 4.9}}
	}
	writeMMDB(t, city, map[string]any{"1.0.0.0/8": nested(52.37)})
	writeMMDB(t, asn, map[string]any{"1.0.0.0/8": map[string]any{"autonomous_system_number": uint32(64500), "autonomous_system_organization": "Example Transit"}})
	writeMMDB(t, flat, map[string]any{"2.0.0.0/8": map[string]any{"country_code": "ES", "latitude": "40.4", "longitude": "-3.7", "asn": "64501", "as_name": "Flat Net"}})

	e, err := New(Config{Geo: GeoConfig{Databases: []string{city, asn, flat}}}, prometheus.NewRegistry(), zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	look := func(ip string) *schemas.Event {
		ev := &schemas.Event{Format: "kong", SrcIp: ip}
		e.Enrich(ev)
		return ev
	}
	if ev := look("1.1.1.1"); ev.Country != "NL" || ev.GeoPrecision != "city" || ev.Latitude != 52.37 || ev.Longitude != 4.9 || ev.Asn != 64500 || ev.AsOrg != "Example Transit" {
		t.Errorf("nested layout: %v", ev)
	}
	if ev := look("2.1.1.1"); ev.Country != "ES" || ev.GeoPrecision != "city" || ev.Latitude != 40.4 || ev.Longitude != -3.7 || ev.Asn != 64501 || ev.AsOrg != "Flat Net" {
		t.Errorf("flat layout: %v", ev)
	}
	if ev := look("8.8.8.8"); ev.Country != "US" || ev.GeoPrecision != "country" || ev.Asn != 0 {
		t.Errorf("what no database knows falls to the built-in table: %v", ev)
	}

	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- e.WatchGeo(ctx) }()
	loaded := func(result string) float64 { return testutil.ToFloat64(e.metrics.loads.WithLabelValues("geo", result)) }
	until(t, func() bool { return loaded("ok") == 1 })
	next := filepath.Join(dir, "next")
	writeMMDB(t, next, map[string]any{"1.0.0.0/8": nested(53)})
	must(t, os.Rename(next, city))
	until(t, func() bool { return look("1.1.1.1").Latitude == 53 })
	must(t, os.WriteFile(city, []byte("torn"), 0o600))
	until(t, func() bool { return loaded("error") > 0 })
	if ev := look("1.1.1.1"); ev.Latitude != 53 {
		t.Errorf("a bad database replaced a good one: %v", ev)
	}
	cancel()
	must(t, <-done)
}

func TestKnownClassesOfAddresses(t *testing.T) {
	dir := t.TempDir()
	asn, anonymous := filepath.Join(dir, "asn.mmdb"), filepath.Join(dir, "anonymous.mmdb")
	writeMMDB(t, asn, map[string]any{"1.0.0.0/8": map[string]any{"autonomous_system_number": uint32(24940)}, "2.0.0.0/8": map[string]any{"autonomous_system_number": uint32(64500)}, "3.0.0.0/8": map[string]any{"autonomous_system_number": uint32(16509)}})
	writeMMDB(t, anonymous, map[string]any{"1.0.0.0/8": map[string]any{"is_tor_exit_node": true, "is_hosting_provider": true}, "4.0.0.0/8": map[string]any{"is_public_proxy": true}})
	geo, err := openGeo(GeoConfig{Databases: []string{asn, anonymous}})
	must(t, err)
	networks := newNetworkTable([]schemas.Network{{CIDR: "3.3.3.0/24", Name: "ours", Class: "workload"}, {CIDR: "3.3.4.0/24", Name: "no class"}})
	for _, c := range []struct{ name, ip, want string }{
		{"a Tor exit at a hosting provider is first of all Tor", "1.1.1.1", "tor"},
		{"an AS that sells servers is hosting", "3.1.1.1", "hosting"},
		{"any other AS has no class", "2.1.1.1", ""},
		{"a public proxy serves as a VPN does", "4.1.1.1", "vpn"},
		{"what is declared wins", "3.3.3.1", "workload"},
		{"a declared network without a class keeps what is known", "3.3.4.1", "hosting"},
	} {
		if p := locate(c.ip, networks, geo); p.class != c.want {
			t.Errorf("%s: got %q, want %q", c.name, p.class, c.want)
		}
	}
}

func TestASPolicyNeedsTheDatabase(t *testing.T) {
	path := filepath.Join(t.TempDir(), "asn.mmdb")
	writeMMDB(t, path, map[string]any{"1.0.0.0/8": map[string]any{"autonomous_system_number": uint32(64500)}})
	e, err := New(Config{Geo: GeoConfig{Databases: []string{path}}}, prometheus.NewRegistry(), zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	e.SetInventory(SourceFile, mustParse(t, "identities: [{id: kong:consumer/a, allowed: {networks: [\"asn:64500\"]}}, {id: kong:consumer/b, allowed: {networks: [\"asn:64501\"]}}]"))
	for who, want := range map[string]string{"a": "", "b": "network-policy: 1.1.1.0/24 not in asn:64501"} {
		ev := &schemas.Event{Format: "kong", PrincipalType: "consumer", Principal: who, SrcIp: "1.1.1.1"}
		e.Enrich(ev)
		if got := describe(ev); got != want {
			t.Errorf("%s: got %q, want %q", who, got, want)
		}
	}
}

func TestBadDatabaseIsNamed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bad.mmdb")
	must(t, os.WriteFile(path, []byte("not a database"), 0o600))
	_, err := New(Config{Geo: GeoConfig{Databases: []string{path}}}, prometheus.NewRegistry(), zerolog.Nop())
	if err == nil || !strings.Contains(err.Error(), "bad.mmdb") {
		t.Errorf("got %v", err)
	}
}

// writeMMDB writes a small database of IPv4 /8 networks in the MaxMind DB file
// format 2.0 (https://maxmind.github.io/MaxMind-DB/): an IPv4 tree of eight
// levels with 24-bit records, a data section, and the metadata.
func writeMMDB(t *testing.T, path string, networks map[string]any) {
	t.Helper()
	var data bytes.Buffer
	leaf := map[byte]int{}
	for cidr, record := range networks {
		p := netip.MustParsePrefix(cidr)
		if p.Bits() != 8 {
			t.Fatal("this writer knows /8 networks only")
		}
		leaf[p.Addr().As4()[0]] = data.Len()
		encodeMMDB(t, &data, record)
	}
	// Nodes of a complete binary tree of 8 levels, in level order from 0.
	const nodes = 255
	var tree bytes.Buffer
	put := func(v int) { tree.Write([]byte{byte(v >> 16), byte(v >> 8), byte(v)}) }
	for n := range nodes {
		for side := range 2 {
			child := 2*n + 1 + side
			if child < nodes {
				put(child)
				continue
			}
			if at, ok := leaf[byte(child-nodes)]; ok {
				put(nodes + 16 + at)
			} else {
				put(nodes)
			}
		}
	}
	out := tree.Bytes()
	out = append(out, make([]byte, 16)...)
	out = append(out, data.Bytes()...)
	out = append(out, "\xab\xcd\xefMaxMind.com"...)
	var meta bytes.Buffer
	encodeMMDB(t, &meta, map[string]any{
		"binary_format_major_version": uint16(2), "binary_format_minor_version": uint16(0), "build_epoch": uint64(1700000000),
		"database_type": "Test", "ip_version": uint16(4), "node_count": uint32(nodes), "record_size": uint16(24),
	})
	out = append(out, meta.Bytes()...)
	must(t, os.WriteFile(path, out, 0o600))
}

func encodeMMDB(t *testing.T, b *bytes.Buffer, v any) {
	t.Helper()
	number := func(kind byte, n uint64, extended bool) {
		raw := bytes.TrimLeft(binary.BigEndian.AppendUint64(nil, n), "\x00")
		if extended {
			b.Write([]byte{byte(len(raw)), kind - 7})
		} else {
			b.WriteByte(kind<<5 | byte(len(raw)))
		}
		b.Write(raw)
	}
	switch v := v.(type) {
	case string:
		if len(v) < 29 {
			b.WriteByte(2<<5 | byte(len(v)))
		} else {
			b.Write([]byte{2<<5 | 29, byte(len(v) - 29)})
		}
		b.WriteString(v)
	case bool:
		n := byte(0)
		if v {
			n = 1
		}
		b.Write([]byte{n, 14 - 7})
	case float64:
		b.WriteByte(3<<5 | 8)
		b.Write(binary.BigEndian.AppendUint64(nil, math.Float64bits(v)))
	case uint16:
		number(5, uint64(v), false)
	case uint32:
		number(6, uint64(v), false)
	case uint64:
		number(9, v, true)
	case map[string]any:
		b.WriteByte(7<<5 | byte(len(v)))
		for k, e := range v {
			encodeMMDB(t, b, k)
			encodeMMDB(t, b, e)
		}
	default:
		t.Fatalf("%T", v)
	}
}
