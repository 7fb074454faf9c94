package ingest

import (
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// matchGCPLB looks for a request together with the load balancer's own type.
func matchGCPLB(p *probe) confidence {
	if p.doc == nil || !p.object("httpRequest") {
		return no
	}
	switch kind := p.text("resource", "type"); {
	case strings.HasSuffix(p.text("jsonPayload", "@type"), "LoadBalancerLogEntry"), strings.HasSuffix(kind, "http_lb_rule"), kind == "http_load_balancer":
		return certain
	case p.has("insertId") && p.has("logName"):
		return likely // another log of Google Cloud's that holds a request, such as Cloud Run's
	}
	return no
}

// parseGCPLB reads one request at an Application Load Balancer (Cloud Load
// Balancing documentation, "HTTP(S) Load Balancing logging and monitoring").
func parseGCPLB(r *record) error {
	entry, ev := r.part(), r.ev
	if err := gcpTime(r, entry); err != nil {
		return err
	}
	setID(ev, entry.text("insertId"))
	ev.Account = gcpPlace(r, entry)
	http := entry.at("httpRequest")
	a := r.access()
	a.target = http.text("requestUrl")
	ev.HttpMethod = method(http.text("requestMethod"))
	if status := http.text("status"); status != "" && status != "0" { // 0: the client was gone before the answer
		if err := a.status(status); err != nil {
			return err
		}
	}
	payload := entry.at("jsonPayload")
	ev.SrcIp = address(http.text("remoteIp"))
	if ip := address(payload.text("remoteIp")); ev.SrcIp == "" {
		ev.SrcIp = ip
	}
	ev.BytesIn, ev.BytesOut = count(http.text("requestSize")), count(http.text("responseSize"))
	ev.UserAgent = clip(http.text("userAgent"), maxMessage)
	ev.LatencyUs = micros(strings.TrimSuffix(http.text("latency"), "s"), 1e6)
	a.protocol = http.text("protocol")
	attribute(ev, "referer", http.text("referer"))
	ev.RequestId = entry.text("trace")
	ev.RequestId = ev.RequestId[strings.LastIndexByte(ev.RequestId, '/')+1:]
	labels := entry.at("resource", "labels")
	ev.Service = first(labels.text("backend_service_name"), labels.text("service_name"))
	a.finish()

	request := payload.at("securityPolicyRequestData")
	ev.TlsFingerprint = first(request.text("tlsJa4Fingerprint"), request.text("tlsJa3Fingerprint"))
	tls := payload.at("tls")
	ev.ClientCertificate = first(tls.text("clientCertSubject"), payload.text("clientCertSubject"))
	bound(ev, first(tls.text("clientCertSha256Fingerprint"), payload.text("clientCertSha256Fingerprint")))
	if ip := address(request.text("remoteIpInfo", "userIp")); ip != "" && ip != ev.SrcIp {
		ev.ForwardedFor = []string{ip}
	}
	details := payload.text("statusDetails")
	armor := payload.at("enforcedSecurityPolicy")
	switch outcome := armor.at("outcome").value(); {
	case outcome == "DENY":
		ev.Outcome, ev.ErrorCode = schemas.Outcome_OUTCOME_DENIED, first(details, outcome)
	case ev.StatusCode >= 400 && !strings.HasPrefix(details, "response_sent_by_backend"):
		ev.ErrorCode = details
	default:
		attribute(ev, "statusDetails", details)
	}
	if ev.StatusCode == 0 && ev.Outcome != schemas.Outcome_OUTCOME_DENIED {
		ev.Outcome, ev.ErrorCode = schemas.Outcome_OUTCOME_ERROR, details
	}
	payload.text("@type")
	r.restOf(payload.n, "")
	http.rest(r, "httpRequest")
	r.use("httpRequest")
	r.rest()
	return nil
}
