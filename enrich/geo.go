package enrich

import (
	"fmt"
	"math"
	"net/netip"
	"strings"
	"time"

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
	databases []geoDatabase
}

type geoDatabase struct {
	reader *maxminddb.Reader
	loaded Loaded
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
		g.databases = append(g.databases, geoDatabase{db, Loaded{
			What: "geo", File: path, Kind: db.Metadata.DatabaseType, Bytes: int64(len(data)), Entries: int(db.Metadata.NodeCount), //nolint:gosec // a file's
			Time: time.Unix(int64(db.Metadata.BuildEpoch), 0), //nolint:gosec // only shown
		}})
	}
	return g, nil
}

// geoRecord is MaxMind's layout, which DB-IP's files have too. What stands as
// scalar comes in more than one type, and one wrong type would spoil the record.
type geoRecord struct {
	Country struct {
		ISOCode scalar `maxminddb:"iso_code"`
	} `maxminddb:"country"`
	RegisteredCountry struct {
		ISOCode scalar `maxminddb:"iso_code"`
	} `maxminddb:"registered_country"`
	City struct {
		GeoNameID scalar `maxminddb:"geoname_id"`
		Names     struct {
			English scalar `maxminddb:"en"`
		} `maxminddb:"names"`
	} `maxminddb:"city"`
	Location struct {
		Latitude  *float64 `maxminddb:"latitude"`
		Longitude *float64 `maxminddb:"longitude"`
		Radius    scalar   `maxminddb:"accuracy_radius"`
	} `maxminddb:"location"`
	ASN   uint32 `maxminddb:"autonomous_system_number"`
	ASOrg scalar `maxminddb:"autonomous_system_organization"`
}

// flatRecord is the layout of IPinfo's files and of those converted from CSV.
// Numbers come as floats, integers or text there, so they are read as whatever
// they are.
type flatRecord struct {
	CountryCode scalar `maxminddb:"country_code"`
	Country     scalar `maxminddb:"country"`
	City        scalar `maxminddb:"city"`
	Latitude    scalar `maxminddb:"latitude"`
	Longitude   scalar `maxminddb:"longitude"`
	Lat         scalar `maxminddb:"lat"`
	Lng         scalar `maxminddb:"lng"`
	Accuracy    scalar `maxminddb:"accuracy_radius"`
	Radius      scalar `maxminddb:"radius"`
	ASN         scalar `maxminddb:"asn"`
	ASOrg       scalar `maxminddb:"as_organization"`
	ASName      scalar `maxminddb:"as_name"`
}

// The words of an event for how exact its place is.
const (
	precisionCity    = "city"
	precisionCountry = "country"
)

// Radii in kilometres. A database without radii is taken to be right to
// statedRadius where it names a city. A place with a radius above widestCity is
// the middle of a country or a state, whatever its coordinates look like:
// databases put those into the same fields.
const (
	statedRadius = 50
	widestCity   = 250
	widestEarth  = 20_038
)

// fill looks an address up and completes what is still empty in p.
func (g *geoSet) fill(p *place) {
	if g != nil {
		for i := range g.databases {
			fillFrom(g.databases[i].reader, p)
		}
	}
	if p.class == "" && hostingASNs[p.asn] {
		p.class = classHosting
	}
	if p.country == "" {
		p.country = builtInCountry(p.addr)
	}
	if p.country != "" && p.precision == "" {
		p.precision = precisionCountry
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
		country := nested.Country.ISOCode.text()
		if country == "" {
			country = nested.RegisteredCountry.ISOCode.text()
		}
		radius, _ := nested.Location.Radius.number()
		same := setCountry(p, country)
		if lat, lon := nested.Location.Latitude, nested.Location.Longitude; same && lat != nil && lon != nil {
			setPoint(p, *lat, *lon, radius, nested.City.GeoNameID.value != nil || nested.City.Names.English.text() != "")
		}
		setAS(p, nested.ASN, nested.ASOrg.text())
	}
	var flat flatRecord
	if err := found.Decode(&flat); err == nil {
		flat.fill(p)
	}
}

func (r *flatRecord) fill(p *place) {
	country := r.CountryCode.text()
	if country == "" {
		country = r.Country.text()
	}
	same := setCountry(p, country)
	lat, ok1 := firstNumber(r.Latitude, r.Lat)
	lon, ok2 := firstNumber(r.Longitude, r.Lng)
	if ok1 && ok2 && same {
		radius, _ := firstNumber(r.Accuracy, r.Radius)
		setPoint(p, lat, lon, radius, r.City.text() != "")
	}
	org := r.ASOrg.text()
	if org == "" {
		org = r.ASName.text()
	}
	if s, ok := r.ASN.value.(string); ok {
		r.ASN.value = strings.TrimPrefix(s, "AS")
	}
	if n, ok := r.ASN.number(); ok && n >= 0 && n <= 1<<32-1 {
		setAS(p, uint32(n), org)
	}
}

// setCountry reports whether the record speaks of the country that p has now,
// so that no place of one database stands beside the country of another.
func setCountry(p *place, code string) bool {
	if p.country == "" && isCountryCode(code) {
		p.country = code
	}
	return !isCountryCode(code) || code == p.country
}

// setPoint takes coordinates with their radius in kilometres, 0 when none is
// stated. A city takes the place of a country's middle, never the other way.
func setPoint(p *place, lat, lon, radius float64, named bool) {
	if p.precision == precisionCity || !(lat >= -90 && lat <= 90 && lon >= -180 && lon <= 180) || (lat == 0 && lon == 0) {
		return
	}
	stated := radius > 0
	exact := stated && radius <= widestCity || !stated && named
	if !exact && p.precision != "" {
		return
	}
	p.latitude, p.longitude, p.precision, p.radius = lat, lon, precisionCountry, 0
	switch {
	case stated:
		p.radius = uint32(math.Ceil(min(radius, widestEarth)))
	case exact:
		p.radius = statedRadius
	}
	if exact {
		p.precision = precisionCity
	}
}

func setAS(p *place, asn uint32, org string) {
	if p.asn == 0 {
		p.asn, p.asOrg = asn, organisation(org)
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

// firstNumber gives the first of two values that is a number.
func firstNumber(a, b scalar) (float64, bool) {
	if n, ok := a.number(); ok {
		return n, true
	}
	return b.number()
}
