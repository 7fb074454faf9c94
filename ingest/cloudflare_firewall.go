package ingest

// matchCloudflareFirewall recognises firewall_events.
func matchCloudflareFirewall(p *probe) confidence {
	switch {
	case p.has("Action", "Source") && p.count("RayID", "RuleID", "Datetime", "ClientIP", "ClientRequestPath", "MatchIndex") >= 2:
		return certain
	case p.has("Action", "RuleID") && p.count("RayID", "Datetime", "ClientIP") >= 1:
		return likely
	}
	return no
}

// parseCloudflareFirewall reads one record of firewall_events: a request that a
// rule acted on. What the rule did is in the attributes action and rule.
func parseCloudflareFirewall(r *record) error { return parseCloudflareRequest(r, "Datetime") }
