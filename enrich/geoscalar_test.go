package enrich

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/lapwing-sec/lapwing/schemas"
)

// What a database says of an address goes into each of its events.
func TestValuesOfADatabaseAreBounded(t *testing.T) {
	nested := func(org string) map[string]any {
		return map[string]any{"autonomous_system_number": uint32(64500), "autonomous_system_organization": org, "country": map[string]any{"iso_code": "NL"}}
	}
	deep := map[string]any{"a": map[string]any{"b": "c"}}
	file := filepath.Join(t.TempDir(), "all.mmdb")
	writeMMDB(t, file, map[string]any{
		"1.0.0.0/16": nested(strings.Repeat("é", 200)),
		"1.1.0.0/16": nested("x\x1b[2J\u009b\u202ey"),
		"1.2.0.0/16": nested(strings.Repeat("x", 1_200_000)),
		"1.3.0.0/16": map[string]any{"country": "ES", "asn": "AS64501", "as_name": "Flat", "city": strings.Repeat("x", 1_200_000), "latitude": deep, "longitude": deep, "lat": "40.4", "lng": float64(-3.7), "radius": uint32(9)},
		"1.4.0.0/16": map[string]any{"country_code": deep, "country": "ES", "asn": uint32(64502), "as_name": strings.Repeat("y", 300)},
	})
	e, err := New(Config{Geo: GeoConfig{Databases: []string{file}}}, prometheus.NewRegistry(), zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, ip, org, country string
		asn                    uint32
	}{
		{"a long name is clipped where a character ends", "1.0.0.1", strings.Repeat("é", 128), "NL", 64500},
		{"a name steers no terminal", "1.1.0.1", "x[2Jy", "NL", 64500},
		{"a name without end is none", "1.2.0.1", "", "NL", 64500},
		{"what has no use for a list is read around it", "1.3.0.1", "Flat", "ES", 64501},
		{"a code that is no text is none", "1.4.0.1", strings.Repeat("y", 256), "ES", 64502},
	} {
		ev := &schemas.Event{Format: "kong", SrcIp: tt.ip}
		e.Enrich(ev)
		if ev.AsOrg != tt.org || ev.Country != tt.country || ev.Asn != tt.asn {
			t.Errorf("%s: %q (%d bytes), %s, %d", tt.name, ev.AsOrg, len(ev.AsOrg), ev.Country, ev.Asn)
		}
	}
	ev := &schemas.Event{Format: "kong", SrcIp: "1.3.0.1"}
	if e.Enrich(ev); ev.Latitude != 40.4 || ev.Longitude != -3.7 || ev.GeoRadiusKm != 9 {
		t.Errorf("the place: %v", ev)
	}
}
