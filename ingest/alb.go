package ingest

import (
	"errors"
	"fmt"
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// matchALB recognises an entry by what begins it: the type of connection and a
// time, of Classic Load Balancers a time, a name and two addresses.
func matchALB(p *probe) confidence {
	if p.doc != nil {
		return no
	}
	kind, rest, _ := strings.Cut(p.line, " ")
	switch kind {
	case "http", "https", "h2", "grpcs", "ws", "wss":
		if stamp, rest, _ := strings.Cut(rest, " "); albTime(stamp) && strings.HasPrefix(rest, "app/") {
			return certain
		}
	case "tls":
		if _, rest, _ = strings.Cut(rest, " "); len(rest) > 19 && rest[10] == 'T' {
			if _, rest, _ = strings.Cut(rest, " "); strings.HasPrefix(rest, "net/") {
				return certain
			}
		}
	default:
		if !albTime(kind) {
			return no
		}
		if isALBConnection(p.line) {
			return certain
		}
		_, rest, _ = strings.Cut(rest, " ")
		client, rest, _ := strings.Cut(rest, " ")
		_, rest, _ = strings.Cut(rest, " ")
		if elapsed, _, _ := strings.Cut(rest, " "); address(client) != "" && strings.IndexByte(client, ':') > 0 && strings.IndexByte(elapsed, '.') > 0 {
			return likely
		}
	}
	return no
}

// albTime recognises 2026-03-01T10:00:00.123456Z.
func albTime(s string) bool {
	return len(s) > 20 && s[4] == '-' && s[10] == 'T' && s[19] == '.' && s[len(s)-1] == 'Z'
}

// The fields of an Application Load Balancer's entry ("Access logs for your
// Application Load Balancer"). Those of a Classic Load Balancer are the ones
// from albTimeField to albProtocol, without the last of the latter.
const (
	albType = iota
	albTimeField
	albName
	albClient
	albTarget
	albRequestTime
	albTargetTime
	albResponseTime
	albStatus
	albTargetStatus
	albReceived
	albSent
	albRequest
	albAgent
	albCipher
	albProtocol
	albGroup
	albTrace
	albDomain
	albCertificate
	albPriority
	albCreated
	albActions
	albRedirect
	albError
	albTargets
	albTargetStatuses
	albClass
	albReason
	albConnection
	albFields = 40 // more may come: they are kept by their number
)

// albNames name what is kept as attributes.
var albNames = [...]string{
	albTarget: "target", albTargetStatus: "target_status_code", albCipher: "ssl_cipher", albProtocol: "ssl_protocol", albGroup: "target_group_arn", albCertificate: "chosen_cert_arn",
	albPriority: "matched_rule_priority", albCreated: "request_creation_time", albActions: "actions_executed", albRedirect: "redirect_url", albError: "error_reason",
	albTargets: "target_port_list", albTargetStatuses: "target_status_code_list", albClass: "classification", albReason: "classification_reason", albConnection: "conn_trace_id",
	albConnection + 1: "transformed_host", albConnection + 2: "transformed_uri", albConnection + 3: "request_transform_status", albType: "type",
}

// parseALB reads one line of the access log of an Application, Classic or
// Network Load Balancer, or of the connection log of the first.
func parseALB(r *record) error {
	if isALBConnection(r.line) {
		return parseALBConnection(r)
	}
	if strings.HasPrefix(r.line, "tls ") {
		return parseNLB(r)
	}
	var f [albFields]string
	w := words{s: r.line}
	n := 0
	if albTime(r.line[:max(strings.IndexByte(r.line, ' '), 0)]) {
		n = 1 // a Classic Load Balancer writes no type
	}
	for ; n < len(f); n++ {
		word, _, ok := w.next()
		if !ok {
			break
		}
		f[n] = word
	}
	ev := r.ev
	var err error
	if ev.Time, err = parseISO(f[albTimeField]); err != nil {
		return inField("time", err)
	}
	if n <= albAgent {
		return errors.New("request: missing")
	}
	a := r.access()
	if f[albStatus] != "-" {
		if err := a.status(f[albStatus]); err != nil {
			return err
		}
	}
	albSource(ev, f[albClient])
	ev.LatencyUs = micros(f[albRequestTime], 1e6) + micros(f[albTargetTime], 1e6) + micros(f[albResponseTime], 1e6)
	ev.BytesIn, ev.BytesOut = count(f[albReceived]), count(f[albSent])
	if request := a.clean(f[albRequest]); strings.HasPrefix(request, "- ") {
		attribute(ev, "request", request)
	} else {
		a.request(request)
	}
	if f[albAgent] != "-" {
		ev.UserAgent = clip(a.clean(f[albAgent]), maxMessage)
	}
	if f[albTrace] != "-" {
		ev.RequestId = a.clean(f[albTrace])
	}
	ev.Service = albService(f[albName])
	awsOwner(ev, f[albGroup])
	awsOwner(ev, f[albCertificate])
	for i, name := range albNames {
		if name != "" && f[i] != "" {
			attribute(ev, name, a.clean(f[i]))
		}
	}
	for i := len(albNames); i < n; i++ {
		attribute(ev, fmt.Sprintf("extra_%d", i+1), a.clean(f[i]))
	}
	a.finish()
	if ev.Host == "" && f[albDomain] != "-" {
		ev.Host = hostName(f[albDomain])
	}
	if f[albDomain] != ev.Host {
		attribute(ev, "domain_name", f[albDomain])
	}
	if ev.StatusCode == 561 { // the identity provider did not let the user in
		ev.Outcome = schemas.Outcome_OUTCOME_DENIED
	}
	if ev.StatusCode >= 400 && f[albError] != "-" {
		ev.ErrorCode = f[albError]
	}
	return nil
}

// albService cuts the name out of app/NAME/ID.
func albService(elb string) string {
	if _, rest, ok := strings.Cut(elb, "/"); ok {
		elb, _, _ = strings.Cut(rest, "/")
	}
	return elb
}

func albSource(ev *schemas.Event, client string) {
	setSource(ev, "client", client)
}

// awsOwner takes region and account out of an ARN, where they are not known.
func awsOwner(ev *schemas.Event, arn string) {
	ev.CloudProvider = "aws"
	rest, ok := strings.CutPrefix(arn, "arn:")
	if !ok || ev.Account != "" {
		return
	}
	for range 2 { // partition, service
		_, rest, _ = strings.Cut(rest, ":")
	}
	region, rest, _ := strings.Cut(rest, ":")
	account, _, _ := strings.Cut(rest, ":")
	if len(account) == 12 && digits(account) >= 0 {
		ev.Region, ev.Account = first(ev.Region, region), account
	}
}

// parseNLB reads one connection of a TLS listener ("Access logs for your
// Network Load Balancer"), which holds no request.
func parseNLB(r *record) error {
	var f [22]string
	w := words{s: r.line}
	for n := range f {
		word, _, ok := w.next()
		if !ok && n < 17 {
			return errors.New("tls_cipher: missing")
		}
		f[n] = word
	}
	ev := r.ev
	var err error
	if ev.Time, err = parseISO(f[2]); err != nil {
		return inField("time", err)
	}
	ev.Service, ev.Operation = albService(f[3]), "elasticloadbalancing:TLSConnection"
	albSource(ev, f[5])
	ev.LatencyUs = micros(f[7], 1000)
	ev.BytesIn, ev.BytesOut = count(f[9]), count(f[10])
	awsOwner(ev, f[12])
	ev.Outcome = schemas.Outcome_OUTCOME_SUCCESS
	if f[14] == "-" { // no cipher was agreed on
		ev.Outcome, ev.ErrorCode = schemas.Outcome_OUTCOME_ERROR, "tls_alert_"+f[11]
	}
	if f[17] != "-" {
		ev.Host = hostName(f[17])
	}
	for i, name := range [...]string{4: "listener", 6: "destination", 8: "tls_handshake_time", 11: "incoming_tls_alert", 12: "chosen_cert_arn", 13: "chosen_cert_serial", 14: "tls_cipher", 15: "tls_protocol_version", 16: "tls_named_group", 18: "alpn_fe_protocol", 19: "alpn_be_protocol", 20: "alpn_client_preference_list", 21: "tls_connection_creation_time"} {
		if name != "" {
			attribute(ev, name, r.p.redactor.text(f[i]))
		}
	}
	return nil
}
