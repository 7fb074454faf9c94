package app

import (
	"fmt"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/enrich"
	"github.com/lapwing-sec/lapwing/ingest"
	"github.com/lapwing-sec/lapwing/schemas"
)

// readUnder parses and enriches one access log line under a configuration.
func readUnder(t *testing.T, cfg Config, inventory, line string) *schemas.Event {
	t.Helper()
	h := cfg.Secrets.newHasher()
	parsers, err := newParsers(&cfg, ingest.Table(), h)
	require.NoError(t, err)
	e, err := newEnricher(&cfg, h, prometheus.NewRegistry(), zerolog.Nop())
	require.NoError(t, err)
	inv, err := enrich.ParseInventory("inventory.yaml", []byte(inventory))
	require.NoError(t, err)
	e.SetInventory(enrich.SourceFile, inv)
	got := &collected{}
	parsers["nginx"].Parse([]byte(line), got)
	require.Len(t, got.events, 1, got.bad)
	e.Enrich(got.events[0])
	return got.events[0]
}

type collected struct {
	events []*schemas.Event
	bad    []error
}

func (c *collected) Event(_ int, ev *schemas.Event) { c.events = append(c.events, ev) }
func (c *collected) Bad(_ int, _ []byte, err error) { c.bad = append(c.bad, err) }

// A change of secrets.hmac_key changes nobody's identity and nobody's
// credential, as long as the old keys are kept.
func TestRotatingTheHashKeyKeepsIdentities(t *testing.T) {
	key := func(c string) Secret { return Secret(strings.Repeat(c, minHMACKey)) }
	under := func(current Secret, old ...Secret) Config {
		cfg := Defaults()
		cfg.Secrets.HMACKey, cfg.Secrets.OldHMACKeys = current, old
		return cfg
	}
	const apiKey = "QmFkS2V5Rm9yVGVzdHNPbmx5"
	const line = `{"time":"2026-05-01T10:00:00Z","remote_addr":"203.0.113.9","request":"GET /v1/orders HTTP/1.1","status":200,"http_x_api_key":"` + apiKey + `"}`
	first, second, third := under(key("a")), under(key("b"), key("a")), under(key("c"), key("b"), key("a"))
	hash := func(cfg Config) string { return cfg.Secrets.newHasher().Hash(apiKey) }

	before := readUnder(t, first, "identities: []", line)
	require.Equal(t, "apikey:"+strings.TrimPrefix(hash(first), "hmac:"), before.IdentityId)
	for name, cfg := range map[string]Config{"once": second, "twice": third} {
		after := readUnder(t, cfg, "identities: []", line)
		require.Equal(t, before.IdentityId, after.IdentityId, "a key that nobody declared stays who it is, rotated %s", name)
		require.Equal(t, before.CredentialId, after.CredentialId, "and stays the credential that its identity is known by")
		require.NotContains(t, after.Raw, apiKey)
		require.NotContains(t, after.Raw, before.CredentialId, "the raw text has the new hash only")
	}
	for name, ref := range map[string]string{
		"by the id itself": apiKey, "by the hash under the first key": hash(first),
		"under the second": hash(second), "under the current one": hash(third),
	} {
		ev := readUnder(t, third, fmt.Sprintf("identities: [{id: a:b, credentials: [{ref: \"k-2\"}, {ref: %q}]}]", ref), line)
		require.Equal(t, "a:b", ev.IdentityId, "declared %s", name)
		require.NotNil(t, ev.Declared.Credential)
	}
	require.NotEqual(t, before.IdentityId, readUnder(t, under(key("b")), "identities: []", line).IdentityId,
		"once the old key is given up, it is another identity")
}
