package sigma

import (
	"strconv"
	"strings"
	"time"
	"unsafe"

	"github.com/lapwing-sec/lapwing/schemas"
)

// column is one field of the event, by its place in the table of columns; 0 is
// none.
type column uint8

// columns is the table of what fields.yaml and "lapwing." may name. A column
// gives its texts to add; empty ones count as absent. Text made in s is good
// until the next event.
var columns = [...]struct {
	name string
	get  func(s *Scanner, ev *schemas.Event, add func(*Scanner, string))
}{
	{},
	{"id", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, ev.Id) }},
	{"time", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, s.time(ev.Time)) }},
	{"format", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, ev.Format) }},
	{"identity", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, ev.IdentityId) }},
	{"kind", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, ev.IdentityKind) }},
	{"name", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, ev.IdentityName) }},
	{"owner", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, ev.Owner) }},
	{"team", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, ev.Team) }},
	{"environment", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, ev.Environment) }},
	{"criticality", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, ev.Criticality) }},
	{"vendor", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, ev.Vendor) }},
	{"managed", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) {
		add(s, yesNo(ev.GetDeclared().GetManaged()))
	}},
	{"principal", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, ev.Principal) }},
	{"principal_type", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, ev.PrincipalType) }},
	{"principal_issuer", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, ev.PrincipalIssuer) }},
	{"credential_id", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, ev.CredentialId) }},
	{"credential_type", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, ev.CredentialType) }},
	{"session_id", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, ev.SessionId) }},
	{"delegation", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { all(s, ev.Delegation, add) }},
	{"mfa", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, yesNo(ev.Mfa)) }},
	{"anonymous", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, yesNo(ev.Anonymous)) }},
	{"acting_as", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, ev.ActingAs) }},
	{"scopes", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { all(s, ev.Scopes, add) }},
	{"oauth_client", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, ev.OauthClient) }},
	{"client_certificate", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, ev.ClientCertificate) }},
	{"operation", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, ev.Operation) }},
	{"action", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, action(ev)) }},
	{"service", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, ev.Service) }},
	{"http_method", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, ev.HttpMethod) }},
	{"url_path", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, ev.UrlPath) }},
	{"url", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, s.url(ev)) }},
	{"url_extension", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, extension(ev.UrlPath)) }},
	{"route", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, ev.RouteTemplate) }},
	{"host", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, ev.Host) }},
	{"status", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, s.uint(uint64(ev.StatusCode))) }},
	{"outcome", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, outcome(ev)) }},
	{"error_code", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, ev.ErrorCode) }},
	{"error_message", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, ev.ErrorMessage) }},
	{"request_id", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, ev.RequestId) }},
	{"bytes_in", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, s.uint(ev.BytesIn)) }},
	{"bytes_out", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, s.uint(ev.BytesOut)) }},
	{"latency_us", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, s.uint(ev.LatencyUs)) }},
	{"resources", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { all(s, ev.Resources, add) }},
	{"target_account", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, ev.TargetAccount) }},
	{"grantees", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { all(s, ev.Grantees, add) }},
	{"read_only", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, readOnly(ev)) }},
	{"tokens_in", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, s.uint(ev.TokensIn)) }},
	{"tokens_out", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, s.uint(ev.TokensOut)) }},
	{"src_ip", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, ev.SrcIp) }},
	{"src_prefix", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, ev.SrcPrefix) }},
	{"country", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, ev.Country) }},
	{"asn", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, s.uint(uint64(ev.Asn))) }},
	{"as_org", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, ev.AsOrg) }},
	{"network_class", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, ev.NetworkClass) }},
	{"network_name", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, ev.NetworkName) }},
	{"user_agent", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, ev.UserAgent) }},
	{"client", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, ev.Client) }},
	{"tls_fingerprint", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, ev.TlsFingerprint) }},
	{"forwarded_for", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { all(s, ev.ForwardedFor, add) }},
	{"peer_ip", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, ev.PeerIp) }},
	{"cloud_provider", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, ev.CloudProvider) }},
	{"region", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, ev.Region) }},
	{"account", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, ev.Account) }},
	{"workload", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, ev.Workload) }},
	// Parts of who CloudTrail says that called.
	{"aws_user", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, awsUser(ev)) }},
	{"aws_service", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, awsService(ev)) }},
	{"aws_issuer", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, awsIssuer(ev)) }},
	{"aws_issuer_type", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, awsIssuerType(ev)) }},
	// Parts of what Kubernetes is asked for: "k8s:create pods/exec" on
	// "payments/pods/ledger-1".
	{"k8s_verb", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, kubernetes(ev).verb) }},
	{"k8s_resource", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, kubernetes(ev).resource) }},
	{"k8s_subresource", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, kubernetes(ev).sub) }},
	{"k8s_group", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, kubernetes(ev).group) }},
	{"k8s_namespace", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, kubernetes(ev).namespace) }},
	{"k8s_name", func(s *Scanner, ev *schemas.Event, add func(*Scanner, string)) { add(s, kubernetes(ev).name) }},
}

func columnNamed(name string) (column, bool) {
	for i := 1; i < len(columns); i++ {
		if columns[i].name == name {
			return column(i), true //nolint:gosec // a small table
		}
	}
	return 0, false
}

func all(s *Scanner, list []string, add func(*Scanner, string)) {
	for _, v := range list {
		add(s, v)
	}
}

func yesNo(b bool) string {
	if b {
		return "true"
	}
	return "false"
}

// action is the operation without the service before it.
func action(ev *schemas.Event) string {
	n := len(ev.Service)
	if op := ev.Operation; n > 0 && len(op) > n && op[n] == ':' && op[:n] == ev.Service {
		return op[n+1:]
	}
	return ev.Operation
}

func outcome(ev *schemas.Event) string {
	switch ev.Outcome {
	case schemas.Outcome_OUTCOME_SUCCESS:
		return "success"
	case schemas.Outcome_OUTCOME_DENIED:
		return "denied"
	case schemas.Outcome_OUTCOME_ERROR:
		return "error"
	default:
		return ""
	}
}

func readOnly(ev *schemas.Event) string {
	switch ev.ReadOnly {
	case schemas.ReadOnly_READ_ONLY_TRUE:
		return "true"
	case schemas.ReadOnly_READ_ONLY_FALSE:
		return "false"
	default:
		return ""
	}
}

func extension(path string) string {
	dot := strings.LastIndexByte(path, '.')
	if dot < 0 || strings.IndexByte(path[dot:], '/') >= 0 {
		return ""
	}
	return path[dot+1:]
}

type kubernetesCall struct{ verb, resource, sub, group, namespace, name string }

func kubernetes(ev *schemas.Event) (k kubernetesCall) {
	verb, what, ok := strings.Cut(action(ev), " ")
	if !ok || ev.Service != "k8s" {
		return k
	}
	k.verb = verb
	if strings.HasPrefix(what, "/") {
		return k
	}
	what, k.sub, _ = strings.Cut(what, "/")
	full := what
	k.resource, k.group, _ = strings.Cut(what, ".")
	if len(ev.Resources) == 0 {
		return k
	}
	// namespace/resource/name, without the namespace or the name where there is
	// none.
	first, rest, _ := strings.Cut(ev.Resources[0], "/")
	if next, name, named := strings.Cut(rest, "/"); next == full && (named || first != full) {
		k.namespace, k.name = first, name
	} else if first == full {
		k.name = rest
	}
	return k
}

// made is the text that was appended to the scratch since from. It is good
// until the next event.
func (s *Scanner) made(from int) string {
	if from == len(s.scratch) {
		return ""
	}
	return unsafe.String(&s.scratch[from], len(s.scratch)-from) //nolint:gosec // from is below len, and the array is not written again before the next event
}

// uint words a number; 0 is unknown.
func (s *Scanner) uint(x uint64) string {
	if x == 0 {
		return ""
	}
	from := len(s.scratch)
	s.scratch = strconv.AppendUint(s.scratch, x, 10)
	return s.made(from)
}

func (s *Scanner) time(ns int64) string {
	from := len(s.scratch)
	s.scratch = time.Unix(0, ns).UTC().AppendFormat(s.scratch, time.RFC3339Nano)
	return s.made(from)
}

func (s *Scanner) joined(a, b, c string) string {
	from := len(s.scratch)
	s.scratch = append(append(append(s.scratch, a...), b...), c...)
	return s.made(from)
}

// url is the path with its query.
func (s *Scanner) url(ev *schemas.Event) string {
	if q := ev.Attributes["query"]; q != "" {
		return s.joined(ev.UrlPath, "?", q)
	}
	return ev.UrlPath
}
