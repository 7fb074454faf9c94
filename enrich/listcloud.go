package enrich

import (
	"strings"

	"github.com/tidwall/gjson"
)

// readAWS reads ip-ranges.json. A prefix stands once for AMAZON and again for
// the service that it serves, which is the more telling entry.
func readAWS(r *listReader, data []byte) {
	doc, l, ok := r.document(data)
	if !ok {
		return
	}
	for _, list := range []struct{ path, key string }{{"prefixes", "ip_prefix"}, {"ipv6_prefixes", "ipv6_prefix"}} {
		own := *l // the lists may stand in any order
		r.each(doc, &own, list.path, func(line int, v gjson.Result) {
			service, telling := v.Get("service").String(), 1
			if service == "AMAZON" {
				service, telling = "", 0
			}
			class := ""
			if r.class == "" && strings.HasPrefix(service, "CLOUDFRONT") {
				class = classCDN
			}
			r.add(line, v.Get(list.key).String(), class, joinName(v.Get("region").String(), service), telling)
		})
	}
}

// readGCP reads cloud.json, whose scope is the region, and goog.json, which has
// none.
func readGCP(r *listReader, data []byte) {
	doc, l, ok := r.document(data)
	if !ok {
		return
	}
	r.each(doc, l, "prefixes", func(line int, v gjson.Result) {
		cidr := v.Get("ipv4Prefix")
		if !cidr.Exists() {
			cidr = v.Get("ipv6Prefix")
		}
		r.add(line, cidr.String(), "", v.Get("scope").String(), 0)
	})
}

// readAzure reads the file of service tags. A prefix stands in several tags; one
// that names both service and region tells most.
func readAzure(r *listReader, data []byte) {
	doc, l, ok := r.document(data)
	if !ok {
		return
	}
	r.each(doc, l, "values", func(_ int, tag gjson.Result) {
		region, service := tag.Get("properties.region").String(), tag.Get("properties.systemService").String()
		telling, class := 0, ""
		if region != "" {
			telling++
		}
		if service != "" {
			telling += 2
		}
		if r.class == "" && strings.HasPrefix(tag.Get("name").String(), "AzureFrontDoor") {
			class = classCDN
		}
		r.each(tag, l, "properties.addressPrefixes", func(line int, v gjson.Result) {
			r.add(line, v.String(), class, joinName(region, service), telling)
		})
	})
}

// readOracle reads public_ip_ranges.json, whose regions hold tagged prefixes.
func readOracle(r *listReader, data []byte) {
	doc, l, ok := r.document(data)
	if !ok {
		return
	}
	r.each(doc, l, "regions", func(_ int, region gjson.Result) {
		name := region.Get("region").String()
		r.each(region, l, "cidrs", func(line int, v gjson.Result) {
			service, telling := v.Get("tags.0").String(), 1
			if service == "OCI" || service == "OSN" {
				service, telling = "", 0 // all of it, and its own services' network
			}
			r.add(line, v.Get("cidr").String(), "", joinName(name, service), telling)
		})
	})
}
