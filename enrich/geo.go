package enrich

import (
	"fmt"
	"net/netip"
	"os"

	"github.com/oschwald/maxminddb-golang/v2"
	"github.com/phuslu/iploc"
)

// GeoConfig names the .mmdb files of the operator; without any, countries come
// from the built-in IP2Location LITE table and places are country centroids.
type GeoConfig struct {
	// Databases are paths of .mmdb files: city, country, ASN or anonymous IP, in
	// MaxMind's nested layout or the flat country_code/latitude one. Of two that state
	// the same field, the first one stands.
	Databases []string
	// MaxBytes bounds one file, which is held in memory; 0 means 512 MiB.
	MaxBytes int64
}

const defaultGeoBytes = 512 << 20

// geoSet is an immutable set of databases; a reload makes a new one.
type geoSet struct {
	databases []*maxminddb.Reader
}

// openGeo reads the files into memory. They are not mapped, so that replacing
// or truncating one on disk can neither crash the process nor change a result
// half-way.
func openGeo(cfg GeoConfig) (*geoSet, error) {
	g := &geoSet{}
	limit := cfg.MaxBytes
	if limit <= 0 {
		limit = defaultGeoBytes
	}
	for _, path := range cfg.Databases {
		data, err := readBounded(path, limit)
		if err != nil {
			return nil, fmt.Errorf("geo database: %w", err)
		}
		db, err := maxminddb.OpenBytes(data)
		if err != nil {
			return nil, fmt.Errorf("geo database %s: not a readable .mmdb file: %w", path, err)
		}
		g.databases = append(g.databases, db)
	}
	return g, nil
}

// readBounded reads a regular file of at most limit bytes.
func readBounded(path string, limit int64) ([]byte, error) {
	st, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if st.IsDir() {
		return nil, fmt.Errorf("%s: is a directory, want a file", path)
	}
	if st.Size() > limit {
		return nil, fmt.Errorf("%s: %d bytes, at most %d are read", path, st.Size(), limit)
	}
	return os.ReadFile(path)
}

// geoRecord takes both layouts: a field of the other one stays empty.
type geoRecord struct {
	Country struct {
		ISOCode string `maxminddb:"iso_code"`
	} `maxminddb:"country"`
	RegisteredCountry struct {
		ISOCode string `maxminddb:"iso_code"`
	} `maxminddb:"registered_country"`
	Location struct {
		Latitude  *float64 `maxminddb:"latitude"`
		Longitude *float64 `maxminddb:"longitude"`
	} `maxminddb:"location"`
	ASN   uint32 `maxminddb:"autonomous_system_number"`
	ASOrg string `maxminddb:"autonomous_system_organization"`
}

// flatRecord is the layout of databases converted from CSV. Numbers come as
// floats, integers or text there, so they are read as whatever they are.
type flatRecord struct {
	CountryCode string `maxminddb:"country_code"`
	Latitude    any    `maxminddb:"latitude"`
	Longitude   any    `maxminddb:"longitude"`
	ASN         any    `maxminddb:"asn"`
	ASOrg       string `maxminddb:"as_organization"`
	ASName      string `maxminddb:"as_name"`
}

// fill looks an address up and completes what is still empty in p.
func (g *geoSet) fill(p *place) {
	if g != nil {
		for _, db := range g.databases {
			fillFrom(db, p)
		}
	}
	if p.class == "" && hostingASNs[p.asn] {
		p.class = classHosting
	}
	if p.country == "" {
		p.country = builtInCountry(p.addr)
	}
	if p.country != "" && p.precision == "" {
		p.precision = "country"
		if c, ok := centroids[p.country]; ok {
			p.latitude, p.longitude = float64(c[0]), float64(c[1])
		}
	}
}

func fillFrom(db *maxminddb.Reader, p *place) {
	found := db.Lookup(p.addr)
	if found.Err() != nil || !found.Found() {
		return
	}
	var anonymous anonymousRecord
	if err := found.Decode(&anonymous); err == nil && p.class == "" {
		p.class = anonymous.class()
	}
	// A field of another type than expected spoils one layout, not the other.
	var nested geoRecord
	if err := found.Decode(&nested); err == nil {
		country := nested.Country.ISOCode
		if country == "" {
			country = nested.RegisteredCountry.ISOCode
		}
		setCountry(p, country)
		if lat, lon := nested.Location.Latitude, nested.Location.Longitude; lat != nil && lon != nil {
			setCity(p, *lat, *lon)
		}
		setAS(p, nested.ASN, nested.ASOrg)
	}
	var flat flatRecord
	if err := found.Decode(&flat); err == nil {
		setCountry(p, flat.CountryCode)
		lat, ok1 := number(flat.Latitude)
		lon, ok2 := number(flat.Longitude)
		if ok1 && ok2 {
			setCity(p, lat, lon)
		}
		org := flat.ASOrg
		if org == "" {
			org = flat.ASName
		}
		if n, ok := number(flat.ASN); ok && n >= 0 && n <= 1<<32-1 {
			setAS(p, uint32(n), org)
		}
	}
}

func setCountry(p *place, code string) {
	if p.country == "" && isCountryCode(code) {
		p.country = code
	}
}

func setCity(p *place, lat, lon float64) {
	if p.precision != "" || !(lat >= -90 && lat <= 90 && lon >= -180 && lon <= 180) || (lat == 0 && lon == 0) {
		return
	}
	p.latitude, p.longitude, p.precision = lat, lon, "city"
}

func setAS(p *place, asn uint32, org string) {
	if p.asn == 0 {
		p.asn, p.asOrg = asn, org
	}
}

func builtInCountry(addr netip.Addr) string {
	if code := iploc.IPCountry(addr); isCountryCode(code) {
		return code
	}
	return ""
}

// isCountryCode refuses ZZ, which stands for unknown.
func isCountryCode(s string) bool {
	return len(s) == 2 && s != "ZZ" && 'A' <= s[0] && s[0] <= 'Z' && 'A' <= s[1] && s[1] <= 'Z'
}

func number(v any) (float64, bool) {
	switch n := v.(type) {
	case float64:
		return n, true
	case float32:
		return float64(n), true
	case uint64:
		return float64(n), true
	case uint32:
		return float64(n), true
	case uint16:
		return float64(n), true
	case int32:
		return float64(n), true
	case int:
		return float64(n), true
	case string:
		return parseFloat(n)
	}
	return 0, false
}
