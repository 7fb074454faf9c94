package app

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/internal/clickhouse"
	"github.com/lapwing-sec/lapwing/schemas"
)

// hashOf is the credential that parse shows of a key.
func hashOf(t *testing.T, cfg Config, text string) (ref, said string) {
	t.Helper()
	var out, errs strings.Builder
	o := ParseOptions{Format: "kong", Files: []string{stdinName}}
	require.NoError(t, Parse(t.Context(), cfg, o, IO{In: strings.NewReader(text), Out: &out, Err: &errs}))
	_, after, found := strings.Cut(out.String(), `"credential_uid":"`)
	require.True(t, found, out.String())
	ref, _, _ = strings.Cut(after, `"`)
	return ref, errs.String()
}

// A reference by hash matches only under the key that it was made under: parse says
// so where it has a key of its own, and with the key of `up` it gives what `up` matches.
func TestParseSaysWhenItHashesUnderAKeyOfItsOwn(t *testing.T) {
	const line = `{"request":{"method":"GET","uri":"/v1/orders","headers":{"apikey":"k-1234567890abcdef"}},"response":{"status":200},"client_ip":"192.0.2.1","started_at":1767225600000,"service":{"name":"orders"}}`
	cfg := Defaults()
	cfg.DataDir = t.TempDir()
	own, said := hashOf(t, cfg, line)
	require.Contains(t, own, "hmac:")
	require.Contains(t, said, "LAPWING_SECRETS_HMAC_KEY_FILE="+filepath.Join(cfg.DataDir, hmacFile))

	key, err := ensureHMACKey(cfg.DataDir)
	require.NoError(t, err)
	cfg.Secrets.HMACKey = key
	ups, said := hashOf(t, cfg, line)
	require.NotEqual(t, own, ups)
	require.Equal(t, cfg.Secrets.newHasher().Hash("k-1234567890abcdef"), ups)
	require.NotContains(t, said, "key of parse's own")

	const anonymous = `{"request":{"method":"GET","uri":"/"},"response":{"status":200},"client_ip":"192.0.2.1","started_at":1767225600000,"service":{"name":"orders"}}`
	cfg.Secrets.HMACKey = ""
	var out, errs strings.Builder
	require.NoError(t, Parse(t.Context(), cfg, ParseOptions{Format: "kong", Files: []string{stdinName}}, IO{In: strings.NewReader(anonymous), Out: &out, Err: &errs}))
	require.Equal(t, "1 events, 0 bad\n", errs.String(), "nothing is said where nothing was hashed")
}

func TestCheckCountsReferencesByHash(t *testing.T) {
	cfg := Defaults()
	cfg.Inventory.File = fileOf(t, "inventory.yaml", `
identities:
  - id: kong:consumer/a
    credentials: [{ref: "hmac:00112233445566778899aabbccddeeff"}, {ref: AKIAIOSFODNN7EXAMPLE}]
`)
	inv, err := cfg.Inventory.file().Load()
	require.NoError(t, err)
	require.Equal(t, 1, hashedReferences(inv))
}

func TestUnseenReferencesAreNamed(t *testing.T) {
	k := &knownIdentity{Identity: schemas.Identity{Credentials: []schemas.KnownCredential{{Ref: "hmac:seen"}, {Ref: "hmac:other"}, {Ref: "AKIAIOSFODNN7EXAMPLE"}}}}
	seen := &clickhouse.Result{Rows: [][]any{{"kong:consumer/a", "hmac:seen"}}}
	said := unseenReferences(k, seen)
	require.Equal(t, 1, strings.Count(said, "is not among those seen"))
	require.Contains(t, said, "hmac:other")
	require.Empty(t, unseenReferences(nil, seen), "nobody has declared it")
	seen.Rows = make([][]any, shownCredentials)
	require.Empty(t, unseenReferences(k, seen), "there may be more than is shown")
}
