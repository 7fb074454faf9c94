package detect

// kindNames are the kinds of identities; each is a group of peers. The order
// is part of the snapshot format.
var kindNames = [...]string{
	"", "service_account", "api_key", "oauth_app", "ci_pipeline", "workload", "ai_agent", "integration", "human",
}

const kindHuman = 8

// kindOf is the index of a kind; an unknown kind is the discovered identities' 0.
func kindOf(kind string) uint8 {
	for i, k := range kindNames {
		if k == kind {
			return uint8(i) //nolint:gosec // nine kinds
		}
	}
	return 0
}
