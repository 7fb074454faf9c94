package detect

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/lapwing-sec/lapwing/detect/capability"
	"github.com/lapwing-sec/lapwing/schemas"
)

// who names an identity in a sentence: the declared name, else the short id.
func who(ev *schemas.Event) string {
	if ev.IdentityName != "" {
		return ev.IdentityName
	}
	return shortID(ev.IdentityId)
}

// origin says where a call came from: "from 203.0.113.9 (BR, AS64500 Example)",
// or nothing when the log does not tell.
func origin(ev *schemas.Event) string {
	if ev.SrcIp == "" {
		return ""
	}
	var parts []string
	if ev.NetworkName != "" {
		parts = append(parts, ev.NetworkName)
	}
	if ev.Country != "" {
		parts = append(parts, ev.Country)
	}
	if ev.Asn != 0 {
		parts = append(parts, strings.TrimSpace("AS"+strconv.FormatUint(uint64(ev.Asn), 10)+" "+ev.AsOrg))
	}
	if len(parts) == 0 {
		return " from " + ev.SrcIp
	}
	return " from " + ev.SrcIp + " (" + strings.Join(parts, ", ") + ")"
}

// placed names the cloud region of a call: " in eu-north-1", or nothing.
func placed(ev *schemas.Event) string {
	if ev.Region == "" {
		return ""
	}
	return " in " + clip(ev.Region, 60)
}

// clip cuts s to at most n bytes, at a rune's boundary, and marks the cut.
func clip(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n] + "…"
}

// ended says how an attempt that did not succeed ended: " (refused: AccessDenied)".
func ended(call *Call) string {
	switch {
	case call.Denied:
		return " (refused" + because(call.Event) + ")"
	case call.Failed:
		return " (failed" + because(call.Event) + ")"
	}
	return ""
}

func because(ev *schemas.Event) string {
	switch {
	case ev.ErrorCode != "":
		return ": " + ev.ErrorCode
	case ev.StatusCode != 0:
		return " with status " + strconv.FormatUint(uint64(ev.StatusCode), 10)
	}
	return ""
}

// kindPlural words the peers of a kind: "workloads".
func kindPlural(kind string) string {
	switch kind {
	case "":
		return "other identities without a declared kind"
	case "ci_pipeline":
		return "other CI pipelines"
	case "api_key":
		return "other API keys"
	case "oauth_app":
		return "other OAuth apps"
	case "ai_agent":
		return "other AI agents"
	case "human":
		return "other people"
	}
	return "other " + strings.ReplaceAll(kind, "_", " ") + "s"
}

// peersSay words how common something is among the peers, or nothing when
// there are too few to say: "; 0 of 11 other workloads do this".
func peersSay(p *Profile, have, of int) string {
	return inPeers(p, have, of, "do this")
}

// ofOne puts what several do into the singular: "come from there" becomes "comes
// from there".
func ofOne(do string) string {
	verb, rest, more := strings.Cut(do, " ")
	switch verb {
	case "are":
		verb = "is"
	case "do", "go":
		verb += "es"
	default:
		verb += "s"
	}
	if more {
		verb += " " + rest
	}
	return verb
}

// minPeersSaid is how many peers a share is stated of.
const minPeersSaid = 3

// span words a duration roughly, as a person would: "41 days", "6 hours".
func span(d time.Duration) string {
	switch {
	case d >= 48*time.Hour:
		return plural(int(d/(24*time.Hour)), "day")
	case d >= 2*time.Hour:
		return plural(int(d/time.Hour), "hour")
	case d >= 2*time.Minute:
		return plural(int(d/time.Minute), "minute")
	}
	return plural(int(d/time.Second), "second")
}

// date words a moment to the day, in UTC.
func date(ns int64) string { return time.Unix(0, ns).UTC().Format("2 January 2006") }

// phrasePast says in the past tense what a class does.
func phrasePast(class capability.Set) string {
	switch class.First() {
	case capability.Reads:
		return "read"
	case capability.Lists:
		return "listed"
	case capability.Writes:
		return "wrote"
	case capability.Deletes:
		return "deleted"
	case capability.Administers:
		return "administered"
	case capability.ReadsSecret:
		return "read a secret"
	case capability.MintsCredential:
		return "minted a credential"
	case capability.GrantsPrivilege:
		return "granted privileges"
	case capability.ChangesTrust:
		return "changed trust"
	case capability.ExposesResource:
		return "exposed a resource"
	case capability.RunsCode:
		return "ran code elsewhere"
	case capability.DisablesLogging:
		return "touched logging"
	case capability.DestroysData:
		return "destroyed data"
	case capability.ExportsData:
		return "exported data"
	case capability.SpawnsCompute:
		return "started machines"
	case capability.ReadsIdentities:
		return "asked who it is"
	case capability.InvokesModel:
		return "called AI models"
	case capability.LooksInside:
		return "looked behind the API"
	default:
		return "acted"
	}
}

// kilometres is the great-circle distance of two places, by the haversine
// formula on a sphere of 6,371 km (R. W. Sinnott, "Virtues of the Haversine",
// 1984). Latitudes and longitudes are in degrees.
func kilometres(lat1, lon1, lat2, lon2 float64) float64 {
	const rad = math.Pi / 180
	dLat, dLon := float64(lat2-lat1)*rad, float64(lon2-lon1)*rad
	a, b := math.Sin(dLat/2), math.Sin(dLon/2)
	h := float64(a*a) + float64(float64(math.Cos(lat1*rad)*math.Cos(lat2*rad))*float64(b*b))
	return 2 * 6371 * math.Asin(math.Sqrt(math.Min(1, h)))
}
