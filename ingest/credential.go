package ingest

import "strings"

// queryKey finds the hash of a credential in a redacted query.
func queryKey(query string) (id, kind string) {
	if len(query) < len(hashPrefix)+hashDigits || !strings.Contains(query, hashPrefix) {
		return "", ""
	}
	for pair := range strings.SplitSeq(query, "&") {
		name, v, ok := strings.Cut(pair, "=")
		if !ok || !strings.HasPrefix(v, hashPrefix) {
			continue
		}
		switch strings.ToLower(name) {
		case "api_key", "apikey", "api-key", "x-api-key", "key", "subscription-key", "appkey", "app_key":
			return presented(v, "api_key")
		case "access_token", "token", "auth_token", "jwt", "id_token", "auth":
			return presented(v, "token")
		}
	}
	return "", ""
}

// fingerprint recognises a key that the gateway hashed itself.
func fingerprint(s string) bool {
	return strings.HasPrefix(s, "sha256:") || strings.HasPrefix(s, "SHA256:")
}

// credentialHeader says which headers carry the caller's own credential.
func credentialHeader(name string) bool {
	switch name {
	case "authorization", "x-api-key", "apikey", "api-key", "x-apikey", "x-auth-token", "x-access-token":
		return true
	}
	return false
}

// presented returns the hash in a redacted credential, and its type by the
// scheme or the name that it came with.
func presented(v, name string) (id, kind string) {
	at := strings.Index(v, hashPrefix)
	if at < 0 || len(v) < at+len(hashPrefix)+32 {
		return "", ""
	}
	id = v[at : at+len(hashPrefix)+32]
	switch word := strings.ToLower(strings.TrimSpace(v[:at])); {
	case word == "bearer":
		kind = "token"
	case word == "basic":
		kind = "basic"
	case word == "" && (strings.HasSuffix(name, "token") || name == "authorization"):
		kind = "token"
	default:
		kind = "api_key"
	}
	return id, kind
}
