package detect

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/lapwing-sec/lapwing/detect/capability"
	"github.com/lapwing-sec/lapwing/schemas"
)

// emit appends the next version of an alert to the output.
func (e *Engine) emit(p *Profile, a *openAlert, at int64, page bool) {
	a.version++
	a.dirty, a.changed, a.emitted = false, false, at
	a.page = page
	activity := schemas.ActivityUpdate
	if a.version == 1 {
		activity = schemas.ActivityCreate
	}
	e.out.Alerts = append(e.out.Alerts, e.build(p, a, at, activity, ""))
	e.stats.Versions++
}

// emitClose appends the closing version.
func (e *Engine) emitClose(p *Profile, a *openAlert, at int64, reason string) {
	a.version++
	a.page = false
	e.out.Alerts = append(e.out.Alerts, e.build(p, a, at, schemas.ActivityClose, reason))
	e.stats.Versions++
}

var activityNames = map[int]string{schemas.ActivityCreate: "Create", schemas.ActivityUpdate: "Update", schemas.ActivityClose: "Close"}

// build words one version of an alert.
func (e *Engine) build(p *Profile, a *openAlert, at int64, activity int, closed string) schemas.Alert {
	f, id := e.store.facts[p.self], e.store.ids[p.self]
	parts := ordered(a.parts)
	lead := leads(a, parts)
	out := e.compose(id, f, a, parts, &parts[lead], title(id, f, &parts[lead], parts), e.describe(p, a, parts, lead), at, activity, closed)
	if p.Human() {
		out.Actor.User.TypeID, out.Actor.User.Type = 1, "User"
	}
	return out
}

// compose is one version of an alert about id, with its words. head is the finding
// that heads it; parts begin with the gravest.
func (e *Engine) compose(id string, f *facts, a *openAlert, parts []part, head *part, title, desc string, at int64, activity int, closed string) schemas.Alert {
	title, desc = schemas.Plain(title), schemas.Plain(desc)
	status := 1
	if closed != "" {
		status = 4 // resolved
	}
	created := a.first / 1e6
	out := schemas.Alert{
		ActivityID: activity, ActivityName: activityNames[activity],
		CategoryUID: schemas.CategoryFindings, CategoryName: "Findings",
		ClassUID: schemas.ClassDetection, ClassName: "Detection Finding", TypeUID: schemas.ClassDetection*100 + activity,
		Time: at / 1e6, SeverityID: a.severity, Severity: schemas.SeverityName(a.severity), StatusID: status,
		RiskScore: risk(a, parts),
		Metadata: schemas.Metadata{
			Version: schemas.OCSFVersion,
			Product: schemas.Product{Name: schemas.ProductName, VendorName: schemas.ProductName, Version: e.cfg.ProductVersion},
			UID:     a.id + "." + strconv.Itoa(a.version), TenantUID: e.cfg.Tenant, LogName: a.format,
			Profiles: []string{"host"}, // the one that OCSF's actor comes from
		},
		Actor: schemas.Actor{User: schemas.User{
			UID: id, Name: f.name, TypeID: 4, Type: "Service", CredentialUID: a.credential,
		}},
		FindingInfo: schemas.FindingInfo{
			UID: a.id, Title: title, Desc: desc,
			Analytic:    analytic(a.meta),
			Attacks:     attacks(parts),
			CreatedTime: created, FirstSeenTime: created, LastSeenTime: a.last / 1e6, ModifiedTime: at / 1e6,
			RelatedEvents: slices.Clone(a.samples),
		},
		AnomalyAnalyses: analyses(id, parts, a.history),
		Evidences:       evidences(a.samples),
		Unmapped: schemas.Unmapped{Lapwing: schemas.Lapwing{
			Version: a.version, Family: familyOf(parts), Way: a.way.String(), Page: a.page, Paged: a.woke, Learning: a.young, Cell: e.cfg.Cell,
			Headline: head.meta.Name,
			Expected: schemas.Plain(head.Expected), Observed: schemas.Plain(head.Observed), Surprise: round2(head.Surprise), Rarity: head.Rarity,
			Calibration: head.Calibration,
			Identity: schemas.AlertIdentity{
				Kind: f.kind, Name: f.name, Owner: f.owner, Team: f.team, Environment: f.environment, Criticality: f.criticality,
				Vendor: f.vendor, Runbook: f.runbook, Route: f.route, Managed: f.managed, Dependants: slices.Clone(f.dependants),
				Principal: a.principal, Credential: a.credential, LastRotation: f.lastRotation / 1e6,
				Policy: f.policies(), Exceptions: f.inForce(at), Issuance: e.issuance(a, at),
			},
			Breaks: slices.Clone(f.dependants), Links: slices.Clone(a.links), PartOf: a.partOf, CloseReason: closed,
			FirstChecks: checks(parts, a.id), Mappings: mappings(parts),
		}},
	}
	if a.session != "" {
		out.Actor.Session = &schemas.Session{UID: a.session}
		if !a.issued.declared {
			out.Actor.Session.Created, out.Actor.Session.Expires = a.issued.issued/1e6, a.issued.expires/1e6
		}
	}
	for _, x := range out.Unmapped.Lapwing.Identity.Policy {
		out.Actor.Authorizations = append(out.Actor.Authorizations, schemas.Authorization{Policy: schemas.AuthorizationPolicy{Name: x.Key, Desc: x.Allows, IsApplied: true}})
	}
	if a.format != "" {
		out.FindingInfo.DataSources = []string{a.format}
	}
	out.Message = out.FindingInfo.Title
	out.IsAlert = a.page && closed == ""
	out.Confidence = confidence(a, &parts[0])
	out.ConfidenceID = 1 + btoi(out.Confidence >= 50) + btoi(out.Confidence >= 80)
	seen := map[string]bool{}
	for i := range parts {
		q := &parts[i]
		out.Unmapped.Lapwing.Findings = append(out.Unmapped.Lapwing.Findings, schemas.Finding{
			Detector: q.meta.Name, Family: q.meta.Family.String(), Way: q.Way.String(), Severity: q.severity, Surprise: round2(q.Surprise),
			Sentence: schemas.Plain(q.Sentence), Observed: schemas.Plain(q.Observed), Expected: schemas.Plain(q.Expected), Value: q.Value, Count: q.count,
			Time: q.first / 1e6, LastTime: q.end / 1e6,
		})
		if !seen[q.meta.Name] {
			seen[q.meta.Name] = true
			out.FindingInfo.RelatedAnalytics = append(out.FindingInfo.RelatedAnalytics, analytic(q.meta))
		}
	}
	if c := out.Unmapped.Lapwing.FirstChecks; len(c) > 0 {
		out.Remediation = &schemas.Remediation{Desc: strings.Join(c, " ")}
		if f.runbook != "" {
			out.Remediation.References = []string{f.runbook}
		}
	}
	return out
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// round2 keeps two decimals.
func round2(x float64) float64 { return float64(int64(x*100+0.5)) / 100 }

// ordered sorts an alert's findings, the gravest first.
func ordered(parts []part) []part {
	out := slices.Clone(parts)
	slices.SortStableFunc(out, func(a, b part) int {
		// A sum heads nothing: what it adds up does.
		if x, y := a.meta == &riskCard, b.meta == &riskCard; x != y {
			return btoi(x) - btoi(y)
		}
		if a.severity != b.severity {
			return b.severity - a.severity
		}
		if x, y := a.rank(), b.rank(); x != y {
			return y - x
		}
		if c := cmp.Compare(b.Surprise, a.Surprise); c != 0 {
			return c
		}
		return compare(a.first, b.first)
	})
	return out
}

// rank orders findings of one severity: by their way, but what pages for the place
// it came from stands after what was done there.
func (q *part) rank() int {
	place := q.meta.Family == FamilyPlace
	switch q.meta {
	case &networkPolicyCard, &regionPolicyCard, &newRegionCard, &offWorkloadCard:
		place = true
	}
	if place && q.Way >= WayConsequence {
		return 2*int(WayConsequence) - 1
	}
	return 2 * int(q.Way)
}

// familyOf is "declared" when any finding breaks a policy, else "learned".
func familyOf(parts []part) string {
	for i := range parts {
		if parts[i].meta.Basis == Declared {
			return Declared.String()
		}
	}
	return Learned.String()
}

func analytic(m *Meta) schemas.Analytic {
	a := schemas.Analytic{UID: m.Name, Name: m.Title, TypeID: 2, Type: "Behavioral", Category: m.Family.String()}
	if m.Basis == Declared {
		a.TypeID, a.Type = 1, "Rule"
	}
	return a
}

// risk is 0 to 100: the severity's base, and up to eight more for how
// surprising and how manifold it is.
func risk(a *openAlert, parts []part) int {
	base := [...]int{0, 5, 25, 50, 75, 90}[a.severity]
	more := min(int(parts[0].Surprise), 4) + min(len(parts)-1, 4)
	return min(base+more, 100)
}

// confidence is how sure the finding is of itself.
func confidence(a *openAlert, head *part) int {
	switch {
	case head.meta.Basis == Declared:
		return 99
	case a.young:
		return 45
	case head.Way == WayConsequence:
		return 85
	case head.Way == WayStrong && !byPrior(head.Calibration):
		return 75
	case byPrior(head.Calibration):
		return 50
	default:
		return 65
	}
}

func attacks(parts []part) []schemas.Attack {
	var out []schemas.Attack
	for i := range parts {
		for _, t := range parts[i].meta.Attacks {
			if !slices.ContainsFunc(out, func(a schemas.Attack) bool { return a.Technique.UID == t.UID }) {
				out = append(out, schemas.Attack{Version: schemas.ATTACKVersion, Technique: t})
			}
		}
	}
	return out
}

func mappings(parts []part) schemas.Mappings {
	var m schemas.Mappings
	union := func(to *[]string, from []string) {
		for _, s := range from {
			if !slices.Contains(*to, s) {
				*to = append(*to, s)
			}
		}
	}
	for i := range parts {
		c := parts[i].meta
		union(&m.OWASPNHI, c.NHI)
		union(&m.OWASPAPI, c.API)
		union(&m.NISTCSF, c.NIST)
		union(&m.PCIDSS, c.PCI)
	}
	return m
}

// thisAlert stands in a first check's command for the id of the alert that shows it.
const thisAlert = "alert=ID"

// exportChecks come first where data is exported: an export that was asked for may
// still be under way.
var exportChecks = []string{
	"Stop the export while it runs: cancel the job or task that this call began, then take its target's access away.",
	"Find out where the data goes, and whose that place is; what has arrived there counts as read.",
}

// checks are the first checks of all findings of alert id, at most eight.
func checks(parts []part, id string) []string {
	var out []string
	for i := range parts {
		list := parts[i].meta.FirstChecks
		if parts[i].Capability.Has(capability.ExportsData) {
			list = append(slices.Clone(exportChecks), list...)
		}
		for _, c := range list {
			c = strings.ReplaceAll(c, thisAlert, "alert="+id)
			if len(out) < 8 && !slices.Contains(out, c) {
				out = append(out, c)
			}
		}
	}
	return out
}

// analyses is OCSF's account of the deviations: one for each finding with two
// sides.
func analyses(id string, parts []part, history string) []schemas.AnomalyAnalysis {
	var anomalies []schemas.Anomaly
	var baselines []schemas.Baseline
	for i := range parts {
		q := &parts[i]
		if q.Observed == "" || len(anomalies) == 8 {
			continue
		}
		anomalies = append(anomalies, schemas.Anomaly{
			ObservationParameter: q.meta.Name, ObservationType: q.meta.Basis.String(),
			Observations: []schemas.Observation{{Value: q.Observed, Count: q.count}}, ObservedPattern: q.Sentence,
		})
		if q.Expected != "" {
			b := schemas.Baseline{
				ObservationParameter: q.meta.Name, ObservationType: q.meta.Basis.String(),
				Observations: []schemas.Observation{{Value: q.Expected}},
			}
			if q.meta.Basis == Learned {
				b.ObservedPattern = history
			}
			baselines = append(baselines, b)
		}
	}
	if len(anomalies) == 0 {
		return nil
	}
	return []schemas.AnomalyAnalysis{{
		AnalysisTargets: []schemas.AnalysisTarget{{Name: id, Type: "identity"}},
		Anomalies:       anomalies, Baselines: baselines,
	}}
}

// evidences shows the first five samples in OCSF's own place for them.
func evidences(samples []schemas.RelatedEvent) []schemas.Evidence {
	var out []schemas.Evidence
	for _, s := range samples[:min(len(samples), 5)] {
		x := schemas.Evidence{UID: s.UID, API: &schemas.EvidenceAPI{Operation: s.Type}}
		if ip, ok := strings.CutPrefix(placeOf(&s), "from "); ok {
			x.SrcEndpoint = &schemas.Endpoint{IP: ip}
		}
		out = append(out, x)
	}
	return out
}
