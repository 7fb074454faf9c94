package enrich

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/maxmind/mmdbwriter"
	"github.com/maxmind/mmdbwriter/mmdbtype"
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
			p := (&atlas{declared: networks}).locate(c.ip)
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
		return map[string]any{
			"country": map[string]any{"iso_code": "NL"}, "city": map[string]any{"names": map[string]any{"en": "Amsterdam"}},
			"location": map[string]any{"latitude": lat, "longitude": 4.9, "accuracy_radius": uint16(20)},
		}
	}
	writeMMDB(t, city, map[string]any{"1.0.0.0/8": nested(52.37)})
	writeMMDB(t, asn, map[string]any{"1.0.0.0/8": map[string]any{"autonomous_system_number": uint32(64500), "autonomous_system_organization": "Example Transit"}})
	writeMMDB(t, flat, map[string]any{"2.0.0.0/8": map[string]any{"country_code": "ES", "city": "Madrid", "latitude": "40.4", "longitude": "-3.7", "asn": "64501", "as_name": "Flat Net"}})

	e, err := New(Config{Geo: GeoConfig{Databases: []string{city, asn, flat}}}, prometheus.NewRegistry(), zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	look := func(ip string) *schemas.Event {
		ev := &schemas.Event{Format: "kong", SrcIp: ip}
		e.Enrich(ev)
		return ev
	}
	if ev := look("1.1.1.1"); ev.Country != "NL" || ev.GeoPrecision != "city" || ev.Latitude != 52.37 || ev.Longitude != 4.9 || ev.GeoRadiusKm != 20 || ev.Asn != 64500 || ev.AsOrg != "Example Transit" {
		t.Errorf("nested layout: %v", ev)
	}
	if ev := look("2.1.1.1"); ev.Country != "ES" || ev.GeoPrecision != "city" || ev.Latitude != 40.4 || ev.Longitude != -3.7 || ev.GeoRadiusKm != 50 || ev.Asn != 64501 || ev.AsOrg != "Flat Net" {
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
		if p := (&atlas{declared: networks, geo: geo}).locate(c.ip); p.class != c.want {
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

// What databases say of how exact a place is decides whether a journey can be
// measured from it, so a country's middle must never pass for a city.
func TestPrecisionOfPlaces(t *testing.T) {
	city := map[string]any{"names": map[string]any{"en": "Denver"}, "geoname_id": uint32(5419384)}
	us := map[string]any{"iso_code": "US"}
	at := func(radius any) map[string]any {
		l := map[string]any{"latitude": 39.7, "longitude": -105.0}
		if radius != nil {
			l["accuracy_radius"] = radius
		}
		return l
	}
	for _, c := range []struct {
		name      string
		records   []map[string]any
		country   string
		precision string
		radius    uint32
		lat       float64
	}{
		{"a city with its radius", []map[string]any{{"country": us, "city": city, "location": at(uint16(10))}}, "US", "city", 10, 39.7},
		{"a radius without a city's name is as good", []map[string]any{{"country": us, "location": at(uint16(100))}}, "US", "city", 100, 39.7},
		{"a radius of 1,000 km is a country's middle, in whatever field", []map[string]any{{"country": us, "location": at(uint16(1000))}}, "US", "country", 1000, 39.7},
		{"so it is when a city is named", []map[string]any{{"country": us, "city": city, "location": at(uint16(1000))}}, "US", "country", 1000, 39.7},
		{"a city without a radius gets 50 km", []map[string]any{{"country": us, "city": city, "location": at(nil)}}, "US", "city", 50, 39.7},
		{"coordinates alone are a country's", []map[string]any{{"country": us, "location": at(nil)}}, "US", "country", 0, 39.7},
		{"no coordinates: the built-in middle", []map[string]any{{"country": us}}, "US", "country", 0, float64(centroids["US"][0])},
		{"a radius in another type", []map[string]any{{"country": us, "location": at(float64(12.5))}}, "US", "city", 13, 39.7},
		{"a city in the second database beats the middle in the first", []map[string]any{
			{"country": us, "location": at(uint16(1000))}, {"country": us, "city": city, "location": at(uint16(5))},
		}, "US", "city", 5, 39.7},
		{"a place in another country than the first database's is left out", []map[string]any{
			{"country": map[string]any{"iso_code": "DE"}}, {"country": us, "city": city, "location": at(uint16(5))},
		}, "DE", "country", 0, float64(centroids["DE"][0])},
		{"only the country it is registered in", []map[string]any{{"registered_country": us}}, "US", "country", 0, float64(centroids["US"][0])},
		{"flat: floats, a city, no radius", []map[string]any{{"country_code": "US", "city": "Denver", "latitude": float32(39.5), "longitude": float32(-105)}}, "US", "city", 50, 39.5},
		{"flat: no city", []map[string]any{{"country_code": "US", "city": "", "latitude": float32(39.5), "longitude": float32(-105)}}, "US", "country", 0, 39.5},
		{"flat: texts, short names, a radius", []map[string]any{{"country": "US", "city": "Denver", "lat": "39.5", "lng": "-105", "radius": "20"}}, "US", "city", 20, 39.5},
		{"flat: a country spelled out beside its code", []map[string]any{{"country": "United States", "country_code": "US", "asn": "AS15169", "as_name": "Google LLC"}}, "US", "country", 0, float64(centroids["US"][0])},
		{"nonsense for coordinates", []map[string]any{{"country": us, "location": map[string]any{"latitude": 391.0, "longitude": 5.0, "accuracy_radius": uint16(5)}}}, "US", "country", 0, float64(centroids["US"][0])},
	} {
		t.Run(c.name, func(t *testing.T) {
			var cfg GeoConfig
			for i, r := range c.records {
				path := filepath.Join(t.TempDir(), fmt.Sprintf("%d.mmdb", i))
				writeMMDB(t, path, map[string]any{"203.0.113.0/24": r, "2001:db8::/32": r})
				cfg.Databases = append(cfg.Databases, path)
			}
			geo, err := openGeo(cfg)
			must(t, err)
			for _, ip := range []string{"203.0.113.9", "2001:db8::9"} {
				p := (&atlas{geo: geo}).locate(ip)
				if p.country != c.country || p.precision != c.precision || p.radius != c.radius || p.latitude != c.lat {
					t.Errorf("%s: got %q %q, %d km, latitude %v", ip, p.country, p.precision, p.radius, p.latitude)
				}
			}
		})
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

// writeMMDB writes a database with MaxMind's own writer.
func writeMMDB(t testing.TB, path string, networks map[string]any) {
	t.Helper()
	tree, err := mmdbwriter.New(mmdbwriter.Options{
		DatabaseType: "Test-City", BuildEpoch: 1700000000, RecordSize: 24, IncludeReservedNetworks: true, DisableIPv4Aliasing: true,
	})
	must(t, err)
	for cidr, record := range networks {
		_, network, err := net.ParseCIDR(cidr)
		must(t, err)
		must(t, tree.Insert(network, mmdbValue(t, record)))
	}
	var b bytes.Buffer
	_, err = tree.WriteTo(&b)
	must(t, err)
	must(t, os.WriteFile(path, b.Bytes(), 0o600))
}

func mmdbValue(t testing.TB, v any) mmdbtype.DataType {
	t.Helper()
	switch v := v.(type) {
	case string:
		return mmdbtype.String(v)
	case bool:
		return mmdbtype.Bool(v)
	case float64:
		return mmdbtype.Float64(v)
	case float32:
		return mmdbtype.Float32(v)
	case uint16:
		return mmdbtype.Uint16(v)
	case uint32:
		return mmdbtype.Uint32(v)
	case map[string]any:
		out := mmdbtype.Map{}
		for k, e := range v {
			out[mmdbtype.String(k)] = mmdbValue(t, e)
		}
		return out
	}
	t.Fatalf("%T", v)
	return nil
}
