package ingest

import "strings"

// matchIstio recognises the mesh's default formats, text and JSON, by the
// fields that Istio adds to Envoy's and by its names of clusters.
func matchIstio(p *probe) confidence {
	if p.doc != nil {
		cluster := p.text("upstream_cluster")
		switch {
		case (meshCluster(cluster) || strings.Contains(p.text("upstream_cluster_raw"), "|")) && p.count("response_code", "response_flags", "start_time", "upstream_host") >= 1:
			return certain
		case p.has("authority", "requested_server_name", "upstream_transport_failure_reason", "response_code"):
			return certain
		case p.has("source_principal") && p.has("response_code"):
			return certain
		case p.count("response_flags", "response_code", "upstream_cluster", "upstream_host", "route_name", "downstream_remote_address", "start_time") >= 4:
			return possible
		}
		return no
	}
	switch envoyKind(p.line) {
	case kindIstio:
		return certain
	case kindEnvoy:
		return possible
	case kindOther:
	}
	return no
}

func meshCluster(name string) bool {
	switch name {
	case "BlackHoleCluster", "PassthroughCluster", "InboundPassthroughCluster", "InboundPassthroughClusterIpv4":
		return true
	}
	return strings.HasPrefix(name, "outbound|") || strings.HasPrefix(name, "inbound|") || strings.HasPrefix(name, "outbound_.")
}
