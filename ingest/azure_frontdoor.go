package ingest

// matchAzureFrontDoor recognises the categories of Front Door, of both
// generations, and of its firewall.
func matchAzureFrontDoor(p *probe) confidence {
	switch azureCategory(p) {
	case "frontdooraccesslog", "frontdoorwebapplicationfirewalllog", "frontdoorhealthprobelog":
		return certain
	}
	return no
}

// parseAzureFrontDoor reads a record of the access or the firewall log
// ("Monitor metrics and logs in Azure Front Door"). Front Door's clientIp is
// the first address of X-Forwarded-For where there is one, which anybody can
// write; socketIp is who connected.
func parseAzureFrontDoor(r *record) error {
	var e azureEdge
	if err := e.open(r); err != nil {
		return err
	}
	ev := e.ev
	client, socket := "", ""
	var err error
	e.properties.each(func(key string, p part) {
		v := p.value()
		switch key {
		case "clientIp", "clientIP":
			client = v
		case "socketIp", "socketIP":
			socket = v
		case "httpStatusCode":
			if v != "" && v != "0" {
				err = e.status(v)
			}
		case "httpStatusDetails", "errorInfo":
			if v != "NoError" && v != "" {
				ev.ErrorCode = v
			}
		case "requestBytes":
			ev.BytesIn = count(v)
		case "responseBytes":
			ev.BytesOut = count(v)
		case "timeTaken":
			ev.LatencyUs = micros(v, 1e6)
		case "hostName", "host":
			ev.Host = first(hostName(v), ev.Host)
		case "endpoint":
			if ev.Host == "" {
				ev.Host = hostName(v)
			}
			attribute(ev, key, v)
		default:
			e.common(key, p)
		}
	})
	if err != nil {
		return err
	}
	if ev.SrcIp = address(first(socket, client)); ev.SrcIp == "" {
		attribute(ev, "clientIp", client)
	}
	if said := address(client); said != ev.SrcIp && said != "" {
		ev.ForwardedFor = forwarded(client, ev.ForwardedFor)
	}
	e.close()
	return nil
}
