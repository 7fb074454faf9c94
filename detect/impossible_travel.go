package detect

import (
	"strconv"
	"time"

	"github.com/lapwing-sec/lapwing/schemas"
)

var impossibleTravelCard = Meta{
	Name: "impossible-travel", Title: "Two places too far apart", Basis: Learned, Family: FamilyPlace, Way: WayFused,
	Severity: schemas.SeverityMedium, Wake: OnNew(Country, Prefix),
	MinSample: "one earlier place", Floor: "500 km beyond the radii of both places, at more than 900 km/h; cities only, never a country's middle; neither place shared egress",
	Kept:    "the last place, 32 bytes",
	Model:   "great-circle distance less both places' radii, over the time between plus a minute",
	Attacks: []schemas.Technique{{UID: "T1550.001", Name: "Application Access Token"}},
	NHI:     []string{"NHI2:2025"}, API: []string{"API2:2023"}, NIST: nistNetwork, PCI: pciNetwork,
	FirstChecks: []string{
		"Ask whether the identity runs in both places (a second region, a partner's two sites).",
		"Compare the two clients and networks: the same software twice is a deployment, a stranger's is not.",
		"Rotate the credential if one of the places is not yours.",
	},
}

// impossibleTravel finds two calls in a row from places that nothing travels
// between in the time. Both places must be cities with a stated radius: from
// the middle of a country no distance can be measured.
type impossibleTravel struct{ arrivalOnly }

const (
	travelKm  = 500
	travelKmh = 900
)

// Meta implements Detector.
func (impossibleTravel) Meta() *Meta { return &impossibleTravelCard }

// Observe implements Detector.
func (impossibleTravel) Observe(c *Cell, p *Profile, call *Call, out *Findings) {
	ev, last := call.Event, p.LastPlace()
	if ev.GeoPrecision != "city" || ev.GeoRadiusKm == 0 || ev.Country == "" || last.Time == 0 || last.Radius == 0 || last.Shared || call.Denied ||
		call.Time < last.Time || placeless(c, call) || p.Human() {
		return
	}
	km := kilometres(float64(last.Latitude), float64(last.Longitude), ev.Latitude, ev.Longitude)
	apart := km - float64(last.Radius) - float64(ev.GeoRadiusKm)
	dt := time.Duration(call.Time - last.Time)
	kmh := apart / (dt + time.Minute).Hours()
	if apart < travelKm || kmh <= travelKmh {
		return
	}
	s, rarity := c.Novelty(p, call, Country)
	if s == 0 {
		s, rarity = c.Novelty(p, call, Prefix)
	}
	if s == 0 {
		return // it lives in both places
	}
	far := thousands(int(km/10) * 10)
	out.Add(Finding{
		Way: WayFused, Severity: schemas.SeverityMedium, Surprise: s + 1, Value: ev.Country,
		Did: "called from two places " + far + " km apart within " + span(dt),
		Sentence: who(ev) + " called " + ev.Operation + origin(ev) + ended(call) + ", " + span(dt) + " after a call from a place " + far +
			" km away; at " + strconv.Itoa(travelKmh) + " km/h that takes " + span(time.Duration(apart/travelKmh*float64(time.Hour))) + ". The place was " + rarity + ".",
		Observed: far + " km in " + span(dt), Expected: "at most " + strconv.Itoa(travelKmh) + " km/h", Rarity: rarity,
	})
}
