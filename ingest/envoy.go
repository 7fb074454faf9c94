package ingest

import (
	"errors"
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// matchEnvoy recognises Envoy's default text, and JSON by the headers and the
// command operators that members are usually named after.
func matchEnvoy(p *probe) confidence {
	if p.doc != nil {
		if p.count(":authority", "x-envoy-origin-path", "x-envoy-original-path", "x-envoy-upstream-service-time") > 0 && p.count("response_code", "start_time", "downstream_remote_address", "upstream_host") > 0 {
			return certain
		}
		switch n := p.count("response_flags", "response_code", "response_code_details", "upstream_cluster", "upstream_host", "route_name", "downstream_remote_address", "start_time", "bytes_received"); {
		case n >= 4:
			return likely
		case n >= 3:
			return possible
		}
		return no
	}
	switch envoyKind(p.line) {
	case kindEnvoy:
		return certain
	case kindIstio:
		return possible
	case kindOther:
	}
	return no
}

type envoyText uint8

const (
	kindOther envoyText = iota
	kindEnvoy
	kindIstio
)

// envoyKind looks at a line that begins [2026-03-01T10:00:00.000Z] "…": behind
// status and flags Envoy writes a number, Istio three fields of reasons.
func envoyKind(line string) envoyText {
	end := strings.IndexByte(line, ']')
	if end < 20 || line[0] != '[' || line[5] != '-' || line[11] != 'T' || !strings.HasPrefix(line[end+1:], ` "`) {
		return kindOther
	}
	_, at, ok := envoyRequest(line, end+1)
	if !ok {
		return kindOther
	}
	w := words{s: line, pos: at, bare: true}
	status, _, _ := w.next()
	w.next()
	third, quoted, ok := w.next()
	switch {
	case !ok || status == "" || digits(status) < 0 && status != "-":
		return kindOther
	case !quoted && digits(third) >= 0:
		return kindEnvoy
	}
	return kindIstio
}

var errTCP = errors.New("a TCP connection, which names no request")

// parseEnvoyLine reads the default formats of Envoy ("Access logging" of its
// documentation) and, with fields between and behind them, of Istio's mesh:
//
//	[start] "method path protocol" status flags [details termination "failure"]
//	received sent duration upstream-time "x-forwarded-for" "user agent" "request id" "authority" "upstream"
//	[cluster upstream-local downstream-local downstream-remote sni route]
func parseEnvoyLine(r *record) error {
	line := r.line
	end := strings.IndexByte(line, ']')
	if end < 0 || line[0] != '[' {
		return errors.New("start_time: missing")
	}
	a := r.access()
	ev := r.ev
	var err error
	if ev.Time, err = parseISO(line[1:end]); err != nil {
		return inField("start_time", err)
	}
	a.whole(line)
	request, at, ok := envoyRequest(line, end+1)
	if !ok {
		return missing("request")
	}
	if strings.HasPrefix(request, "- - -") {
		return errTCP
	}
	a.request(a.clean(request))
	w := words{s: line, pos: at, bare: true}
	status, _, _ := w.next()
	if err := a.envoyStatus(status); err != nil {
		return err
	}
	flags, _, _ := w.next()
	e := envoy{access: &a}
	e.field("response_flags", flags)
	reasons := [...]string{"response_code_details", "connection_termination_details", "upstream_transport_failure_reason"}
	numbers := [...]string{"bytes_received", "bytes_sent", "duration", "upstream_service_time"}
	const texts = 5 // of the names stand in quotes
	names := [...]string{
		"x_forwarded_for", "user_agent", "request_id", "authority", "upstream_host",
		"upstream_cluster", "upstream_local_address", "downstream_local_address", "downstream_remote_address", "requested_server_name", "route_name",
	}
	n := 0
	for reason := 0; n < len(numbers); {
		word, quoted, ok := w.next()
		switch {
		case !ok:
			return missing("upstream_service_time")
		case n == 0 && reason < len(reasons) && (quoted || digits(word) < 0):
			e.field(reasons[reason], a.clean(word))
			reason++
		case quoted:
			return missing("upstream_service_time")
		default:
			e.field(numbers[n], a.clean(word))
			n++
		}
	}
	rest := strings.TrimSpace(line[w.pos:])
	if strings.Count(rest, `"`) > 2*texts {
		// A quote in a header ends the field for us and begins one of the sender's
		// making: nothing from here on stands in a place that he could not choose.
		if strings.Contains(rest, " HTTP/") {
			return errEnvoyQuotes // perhaps the request was not the request
		}
		attribute(ev, "undivided", a.clean(rest))
		e.finish()
		a.raw(r, &w)
		return nil
	}
	for i := range maxAttributes {
		word, _, ok := w.next()
		if !ok {
			break
		}
		if i < len(names) {
			e.field(names[i], a.clean(word)) //nolint:gosec // bounded in the line above
		} else {
			e.behind(word, &w)
		}
	}
	e.finish()
	a.raw(r, &w)
	return nil
}

var errEnvoyQuotes = errors.New("quotes in a field, and what looks like a request behind them: Envoy's text does not tell whose they are; log as JSON")

// envoyRequest returns what stands between the quotes behind at, and where its
// closing quote is passed. A path may hold a quote, which Envoy does not escape,
// but no blank: so the protocol is the third word.
func envoyRequest(line string, at int) (request string, end int, ok bool) {
	start := strings.IndexByte(line[at:], '"')
	if start < 0 || strings.TrimSpace(line[at:at+start]) != "" {
		return "", 0, false
	}
	start += at + 1
	q := strings.IndexByte(line[start:], '"')
	if q < 0 {
		return "", 0, false
	}
	if end = start + q; strings.Count(line[start:end], " ") < 2 {
		i := start
		for range 2 {
			blank := strings.IndexByte(line[i:], ' ')
			if blank < 0 {
				return "", 0, false
			}
			i += blank + 1
		}
		if q = strings.IndexByte(line[i:], '"'); q < 0 {
			return "", 0, false
		}
		end = i + q
	}
	return line[start:end], end + 1, true
}

// behind keeps a word that the format does not name. It never says who called:
// a server's name, which stands before it without quotes, is the client's choice.
func (e *envoy) behind(word string, w *words) {
	if opaque(word) {
		v := e.r.hash.Hash(word)
		w.secret(w.start, w.end, v)
		word = v
	}
	attribute(e.ev, e.in.join("extra_", index(w.count)), e.clean(word))
}

// envoyStatus reads a response code; 0 is that of no answer.
func (a *access) envoyStatus(s string) error {
	if s == "0" || s == "-" || s == "" {
		return nil
	}
	return a.status(s)
}

// envoy is one record of Envoy or Istio being read.
type envoy struct {
	*access
	peer string // who connected, where that is not whom Envoy takes for the client
	xfcc string
	// xfccHash is the certificate that the proxy before saw.
	xfccHash string
}

// parseEnvoyObject reads a JSON object whose members are named after command
// operators (in lower case) and headers, with _ or -.
func parseEnvoyObject(r *record) error {
	d, a := &r.doc, r.access()
	e := envoy{access: &a}
	when, whenKey := "", "start_time"
	for n := d.first(r.root); n != none; n = d.after(r.root, n) {
		key, v := d.nodes[n].key, d.nodes[n].str
		if kind := d.nodes[n].kind; kind == kindObject || kind == kindArray {
			d.attributes(a.ev, n, key, nil)
			continue
		}
		if v == "" || v == "-" {
			if key == "downstream_peer_fingerprint_256" && e.certificate == "" {
				e.certificate = noCertificate // it is logged, and there was none
			}
			continue
		}
		switch key {
		case "start_time":
			when, whenKey = v, key
		case "@timestamp", "timestamp", "time":
			if when == "" {
				when, whenKey = v, key
			}
		case "response_code", "status", "status_code":
			if err := a.envoyStatus(v); err != nil {
				return inField(key, err)
			}
		default:
			e.field(key, v)
		}
	}
	if a.target == "" && a.ev.HttpMethod == "" && a.protocol == "" {
		return errTCP
	}
	var err error
	if a.ev.Time, err = parseAnyTime(when); err != nil {
		return inField(whenKey, err)
	}
	e.finish()
	return nil
}

func (e *envoy) field(key, v string) {
	ev := e.ev
	if v == "" || v == "-" {
		return
	}
	switch key {
	case "method", ":method", "request_method":
		ev.HttpMethod = method(v)
	case "path", ":path", "x-envoy-origin-path", "x-envoy-original-path", "x_envoy_original_path", "uri":
		if e.target == "" || key[0] == 'x' {
			e.target = v
		}
	case "protocol":
		e.protocol = v
	case "authority", ":authority", "host":
		ev.Host = first(ev.Host, hostName(v))
	case "response_flags":
		ev.ErrorCode = clip(v, maxAttributeValue)
	case "upstream_transport_failure_reason":
		ev.ErrorMessage = clip(v, maxMessage)
	case "bytes_received":
		ev.BytesIn = count(v)
	case "bytes_sent":
		ev.BytesOut = count(v)
	case "duration":
		ev.LatencyUs = micros(strings.TrimSuffix(v, "ms"), 1000)
	case "user_agent", "user-agent":
		ev.UserAgent = clip(v, maxMessage)
	case "request_id", "x-request-id", "x_request_id":
		ev.RequestId = clip(v, maxAttributeValue)
	case "x_forwarded_for", "x-forwarded-for":
		ev.ForwardedFor = forwarded(v, ev.ForwardedFor)
	case "downstream_remote_address", "downstream_remote_address_without_port":
		ev.SrcIp = first(address(v), ev.SrcIp)
	case "downstream_direct_remote_address", "downstream_direct_remote_address_without_port":
		e.peer = address(v)
	case "upstream_cluster":
		attribute(ev, key, v)
		ev.Service = clip(meshService(v), maxAttributeValue)
	case "downstream_peer_uri_san", "source_principal", "peer_principal":
		// The first of several names; a SPIFFE id goes before the rest.
		if v = firstOf(v); !strings.HasPrefix(e.subject, spiffe) {
			if e.subject != "" {
				attribute(ev, "downstream_peer_subject", e.subject)
			}
			e.subject = v
		} else if v != e.subject {
			attribute(ev, key, v)
		}
	case "downstream_peer_subject":
		if e.subject == "" {
			e.subject = v
		} else {
			attribute(ev, key, v)
		}
	case "downstream_peer_fingerprint_256", "downstream_peer_fingerprint_1":
		e.setCertificate(v)
	case "downstream_peer_cert_v_start":
		ev.CredentialIssued = timeOrZero(v)
	case "downstream_peer_cert_v_end":
		ev.CredentialExpires = timeOrZero(v)
	case "x-forwarded-client-cert", "x_forwarded_client_cert", "xfcc":
		e.xfcc = v
		attribute(ev, key, v)
	case "jwt_sub", "jwt-sub", "jwt_claim_sub", "sub", "user", "username":
		if e.user == "" {
			e.user = v
		} else {
			attribute(ev, key, v)
		}
	case "authorization", "x-api-key", "x_api_key", "api_key", "apikey":
		id, kind := presented(v, key)
		e.setKey(id, kind)
		attribute(ev, key, v)
	case "ja3", "ja4", "tls_ja3_fingerprint", "tls_ja4_fingerprint":
		ev.TlsFingerprint = clip(v, maxAttributeValue)
	default:
		attribute(ev, key, v)
	}
}

const spiffe = "spiffe://"

// meshService returns the service of one of Istio's clusters
// (outbound|9080|subset|reviews.shop.svc.cluster.local), or the cluster.
func meshService(cluster string) string {
	if strings.HasPrefix(cluster, "outbound|") || strings.HasPrefix(cluster, "outbound_.") {
		if name := cluster[strings.LastIndexAny(cluster, "|_")+1:]; name != "" {
			return strings.TrimPrefix(name, ".")
		}
	}
	if strings.HasPrefix(cluster, "inbound|") {
		return "" // the port alone: the authority says more
	}
	return cluster
}

// timeOrZero reads a time in ISO notation, or 0.
func timeOrZero(s string) int64 {
	t, err := parseISO(s)
	if err != nil {
		return 0
	}
	return t
}

func (e *envoy) finish() {
	ev := e.ev
	if e.xfcc != "" {
		subject, hash := forwardedCertificate(e.xfcc)
		e.subject = first(e.subject, subject)
		if e.certificate == "" || e.certificate == noCertificate {
			e.xfccHash = hash
		}
	}
	if e.xfccHash != "" {
		bound(ev, e.xfccHash)
		e.certificate = ""
	}
	if ev.SrcIp == "" {
		// The default text has no address but the one that Envoy itself appended.
		if n := len(ev.ForwardedFor); n > 0 {
			ev.SrcIp = address(ev.ForwardedFor[n-1])
		}
	}
	if ev.SrcIp == "" {
		ev.SrcIp = e.peer
	} else if e.peer != ev.SrcIp {
		ev.PeerIp = e.peer
	}
	e.access.finish()
	if ev.StatusCode == 0 && ev.ErrorCode != "" {
		ev.Outcome = schemas.Outcome_OUTCOME_ERROR // no answer was sent: the flags say why
	}
}

// forwardedCertificate returns the URI or the subject, and the hash, in the last element of
// x-forwarded-client-cert, which the nearest proxy wrote: Envoy drops the
// header of a client unless it is told to trust it.
func forwardedCertificate(xfcc string) (subject, hash string) {
	quoted, start := false, 0
	for i := range len(xfcc) {
		switch xfcc[i] {
		case '"':
			quoted = !quoted
		case ',':
			if !quoted {
				start = i + 1
			}
		}
	}
	uri := ""
	for rest := xfcc[start:]; rest != ""; {
		end := 0
		for quoted = false; end < len(rest) && (quoted || rest[end] != ';'); end++ {
			if rest[end] == '"' {
				quoted = !quoted
			}
		}
		name, v, _ := strings.Cut(rest[:end], "=")
		v = strings.Trim(v, `"`)
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "uri":
			uri = first(uri, v)
		case "hash":
			hash = v
		case "subject":
			subject = v
		}
		rest = rest[min(end+1, len(rest)):]
	}
	return first(uri, subject), hash
}
