package ingest

import "strings"

// accessField is what a name means in an access log, in any case.
type accessField uint8

const (
	otherField accessField = iota // kept as an attribute
	sourceField
	userField
	subjectField
	verifiedField
	certificateField
	sha256Field
	requestField
	methodField
	targetField
	queryField
	bodyField
	bytesOutField
	bytesInField
	latencyField
	agentField
	refererField
	forwardedField
	requestIDField
	hostField
	protocolField
	serviceField
	keyField
	tokenField
	fingerprintField
)

// accessFieldOf looks up a name in lower case. Names of JSON members come again
// with every record: of those the cache of keys knows it (document.accessField).
func accessFieldOf(lower string) accessField {
	switch lower {
	case "remote_addr", "client_ip", "clientip", "remote_ip", "remoteip", "remotehost", "remote_host", "client":
		return sourceField
	case "remote_user", "remoteuser", "user", "username", "auth_user", "consumer", "consumer_username", "jwt_sub", "jwt_claim_sub", "client_id", "oauth_client_id", "sub":
		return userField
	case "ssl_client_s_dn":
		return subjectField
	case "ssl_client_verify":
		return verifiedField
	case "ssl_client_fingerprint":
		return certificateField
	case "ssl_client_fingerprint_sha256", "ssl_client_sha256", "client_cert_sha256", "ssl_c_sha256":
		return sha256Field
	case "request":
		return requestField
	case "request_method", "method", "http_method", "verb":
		return methodField
	case "request_uri", "uri", "path", "url", "request_path":
		return targetField
	case "args", "query_string", "query":
		return queryField
	case "body_bytes_sent":
		return bodyField
	case "bytes_sent", "bytessent", "response_size", "size", "bytes":
		return bytesOutField
	case "request_length", "bytes_received", "rl":
		return bytesInField
	case "request_time", "rt", "duration":
		return latencyField
	case "http_user_agent", "user_agent", "useragent", "agent":
		return agentField
	case "http_referer", "referer", "referrer":
		return refererField
	case "http_x_forwarded_for", "x_forwarded_for", "xff", "http_forwarded":
		return forwardedField
	case "request_id", "req_id", "rid", "http_x_request_id", "trace_id":
		return requestIDField
	case "host", "http_host", "vhost", "server_name", "domain":
		return hostField
	case "server_protocol":
		return protocolField
	case "service", "upstream_name", "proxy_upstream_name", "upstream":
		return serviceField
	case "api_key", "apikey", "http_x_api_key", "x_api_key", "http_apikey", "http_api_key", "arg_api_key", "arg_apikey", "api_key_id", "apikey_id", "key_id", "api_key_hash", "api_key_fingerprint", "key_fingerprint", "key_hash", "api_key_name", "key":
		return keyField
	case "http_authorization", "authorization", "http_x_auth_token", "arg_token", "arg_access_token":
		return tokenField
	case "ssl_ja3", "ssl_ja3_hash", "http_ssl_ja3_hash", "ja3", "ja3_hash", "ja4", "http_ja4", "ssl_ja4", "tls_fingerprint":
		return fingerprintField
	}
	return otherField
}

// accessField returns what the key of member n means.
func (d *document) accessField(n int) accessField {
	if slot := d.nodes[n].slot; slot != 0 {
		return d.known.slots[slot-1].field
	}
	return accessFieldOf(strings.ToLower(d.nodes[n].key))
}

// accessPlan says what the members of a record of an access log mean. It is made
// once for all records of a shape.
type accessPlan struct{ members []accessMember }

// accessMember is one member, in the order of the record.
type accessMember struct {
	node          int
	field         accessField
	when          int8 // its rank among the times of NGINX
	block, status bool
}

// accessPlanOf returns the plan of the record at node root.
func accessPlanOf(d *document, root int) *accessPlan {
	at, made := d.plan(root)
	p, _ := at.made.(*accessPlan)
	if made {
		return p
	}
	if p == nil {
		p = &accessPlan{}
		at.made = p
	}
	p.members = p.members[:0]
	for n := d.first(root); n != none; n = d.after(root, n) {
		key, kind := d.nodes[n].key, d.nodes[n].kind
		p.members = append(p.members, accessMember{
			node: n, field: d.accessField(n), when: d.timeRank(n),
			block: kind == kindObject || kind == kindArray, status: key == "status" || key == "status_code" || key == "response_code",
		})
	}
	return p
}

// field reads one named field, of JSON or of a text line. v is redacted.
func (a *access) field(key, v string) { a.fieldAs(accessFieldOf(strings.ToLower(key)), key, v) }

// fieldAs is field, for a key of which the meaning is known.
func (a *access) fieldAs(field accessField, key, v string) {
	ev := a.ev
	if v == "" || v == "-" {
		return
	}
	switch field {
	case sourceField:
		setSource(ev, key, v)
	case userField:
		if a.user == "" {
			a.user = v
		} else {
			attribute(ev, key, v)
		}
	case subjectField:
		a.subject = v
	case verifiedField:
		if a.unverified = v != "SUCCESS"; v == "NONE" {
			a.certificate = noCertificate
		}
		attribute(ev, key, v)
	case certificateField:
		a.setCertificate(v)
	case sha256Field:
		a.certificate = v
	case requestField:
		a.request(v)
	case methodField:
		ev.HttpMethod = method(v)
	case targetField:
		if a.target == "" || strings.EqualFold(key, "request_uri") {
			a.target = v
		}
	case queryField:
		attribute(ev, "query", v)
		id, kind := queryKey(v)
		a.setKey(id, kind)
	case bodyField:
		ev.BytesOut = max(ev.BytesOut, count(v))
	case bytesOutField:
		if ev.BytesOut == 0 {
			ev.BytesOut = count(v)
		}
	case bytesInField:
		ev.BytesIn = count(v)
	case latencyField:
		ev.LatencyUs = micros(v, 1e6)
	case agentField:
		ev.UserAgent = clip(v, maxMessage)
	case refererField:
		attribute(ev, "referer", v)
	case forwardedField:
		ev.ForwardedFor = forwarded(v, ev.ForwardedFor)
	case requestIDField:
		if ev.RequestId == "" {
			ev.RequestId = clip(v, maxAttributeValue)
		}
	case hostField:
		if ev.Host == "" || key == "host" {
			ev.Host = hostName(v)
		}
	case protocolField:
		a.protocol = v
	case serviceField:
		if ev.Service == "" {
			ev.Service = clip(v, maxAttributeValue)
		}
	case keyField:
		if id, kind := presented(v, "api_key"); id != "" {
			a.setKey(id, kind)
		} else {
			a.setKey(v, "api_key")
		}
	case tokenField:
		id, kind := presented(v, "token")
		a.setKey(id, kind)
	case fingerprintField:
		ev.TlsFingerprint = clip(v, maxAttributeValue)
	case otherField:
		attribute(ev, key, v)
	}
}
