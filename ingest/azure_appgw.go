package ingest

import "strings"

// matchAzureAppGW recognises the categories of Application Gateway.
func matchAzureAppGW(p *probe) confidence {
	switch azureCategory(p) {
	case "applicationgatewayaccesslog", "applicationgatewayfirewalllog":
		return certain
	}
	return no
}

// parseAzureAppGW reads a record of the access or the firewall log ("Diagnostic
// logs for Application Gateway").
func parseAzureAppGW(r *record) error {
	var e azureEdge
	if err := e.open(r); err != nil {
		return err
	}
	ev := e.ev
	taken, v2, verify, subject := "", false, "", ""
	var err error
	e.properties.each(func(key string, p part) {
		v := p.value()
		switch key {
		case "clientIP", "clientIp":
			setSource(ev, key, v)
		case "originalRequestUriWithArgs":
			if v != "" {
				e.target = v
			}
		case "requestQuery":
			e.query = v
		case "httpStatus":
			if v != "" {
				err = e.status(v)
			}
		case "receivedBytes":
			ev.BytesIn = count(v)
		case "sentBytes":
			ev.BytesOut = count(v)
		case "timeTaken":
			taken = v
		case "originalHost":
			if v != "" {
				ev.Host = hostName(v)
			}
		case "host", "hostname":
			if ev.Host == "" {
				ev.Host = hostName(v)
			}
		case "sslClientVerify":
			verify = v
			attribute(ev, key, v)
		case "sslClientCertificateFingerprint":
			e.setCertificate(v)
		case "sslClientCertificateSubject", "sslClientCertificateSubjectName":
			subject = v
		case "transactionId":
			v2 = true
			e.common(key, p)
		case "serverRouted":
			v2 = true
			attribute(ev, key, v)
		default:
			e.common(key, p)
		}
	})
	if err != nil {
		return err
	}
	// The first generation counts milliseconds, the second seconds.
	unit := 1000.0
	if v2 {
		unit = 1e6
	}
	ev.LatencyUs = micros(taken, unit)
	if strings.EqualFold(verify, "NONE") {
		e.certificate = noCertificate
	}
	e.unverified = verify != "" && !strings.EqualFold(verify, "SUCCESS")
	e.close()
	if e.unverified {
		attribute(ev, "refused_subject", subject)
	} else {
		ev.ClientCertificate = subject
	}
	return nil
}
