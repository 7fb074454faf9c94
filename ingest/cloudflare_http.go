package ingest

// matchCloudflareHTTP recognises Logpush's dataset http_requests.
func matchCloudflareHTTP(p *probe) confidence {
	switch n := p.count("EdgeStartTimestamp", "EdgeResponseStatus", "EdgeResponseBytes", "EdgeEndTimestamp", "ClientRequestURI", "RayID", "OriginIP", "CacheCacheStatus", "ClientRequestHost", "ClientRequestMethod", "ZoneName"); {
	case p.has("EdgeStartTimestamp") && n >= 2:
		return certain
	case n >= 3 && !p.has("Action", "Source"):
		return likely
	}
	return no
}

// parseCloudflareHTTP reads one record of http_requests (Cloudflare's reference
// of Logpush datasets).
func parseCloudflareHTTP(r *record) error { return parseCloudflareRequest(r, "EdgeStartTimestamp") }
