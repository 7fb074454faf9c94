package enrich

import (
	"cmp"
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// resolveOCSF names the actor of an OCSF event: Lapwing's own output carries
// the canonical id, AWS is named as CloudTrail is, others by their product.
func resolveOCSF(ev *schemas.Event) string {
	product := ev.Attributes["product"]
	if id := ev.Attributes["user.uid"]; product == schemas.ProductName && id != "" {
		return id
	}
	if ev.CloudProvider == "aws" || strings.HasPrefix(ev.Principal, "arn:") {
		return resolveAWS(ev)
	}
	if strings.HasPrefix(ev.Principal, "spiffe://") {
		product = cmp.Or(product, "unknown") // an actor by that name, which no certificate proves here
	}
	if ev.Principal == "" || product == "" {
		return resolveGeneric(ev)
	}
	return "ocsf:" + strings.ToLower(strings.ReplaceAll(product, " ", "-")) + "/" + ev.Principal
}
