package alerting

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

var (
	cefHeader = strings.NewReplacer(`\`, `\\`, `|`, `\|`, "\r", " ", "\n", " ")
	cefValue  = strings.NewReplacer(`\`, `\\`, `=`, `\=`, "\r\n", `\n`, "\n", `\n`, "\r", `\n`)
)

// cefSeverity maps OCSF severity_id 1..5 to CEF's 0..10.
var cefSeverity = map[int]int{
	schemas.SeverityInfo: 1, schemas.SeverityLow: 3, schemas.SeverityMedium: 5,
	schemas.SeverityHigh: 8, schemas.SeverityCritical: 10,
}

// Bounds of CEF's fields, in characters.
const (
	cefName   = 512
	cefText   = 1023 // msg, suser, suid, flexString
	cefString = 4000 // cs1 to cs6
)

// CEF writes an alert in ArcSight's Common Event Format, version 0.
func CEF(a *schemas.Alert) string {
	l := &a.Unmapped.Lapwing
	var b strings.Builder
	for _, f := range []string{"CEF:0", schemas.ProductName, schemas.ProductName, a.Metadata.Product.Version, a.FindingInfo.Analytic.UID, clip(a.FindingInfo.Title, cefName)} {
		b.WriteString(schemas.Plain(cefHeader.Replace(f)))
		b.WriteByte('|')
	}
	b.WriteString(strconv.Itoa(cefSeverity[a.SeverityID]))
	b.WriteByte('|')

	first := true
	put := func(k, v string) {
		if v == "" {
			return
		}
		if !first {
			b.WriteByte(' ')
		}
		first = false
		b.WriteString(k + "=" + schemas.Plain(cefValue.Replace(v)))
	}
	put("rt", strconv.FormatInt(a.Time, 10))
	put("start", strconv.FormatInt(a.FindingInfo.FirstSeenTime, 10))
	put("end", strconv.FormatInt(a.FindingInfo.LastSeenTime, 10))
	put("externalId", a.ID())
	put("suid", clip(a.Actor.User.UID, cefText))
	put("suser", clip(a.Actor.User.Name, cefText))
	put("act", strings.ToLower(a.ActivityName))
	put("cat", l.Family)
	if len(a.Evidences) > 0 {
		if e := a.Evidences[0]; e.SrcEndpoint != nil {
			if ip, err := netip.ParseAddr(e.SrcEndpoint.IP); err == nil && ip.Unmap().Is4() {
				put("src", ip.Unmap().String())
			} else if err == nil {
				put("c6a2Label", "Source IPv6 Address")
				put("c6a2", ip.String())
			}
		}
	}
	put("cn1Label", "alert version")
	put("cn1", strconv.Itoa(l.Version))
	put("cn2Label", "risk score")
	put("cn2", strconv.Itoa(a.RiskScore))
	for i, kv := range [][2]string{
		{"owner", l.Identity.Owner}, {"team", l.Identity.Team}, {"environment", l.Identity.Environment},
		{"observed", l.Observed}, {"expected", l.Expected}, {"way", l.Way},
	} {
		if kv[1] != "" {
			n := strconv.Itoa(i + 1)
			put("cs"+n+"Label", kv[0])
			put("cs"+n, clip(kv[1], cefString))
		}
	}
	for i, kv := range [][2]string{{"credential", a.Actor.User.CredentialUID}, {"breaks if disabled", Breaks(a)}} {
		if kv[1] != "" {
			n := strconv.Itoa(i + 1)
			put("flexString"+n+"Label", kv[0])
			put("flexString"+n, clip(kv[1], cefText))
		}
	}
	if x := l.Identity.Issuance; x != nil {
		for i, kv := range []struct {
			label string
			ms    int64
		}{{"credential issued", x.Issued}, {"credential expires", x.Expires}} {
			if kv.ms > 0 {
				n := strconv.Itoa(i + 1)
				put("deviceCustomDate"+n+"Label", kv.label)
				put("deviceCustomDate"+n, strconv.FormatInt(kv.ms, 10))
			}
		}
		put("LapwingMintedBy", clip(x.MintedBy, cefText))
	}
	// CEF's own fields are used up: keys that begin with the vendor's name are free.
	put("LapwingPolicy", clip(Policy(a), cefText))
	put("LapwingExceptions", clip(Exceptions(a), cefText))
	put("msg", clip(a.FindingInfo.Desc, cefText))
	return b.String()
}
