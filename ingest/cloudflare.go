package ingest

import (
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// parseCloudflareRequest reads what both datasets of requests have.
func parseCloudflareRequest(r *record, timeField string) error {
	d, ev := &r.doc, r.ev
	a := r.access()
	var when, path, query, uri, action, ray string
	fingerprint, mtls, issuer, ja3 := "", "", "", ""
	var edge, origin uint64
	for n := d.first(r.root); n != none; n = d.after(r.root, n) {
		key, v := d.nodes[n].key, d.nodes[n].str
		switch key {
		case timeField:
			when = v
		case "ClientIP":
			setSource(ev, key, v)
		case "ClientRequestMethod":
			ev.HttpMethod = method(v)
		case "ClientRequestHost":
			ev.Host = hostName(v)
		case "ClientRequestPath":
			path = v
		case "ClientRequestQuery":
			query = v
		case "ClientRequestURI":
			uri = v
		case "ClientRequestProtocol":
			a.protocol = v
		case "ClientRequestUserAgent":
			ev.UserAgent = clip(v, maxMessage)
		case "ClientRequestBytes":
			ev.BytesIn = count(v)
		case "EdgeResponseStatus":
			edge = count(v)
		case "OriginResponseStatus":
			origin = count(v)
		case "EdgeResponseBytes":
			ev.BytesOut = count(v)
		case "EdgeTimeToFirstByteMs":
			ev.LatencyUs = micros(v, 1e3)
		case "RayID":
			ray = v
		case "Action":
			action = v
		case "JA4":
			ev.TlsFingerprint = v
		case "JA3Hash":
			attribute(ev, key, v)
			ja3 = v
		case "ClientMTLSAuthCertFingerprint":
			fingerprint = v
		case "ClientMTLSAuthStatus":
			mtls = v
		case "ClientTLSClientCertIssuer", "ClientMTLSAuthCertIssuerDN":
			issuer = v
		case "RequestHeaders":
			cloudflareHeaders(r, &a, n)
		case "ResponseHeaders":
			d.attributes(ev, n, "response", nil)
		case "Cookies":
			d.attributes(ev, n, "cookie", nil)
		default:
			if v != "" || d.nodes[n].kind >= kindObject {
				d.attributes(ev, n, key, nil)
			}
		}
	}
	t, err := parseAnyTime(when)
	if err != nil {
		return inField(timeField, err)
	}
	ev.Time = t
	ev.TlsFingerprint = first(ev.TlsFingerprint, ja3)
	ev.RequestId = ray
	if timeField == "EdgeStartTimestamp" && ray != "" && ray != "00" {
		ev.Id = ray // a firewall event shares it with the request
	}
	if a.target = uri; uri == "" {
		if a.target = path; query != "" {
			a.target += "?" + strings.TrimPrefix(query, "?")
		}
	}
	if path == "" && uri == "" && ev.HttpMethod == "" && ev.Host == "" {
		return missing("ClientRequestMethod (also ClientRequestURI, ClientRequestPath, ClientRequestHost)")
	}
	if edge < 1000 {
		ev.StatusCode = uint32(edge)
	}
	if origin != 0 && origin != edge {
		attribute(ev, "OriginResponseStatus", d.text(r.get("OriginResponseStatus")))
	}
	if fingerprint != "" {
		a.setCertificate(fingerprint)
		attribute(ev, "ClientMTLSAuthStatus", mtls)
		attribute(ev, "certificate_issuer", issuer)
		a.unverified = !strings.EqualFold(mtls, "ok") && !strings.EqualFold(mtls, "SUCCESS")
	}
	if fingerprint == "" && strings.EqualFold(mtls, "none") {
		a.certificate = noCertificate
	}
	a.finish()
	if action != "" {
		attribute(ev, "action", action)
		switch strings.ToLower(action) {
		case "block", "drop", "challenge", "jschallenge", "managed_challenge", "managedchallenge", "connectionclose", "force_connection_close":
			ev.Outcome = schemas.Outcome_OUTCOME_DENIED
		}
	}
	return nil
}

// cloudflareHeaders reads the custom field RequestHeaders.
func cloudflareHeaders(r *record, a *access, list int) {
	d, ev := &r.doc, a.ev
	for n := d.first(list); n != none; n = d.after(list, n) {
		v := r.item(n)
		switch name := strings.ToLower(d.nodes[n].key); name {
		case "cf-access-client-id":
			// Of a service token. Whether Access looked at it, and found its secret
			// right, does not show here.
			attribute(ev, "service_token", v)
		case "x-request-id":
			attribute(ev, name, v) // request_id is Cloudflare's own
		default:
			a.header(name, v)
		}
	}
}
