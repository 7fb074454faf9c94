package detect

import (
	"strconv"
	"time"

	"github.com/lapwing-sec/lapwing/schemas"
)

var impossibleTravelCard = Meta{
	Name: "impossible-travel", Title: "Two places too far apart", Basis: Learned, Family: FamilyPlace, Way: WayFused,
	Severity: schemas.SeverityMedium, Wake: OnNew(Country, Prefix),
	MinSample: "one earlier place", Floor: "500 km at more than 900 km/h between cities; 3,000 km where only the country is known; neither place shared egress",
	Kept:    "the last two places, 48 bytes",
	Model:   "great-circle distance less the places' uncertainty, over the time between plus a minute",
	Attacks: []schemas.Technique{{UID: "T1550.001", Name: "Application Access Token"}},
	NHI:     []string{"NHI2:2025"}, API: []string{"API2:2023"}, NIST: nistNetwork, PCI: pciNetwork,
	FirstChecks: []string{
		"Ask whether the identity runs in both places (a second region, a partner's two sites).",
		"Compare the two clients and networks: the same software twice is a deployment, a stranger's is not.",
		"Rotate the credential if one of the places is not yours.",
	},
}

// impossibleTravel finds two calls in a row from places that nothing travels
// between in the time. Places of a country's precision count only when they
// lie in different countries and very far apart.
type impossibleTravel struct{ arrivalOnly }

const (
	travelKm        = 500
	travelCountryKm = 3000
	travelKmh       = 900
	cityUncertainty = 50  // km, each side
	landUncertainty = 750 // km, each side
)

// Meta implements Detector.
func (impossibleTravel) Meta() *Meta { return &impossibleTravelCard }

// Observe implements Detector.
func (impossibleTravel) Observe(c *Cell, p *Profile, call *Call, out *Findings) {
	ev, last := call.Event, p.LastPlace()
	if ev.GeoPrecision == "" || ev.Country == "" || ev.Latitude == 0 && ev.Longitude == 0 || last.Time == 0 || last.Shared || call.Denied ||
		call.Time < last.Time || last.Latitude == 0 && last.Longitude == 0 || placeless(c, call) || p.Human() {
		return
	}
	exact := ev.GeoPrecision == "city" && last.Exact
	if !exact && call.Sight(Country).State == Known {
		// Two countries that it lives in, known to the country only.
		return
	}
	km := kilometres(float64(last.Latitude), float64(last.Longitude), ev.Latitude, ev.Longitude)
	floor, slack := float64(travelCountryKm), float64(2*landUncertainty)
	if exact {
		floor, slack = travelKm, 2*cityUncertainty
	}
	dt := time.Duration(call.Time - last.Time)
	kmh := (km - slack) / (dt + time.Minute).Hours()
	if km < floor || kmh <= travelKmh {
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
			" km away: nothing travels at " + thousands(int(min(kmh, 999_999))) + " km/h. The place was " + rarity + ".",
		Observed: far + " km in " + span(dt), Expected: "at most " + strconv.Itoa(travelKmh) + " km/h", Rarity: rarity,
	})
}
