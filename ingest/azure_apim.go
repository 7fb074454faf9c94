package ingest

import (
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// isAPIMCall says that the record is of a call through API Management ("API
// Management gateway logs": category GatewayLogs).
func (a *azure) isAPIMCall() bool {
	return strings.EqualFold(a.root.peek("category"), "GatewayLogs") && azureSegment(a.root.resourceID(), "service") != "" && a.properties.at("method").there()
}

// apimCall reads a call through API Management as any gateway's. Who called is the
// subscription whose key let it in, at the instance that knows it; a call without
// one is nobody's, and so is a key that was refused.
func (a *azure) apimCall() error {
	ev, p := a.ev, a.properties
	if err := a.when(); err != nil {
		return err
	}
	a.where()
	attribute(ev, "resourceId", a.root.resourceID())
	ev.Resources = ev.Resources[:0] // the gateway is no object of a call
	ev.SrcIp = address(a.root.text("callerIpAddress"))
	ev.HttpMethod = method(p.text("method"))
	ev.Service = p.text("apiId")
	ev.BytesIn, ev.BytesOut = count(p.text("requestSize")), count(p.text("responseSize"))
	p.at("requestHeaders").unpacked().each(func(name string, v part) {
		if strings.EqualFold(name, "user-agent") {
			ev.UserAgent = clip(v.text(), maxMessage)
		}
	})
	call := a.r.access()
	call.target, call.protocol = p.text("url"), p.text("clientProtocol")
	if code := p.text("responseCode"); code != "" && code != "0" { // 0: the client went away
		if err := call.status(code); err != nil {
			return err
		}
	}
	call.finish()
	if failed := p.at("lastError").unpacked(); failed.there() && ev.Outcome != schemas.Outcome_OUTCOME_SUCCESS {
		ev.ErrorCode, ev.ErrorMessage = failed.text("reason"), clip(failed.text("message"), maxMessage)
	}
	if by := p.text("apimSubscriptionId"); by != "" && ev.StatusCode != 401 {
		ev.Anonymous, ev.PrincipalType = false, "consumer"
		ev.Principal = azureSegment(a.root.resourceID(), "service") + "/" + clip(by, maxAttributeValue)
	} else {
		attribute(ev, "refused_subscription", by)
	}
	a.rest()
	return nil
}
