package schemas

import (
	"slices"
	"strings"
)

// OCSF constants of a Detection Finding.
const (
	OCSFVersion      = "1.8.0"
	ClassDetection   = 2004
	CategoryFindings = 2
	ActivityCreate   = 1
	ActivityUpdate   = 2
	ActivityClose    = 3
	ProductName      = "Lapwing"
	ATTACKVersion    = "18"
	SeverityInfo     = 1
	SeverityLow      = 2
	SeverityMedium   = 3
	SeverityHigh     = 4
	SeverityCritical = 5
	MaxAlertSamples  = 50
)

// SeverityName gives OCSF's caption of a severity_id.
func SeverityName(id int) string {
	switch id {
	case SeverityInfo:
		return "Informational"
	case SeverityLow:
		return "Low"
	case SeverityMedium:
		return "Medium"
	case SeverityHigh:
		return "High"
	case SeverityCritical:
		return "Critical"
	}
	return "Unknown"
}

// severityWords are the severities as configurations and the command line say
// them, the first being SeverityInfo.
var severityWords = [...]string{"informational", "low", "medium", "high", "critical"}

// SeverityWords lists the severities as configurations and the command line say
// them, the least first.
func SeverityWords() []string { return slices.Clone(severityWords[:]) }

// SeverityOf gives the severity_id of such a word, in whatever case; false for any
// other word.
func SeverityOf(word string) (id int, ok bool) {
	i := slices.Index(severityWords[:], strings.ToLower(word))
	return i + SeverityInfo, i >= 0
}

// Alert is an OCSF Detection Finding (class 2004): one version of one alert.
// Its uid and version are functions of the event log alone, so a replay writes
// the same bytes. All times are Unix milliseconds.
type Alert struct {
	ActivityID   int    `json:"activity_id"`
	ActivityName string `json:"activity_name"`
	CategoryUID  int    `json:"category_uid"`
	CategoryName string `json:"category_name"`
	ClassUID     int    `json:"class_uid"`
	ClassName    string `json:"class_name"`
	TypeUID      int    `json:"type_uid"`
	// Time of the event or pane that caused this version.
	Time       int64  `json:"time"`
	SeverityID int    `json:"severity_id"`
	Severity   string `json:"severity"`
	// IsAlert is OCSF's word for unmapped.lapwing.page: this version should wake
	// somebody.
	IsAlert      bool     `json:"is_alert"`
	StatusID     int      `json:"status_id"`
	Message      string   `json:"message"`
	ConfidenceID int      `json:"confidence_id"`
	Confidence   int      `json:"confidence_score"`
	RiskScore    int      `json:"risk_score"`
	Metadata     Metadata `json:"metadata"`
	// Actor comes from OCSF's profile "host", which Metadata.Profiles names.
	Actor Actor `json:"actor"`

	FindingInfo     FindingInfo       `json:"finding_info"`
	AnomalyAnalyses []AnomalyAnalysis `json:"anomaly_analyses,omitempty"`
	Evidences       []Evidence        `json:"evidences,omitempty"`
	Remediation     *Remediation      `json:"remediation,omitempty"`
	Unmapped        Unmapped          `json:"unmapped"`
}

// Metadata says which schema and product wrote the finding.
type Metadata struct {
	Version   string   `json:"version"`
	Product   Product  `json:"product"`
	UID       string   `json:"uid"`
	TenantUID string   `json:"tenant_uid,omitempty"`
	LogName   string   `json:"log_name,omitempty"`
	Profiles  []string `json:"profiles,omitempty"`
}

// Product names Lapwing.
type Product struct {
	Name       string `json:"name"`
	VendorName string `json:"vendor_name"`
	Version    string `json:"version,omitempty"`
}

// Actor is the identity that the alert is about.
type Actor struct {
	User    User     `json:"user"`
	Session *Session `json:"session,omitempty"`
	// Authorizations are the declared policies in force, one for each key.
	Authorizations []Authorization `json:"authorizations,omitempty"`
}

// Authorization is OCSF's authorization object.
type Authorization struct {
	Policy AuthorizationPolicy `json:"policy"`
}

// AuthorizationPolicy is OCSF's policy object: what one key of allowed states.
type AuthorizationPolicy struct {
	Name      string `json:"name"`
	Desc      string `json:"desc"`
	IsApplied bool   `json:"is_applied"`
}

// User is OCSF's user object; TypeID 4 is a service.
type User struct {
	UID           string `json:"uid"`
	Name          string `json:"name,omitempty"`
	TypeID        int    `json:"type_id"`
	Type          string `json:"type,omitempty"`
	CredentialUID string `json:"credential_uid,omitempty"`
}

// Session is the session that the triggering event ran in.
type Session struct {
	UID string `json:"uid,omitempty"`
	// Created and Expires are the credential's life as logged.
	Created int64 `json:"created_time,omitempty"`
	Expires int64 `json:"expiration_time,omitempty"`
}

// FindingInfo carries the identity and explanation of the alert.
type FindingInfo struct {
	// UID is the alert id; it never changes over an alert's versions.
	UID   string `json:"uid"`
	Title string `json:"title"`
	// Desc is the explanation a person would give.
	Desc             string         `json:"desc"`
	Analytic         Analytic       `json:"analytic"`
	RelatedAnalytics []Analytic     `json:"related_analytics,omitempty"`
	RelatedEvents    []RelatedEvent `json:"related_events,omitempty"`
	Attacks          []Attack       `json:"attacks,omitempty"`
	CreatedTime      int64          `json:"created_time"`
	FirstSeenTime    int64          `json:"first_seen_time"`
	LastSeenTime     int64          `json:"last_seen_time"`
	ModifiedTime     int64          `json:"modified_time"`
	DataSources      []string       `json:"data_sources,omitempty"`
}

// Analytic is a detector. TypeID 1 is a rule (declared), 2 behavioural (learned).
type Analytic struct {
	UID      string `json:"uid"`
	Name     string `json:"name"`
	TypeID   int    `json:"type_id"`
	Type     string `json:"type"`
	Category string `json:"category,omitempty"`
	Version  string `json:"version,omitempty"`
}

// RelatedEvent points at an event by id, with what a reader needs to recognise it.
type RelatedEvent struct {
	UID  string `json:"uid"`
	Type string `json:"type,omitempty"`
	// Time is the event's, in milliseconds.
	Time int64  `json:"first_seen_time,omitempty"`
	Desc string `json:"desc,omitempty"`
}

// Attack is a MITRE ATT&CK mapping, with the version it was made for.
type Attack struct {
	Version   string    `json:"version"`
	Technique Technique `json:"technique"`
	Tactic    *Tactic   `json:"tactic,omitempty"`
}

// Technique is an ATT&CK technique.
type Technique struct {
	UID  string `json:"uid"`
	Name string `json:"name,omitempty"`
}

// Tactic is an ATT&CK tactic.
type Tactic struct {
	UID  string `json:"uid"`
	Name string `json:"name,omitempty"`
}

// AnomalyAnalysis is OCSF's account of what deviated from which baseline.
type AnomalyAnalysis struct {
	AnalysisTargets []AnalysisTarget `json:"analysis_targets"`
	Anomalies       []Anomaly        `json:"anomalies"`
	Baselines       []Baseline       `json:"baselines,omitempty"`
}

// AnalysisTarget is what was analysed.
type AnalysisTarget struct {
	Name string `json:"name"`
	Type string `json:"type,omitempty"`
}

// Anomaly is one deviation.
type Anomaly struct {
	ObservationParameter string        `json:"observation_parameter"`
	ObservationType      string        `json:"observation_type,omitempty"`
	Observations         []Observation `json:"observations"`
	ObservedPattern      string        `json:"observed_pattern,omitempty"`
}

// Baseline is what was expected and from how much history.
type Baseline struct {
	ObservationParameter string        `json:"observation_parameter"`
	ObservationType      string        `json:"observation_type,omitempty"`
	Observations         []Observation `json:"observations"`
	ObservedPattern      string        `json:"observed_pattern,omitempty"`
}

// Observation is one value, as text.
type Observation struct {
	Value string `json:"value"`
	Count int    `json:"count,omitempty"`
}

// Evidence is a sample of the triggering calls.
type Evidence struct {
	API         *EvidenceAPI `json:"api,omitempty"`
	SrcEndpoint *Endpoint    `json:"src_endpoint,omitempty"`
	Name        string       `json:"name,omitempty"`
	UID         string       `json:"uid,omitempty"`
}

// EvidenceAPI is the call.
type EvidenceAPI struct {
	Operation string `json:"operation"`
}

// Endpoint is where a call came from.
type Endpoint struct {
	IP string `json:"ip,omitempty"`
}

// Remediation lists the first checks to make.
type Remediation struct {
	Desc       string   `json:"desc"`
	References []string `json:"references,omitempty"`
}

// Unmapped holds what OCSF has no place for.
type Unmapped struct {
	Lapwing Lapwing `json:"lapwing"`
}

// Lapwing is the product's own part of an alert.
type Lapwing struct {
	// Version counts the versions of this alert from 1.
	Version int `json:"version"`
	// Family is "declared" or "learned".
	Family string `json:"family"`
	// Way is how it paged: declared, consequence, strong, fused, or report.
	Way string `json:"way"`
	// Page says that this version should wake somebody.
	Page bool `json:"page"`
	// Paged says that this version or an earlier one should: it stays true to the
	// closing version.
	Paged bool `json:"paged"`
	// Learning says that the identity's baseline is still young.
	Learning bool `json:"learning,omitempty"`
	// Cell is the partition of lapwing.events that judged it.
	Cell int `json:"cell"`
	// Headline is the detector of the finding that heads the title: of those on the call
	// that opened the alert the gravest, in every version. The alert's analytic is the same.
	Headline string `json:"headline,omitempty"`
	// Expected and Observed are the headline finding's two sides, in words.
	Expected string `json:"expected,omitempty"`
	Observed string `json:"observed,omitempty"`
	// Surprise is -log10 p of the headline finding; 0 where nothing is learned.
	Surprise float64 `json:"surprise"`
	// Rarity says how rare this is, never beyond what was observed.
	Rarity string `json:"rarity,omitempty"`
	// Calibration names the table that gave p: the group, a parent, or the shipped prior.
	Calibration string `json:"calibration,omitempty"`
	// Identity carries the declared facts that matter to the responder.
	Identity AlertIdentity `json:"identity"`
	// Findings is every detector's part, strongest first.
	Findings []Finding `json:"findings"`
	// FirstChecks are what to look at first, in order.
	FirstChecks []string `json:"first_checks,omitempty"`
	// Breaks lists what would break if the credential were disabled.
	Breaks []string `json:"breaks,omitempty"`
	// Links are ids of alerts that belong together with this one.
	Links    []string `json:"links,omitempty"`
	Mappings Mappings `json:"mappings"`
	// PartOf is the id of the incident alert that woke somebody in this one's place,
	// or after it: then nobody need look at this one by itself.
	PartOf string `json:"part_of,omitempty"`
	// Identities lists the members of an incident alert.
	Identities []string `json:"identities,omitempty"`
	// CloseReason is set on a closing version.
	CloseReason string `json:"close_reason,omitempty"`
}

// EndsPage reports whether nobody need be awake for this alert any more: it
// closes, or what it paged for is part of an incident that paged.
func (a *Alert) EndsPage() bool {
	l := &a.Unmapped.Lapwing
	return a.ActivityID == ActivityClose || l.PartOf != "" && l.Paged && !l.Page
}

// AlertIdentity is what is declared of the identity.
type AlertIdentity struct {
	Kind string `json:"kind,omitempty"`
	// Name is the declared one; of an identity that is in no inventory and is known by a
	// number, what its log calls it.
	Name         string   `json:"name,omitempty"`
	Owner        string   `json:"owner,omitempty"`
	Team         string   `json:"team,omitempty"`
	Environment  string   `json:"environment,omitempty"`
	Criticality  string   `json:"criticality,omitempty"`
	Vendor       string   `json:"vendor,omitempty"`
	Runbook      string   `json:"runbook,omitempty"`
	Route        string   `json:"route,omitempty"`
	Managed      bool     `json:"managed"`
	Dependants   []string `json:"dependants,omitempty"`
	Principal    string   `json:"principal,omitempty"`
	Credential   string   `json:"credential,omitempty"`
	LastRotation int64    `json:"last_rotation,omitempty"`
	// Policy is what the identity was allowed at its newest event, one entry for each
	// key of allowed that is stated.
	Policy []AlertPolicy `json:"policy,omitempty"`
	// Exceptions are those that had not ended at this version's time, 16 at most.
	Exceptions []AlertException `json:"exceptions,omitempty"`
	// Issuance is the life of Credential.
	Issuance *Issuance `json:"issuance,omitempty"`
}

// AlertPolicy is one key of allowed, in words.
type AlertPolicy struct {
	// Key is that of the inventory: operations, countries, regions, networks,
	// environments, schedule, rate or spend.
	Key string `json:"key"`
	// Allows is what it allows, shortened.
	Allows string `json:"allows"`
	// Source is "identity", or whom the entry of policies is for that states it:
	// "kind=ci_pipeline team=payments".
	Source string `json:"source"`
}

// AlertException suspends a detector until a time.
type AlertException struct {
	Detector string `json:"detector"`
	Until    int64  `json:"until"`
}

// Where the life of a credential is known from.
const (
	IssuanceDeclared = "inventory"
	IssuanceLogged   = "log"
)

// Issuance is the life of a credential, as far as it is known.
type Issuance struct {
	// Source is IssuanceDeclared or IssuanceLogged; empty when only the minting is
	// known.
	Source  string `json:"source,omitempty"`
	Issued  int64  `json:"issued,omitempty"`
	Expires int64  `json:"expires,omitempty"`
	// RotateEvery is the declared interval, milliseconds.
	RotateEvery int64 `json:"rotate_every,omitempty"`
	// MintedBy is the identity that was seen making the credential in the last seven
	// days, MintedWith the operation, MintedTime when.
	MintedBy   string `json:"minted_by,omitempty"`
	MintedWith string `json:"minted_with,omitempty"`
	MintedTime int64  `json:"minted_time,omitempty"`
}

// Finding is one detector's verdict within an alert.
type Finding struct {
	Detector string `json:"detector"`
	// Family is the kind of evidence: declared, consequence, volume, operation,
	// place, denial, time or client.
	Family   string  `json:"family"`
	Way      string  `json:"way,omitempty"`
	Severity int     `json:"severity_id"`
	Surprise float64 `json:"surprise"`
	Sentence string  `json:"sentence"`
	Observed string  `json:"observed,omitempty"`
	Expected string  `json:"expected,omitempty"`
	Value    string  `json:"value,omitempty"`
	Count    int     `json:"count"`
	Time     int64   `json:"time"`
	LastTime int64   `json:"last_time"`
}

// Mappings name the finding in the words of an audit.
type Mappings struct {
	OWASPNHI []string `json:"owasp_nhi_2025,omitempty"`
	OWASPAPI []string `json:"owasp_api_2023,omitempty"`
	NISTCSF  []string `json:"nist_csf_2,omitempty"`
	PCIDSS   []string `json:"pci_dss_4,omitempty"`
}

// ID is the alert id.
func (a *Alert) ID() string { return a.FindingInfo.UID }

// Version counts this alert's versions from 1.
func (a *Alert) Version() int { return a.Unmapped.Lapwing.Version }
