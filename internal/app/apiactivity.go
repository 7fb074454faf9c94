package app

import (
	"strings"
	"time"

	"github.com/lapwing-sec/lapwing/schemas"
)

// OCSF constants of an API Activity.
const (
	classAPIActivity    = 6003
	categoryApplication = 6
	userTypeService     = 4
	statusSuccess       = 1
	statusFailure       = 2
)

// activity is OCSF API Activity 6003: what `lapwing parse` writes for each event.
type activity struct {
	ActivityID   int    `json:"activity_id"`
	ActivityName string `json:"activity_name"`
	CategoryUID  int    `json:"category_uid"`
	CategoryName string `json:"category_name"`
	ClassUID     int    `json:"class_uid"`
	ClassName    string `json:"class_name"`
	TypeUID      int    `json:"type_uid"`
	Time         int64  `json:"time"`
	// TimeDT is Time in RFC 3339, where that is more exact than milliseconds.
	TimeDT       string             `json:"time_dt,omitempty"`
	SeverityID   int                `json:"severity_id"`
	Severity     string             `json:"severity"`
	StatusID     int                `json:"status_id,omitempty"`
	Status       string             `json:"status,omitempty"`
	StatusDetail string             `json:"status_detail,omitempty"`
	Metadata     activityMetadata   `json:"metadata"`
	API          activityAPI        `json:"api"`
	Actor        activityActor      `json:"actor"`
	SrcEndpoint  *activityEndpoint  `json:"src_endpoint,omitempty"`
	HTTPRequest  *activityRequest   `json:"http_request,omitempty"`
	HTTPResponse *activityResponse  `json:"http_response,omitempty"`
	Cloud        *activityCloud     `json:"cloud,omitempty"`
	Resources    []activityResource `json:"resources,omitempty"`
	Unmapped     activityUnmapped   `json:"unmapped"`
}

type activityMetadata struct {
	Version   string          `json:"version"`
	Product   schemas.Product `json:"product"`
	UID       string          `json:"uid"`
	LogName   string          `json:"log_name"`
	TenantUID string          `json:"tenant_uid,omitempty"`
	Profiles  []string        `json:"profiles,omitempty"`
}

type activityAPI struct {
	Operation string           `json:"operation"`
	Service   *named           `json:"service,omitempty"`
	Request   *activityUID     `json:"request,omitempty"`
	Response  *activityOutcome `json:"response,omitempty"`
}

type named struct {
	Name string `json:"name"`
}

type activityUID struct {
	UID string `json:"uid"`
}

type activityOutcome struct {
	Code         int    `json:"code,omitempty"`
	Error        string `json:"error,omitempty"`
	ErrorMessage string `json:"error_message,omitempty"`
}

type activityActor struct {
	User    activityUser `json:"user"`
	Session *activityUID `json:"session,omitempty"`
}

type activityUser struct {
	UID           string `json:"uid"`
	Name          string `json:"name,omitempty"`
	TypeID        int    `json:"type_id"`
	Type          string `json:"type,omitempty"`
	CredentialUID string `json:"credential_uid,omitempty"`
}

type activityEndpoint struct {
	IP       string       `json:"ip,omitempty"`
	Location *activityGeo `json:"location,omitempty"`
	AS       *activityAS  `json:"autonomous_system,omitempty"`
}

type activityGeo struct {
	Country string `json:"country"`
}

type activityAS struct {
	Number uint32 `json:"number"`
	Name   string `json:"name,omitempty"`
}

type activityRequest struct {
	Method    string       `json:"http_method,omitempty"`
	URL       *activityURL `json:"url,omitempty"`
	UserAgent string       `json:"user_agent,omitempty"`
	Length    uint64       `json:"length,omitempty"`
}

type activityURL struct {
	Path     string `json:"path,omitempty"`
	Hostname string `json:"hostname,omitempty"`
}

type activityResponse struct {
	Code   uint32 `json:"code"`
	Length uint64 `json:"length"`
	// Latency in milliseconds.
	Latency uint64 `json:"latency,omitempty"`
}

type activityCloud struct {
	Provider string       `json:"provider"`
	Region   string       `json:"region,omitempty"`
	Account  *activityUID `json:"account,omitempty"`
}

type activityResource struct {
	UID string `json:"uid"`
}

// activityUnmapped holds what OCSF has no place for.
type activityUnmapped struct {
	ReadOnly string `json:"read_only,omitempty"`
	// Outcome tells what OCSF's Failure does not: denied or error.
	Outcome        string   `json:"outcome,omitempty"`
	PrincipalType  string   `json:"principal_type,omitempty"`
	CredentialType string   `json:"credential_type,omitempty"`
	Delegation     []string `json:"delegation,omitempty"`
	ActingAs       string   `json:"acting_as,omitempty"`
	Scopes         []string `json:"scopes,omitempty"`
	OAuthClient    string   `json:"oauth_client,omitempty"`
	Certificate    string   `json:"client_certificate,omitempty"`
	Workload       string   `json:"workload,omitempty"`
	// Life of the credential as logged, in milliseconds.
	CredentialIssued  int64             `json:"credential_issued,omitempty"`
	CredentialExpires int64             `json:"credential_expires,omitempty"`
	ForwardedFor      []string          `json:"forwarded_for,omitempty"`
	PeerIP            string            `json:"peer_ip,omitempty"`
	TokensIn          uint64            `json:"tokens_in,omitempty"`
	TokensOut         uint64            `json:"tokens_out,omitempty"`
	CostMicros        uint64            `json:"cost_micros,omitempty"`
	RecordsOut        uint64            `json:"records_out,omitempty"`
	MFA               bool              `json:"mfa,omitempty"`
	Anonymous         bool              `json:"anonymous,omitempty"`
	RouteTemplate     string            `json:"route_template,omitempty"`
	Client            string            `json:"client,omitempty"`
	TLSFingerprint    string            `json:"tls_fingerprint,omitempty"`
	APIDocument       string            `json:"api_document,omitempty"`
	TargetAccount     string            `json:"target_account,omitempty"`
	Grantees          []string          `json:"grantees,omitempty"`
	NetworkClass      string            `json:"network_class,omitempty"`
	NetworkName       string            `json:"network_name,omitempty"`
	Attributes        map[string]string `json:"attributes,omitempty"`
}

// activities of class 6003.
var activityNames = [...]string{"Unknown", "Create", "Read", "Update", "Delete"}

// activityID reads what a call does from its method, else from its verb. It is
// a caption for readers; no verdict hangs on it.
func activityID(ev *schemas.Event) int {
	switch ev.HttpMethod {
	case "GET", "HEAD", "OPTIONS":
		return 2
	case "POST":
		return 1
	case "PUT", "PATCH":
		return 3
	case "DELETE":
		return 4
	}
	_, verb, _ := strings.Cut(ev.Operation, ":")
	for _, v := range []struct {
		prefix string
		id     int
	}{
		{"Create", 1}, {"Run", 1}, {"Get", 2}, {"List", 2}, {"Describe", 2}, {"Head", 2}, {"Lookup", 2},
		{"Put", 3}, {"Update", 3}, {"Modify", 3}, {"Attach", 3}, {"Set", 3}, {"Delete", 4}, {"Remove", 4}, {"Terminate", 4},
	} {
		if strings.HasPrefix(verb, v.prefix) {
			return v.id
		}
	}
	if ev.ReadOnly == schemas.ReadOnly_READ_ONLY_TRUE {
		return 2
	}
	return 0
}

// newActivity shows an event as OCSF API Activity.
func newActivity(ev *schemas.Event) activity {
	id := activityID(ev)
	a := activity{
		ActivityID: id, ActivityName: activityNames[id],
		CategoryUID: categoryApplication, CategoryName: "Application Activity",
		ClassUID: classAPIActivity, ClassName: "API Activity", TypeUID: classAPIActivity*100 + id,
		Time:       ev.Time / 1e6,
		SeverityID: schemas.SeverityInfo, Severity: schemas.SeverityName(schemas.SeverityInfo),
		StatusDetail: ev.ErrorMessage,
		Metadata: activityMetadata{
			Version: schemas.OCSFVersion,
			Product: schemas.Product{Name: schemas.ProductName, VendorName: schemas.ProductName, Version: version},
			UID:     ev.Id, LogName: ev.Format, TenantUID: ev.Tenant,
		},
		API: activityAPI{Operation: ev.Operation},
		Actor: activityActor{User: activityUser{
			UID: ev.IdentityId, Name: ev.Principal, TypeID: userTypeService, Type: "Service", CredentialUID: ev.CredentialId,
		}},
		Unmapped: activityUnmapped{
			PrincipalType: ev.PrincipalType, CredentialType: ev.CredentialType, Delegation: ev.Delegation, MFA: ev.Mfa,
			Anonymous: ev.Anonymous, RouteTemplate: ev.RouteTemplate, Client: ev.Client, TLSFingerprint: ev.TlsFingerprint,
			TargetAccount: ev.TargetAccount, Grantees: ev.Grantees, NetworkClass: ev.NetworkClass, NetworkName: ev.NetworkName, Attributes: ev.Attributes,
			ActingAs: ev.ActingAs, Scopes: ev.Scopes, OAuthClient: ev.OauthClient, Certificate: ev.ClientCertificate, Workload: ev.Workload,
			CredentialIssued: ev.CredentialIssued / 1e6, CredentialExpires: ev.CredentialExpires / 1e6,
			ForwardedFor: ev.ForwardedFor, PeerIP: ev.PeerIp, TokensIn: ev.TokensIn, TokensOut: ev.TokensOut, CostMicros: ev.CostMicros, RecordsOut: ev.RecordsOut,
			APIDocument: ev.ApiDocument,
		},
	}
	switch ev.Outcome {
	case schemas.Outcome_OUTCOME_SUCCESS:
		a.StatusID, a.Status = statusSuccess, "Success"
	case schemas.Outcome_OUTCOME_DENIED:
		a.StatusID, a.Status, a.Unmapped.Outcome = statusFailure, "Failure", "denied"
	case schemas.Outcome_OUTCOME_ERROR:
		a.StatusID, a.Status, a.Unmapped.Outcome = statusFailure, "Failure", "error"
	default:
		// The source does not say.
	}
	switch ev.ReadOnly {
	case schemas.ReadOnly_READ_ONLY_TRUE:
		a.Unmapped.ReadOnly = "true"
	case schemas.ReadOnly_READ_ONLY_FALSE:
		a.Unmapped.ReadOnly = "false"
	default:
		// The source does not say.
	}
	if ev.Time%1e6 != 0 {
		a.TimeDT = time.Unix(0, ev.Time).UTC().Format(time.RFC3339Nano)
	}
	if ev.Service != "" {
		a.API.Service = &named{ev.Service}
	}
	if ev.RequestId != "" {
		a.API.Request = &activityUID{ev.RequestId}
	}
	if ev.StatusCode != 0 || ev.ErrorCode != "" || ev.ErrorMessage != "" {
		a.API.Response = &activityOutcome{int(ev.StatusCode), ev.ErrorCode, ev.ErrorMessage}
	}
	if ev.SessionId != "" {
		a.Actor.Session = &activityUID{ev.SessionId}
	}
	if ev.SrcIp != "" {
		a.SrcEndpoint = &activityEndpoint{IP: ev.SrcIp}
		if ev.Country != "" {
			a.SrcEndpoint.Location = &activityGeo{ev.Country}
		}
		if ev.Asn != 0 {
			a.SrcEndpoint.AS = &activityAS{ev.Asn, ev.AsOrg}
		}
	}
	if ev.HttpMethod != "" || ev.UrlPath != "" || ev.UserAgent != "" {
		a.HTTPRequest = &activityRequest{Method: ev.HttpMethod, UserAgent: ev.UserAgent, Length: ev.BytesIn}
		if ev.UrlPath != "" || ev.Host != "" {
			a.HTTPRequest.URL = &activityURL{ev.UrlPath, ev.Host}
		}
	}
	if ev.StatusCode != 0 {
		a.HTTPResponse = &activityResponse{ev.StatusCode, ev.BytesOut, ev.LatencyUs / 1000}
	}
	if ev.CloudProvider != "" {
		a.Cloud = &activityCloud{Provider: ev.CloudProvider, Region: ev.Region}
		a.Metadata.Profiles = []string{"cloud"}
		if ev.Account != "" {
			a.Cloud.Account = &activityUID{ev.Account}
		}
	}
	for _, r := range ev.Resources {
		a.Resources = append(a.Resources, activityResource{r})
	}
	return a
}
