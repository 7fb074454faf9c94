package app

import (
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write generated documents and golden files anew")

const (
	configDoc  = "../../docs/configuration.md"
	docsMarker = "<!-- generated from internal/app by `make generate`; do not edit below -->\n"
)

// The reference in docs/configuration.md is generated: it cannot drift.
func TestConfigurationDocIsCurrent(t *testing.T) {
	data, err := os.ReadFile(configDoc)
	require.NoError(t, err)
	head, tail, found := strings.Cut(string(data), docsMarker)
	require.True(t, found, "docs/configuration.md has lost its marker")
	if *update {
		require.NoError(t, os.WriteFile(configDoc, []byte(head+docsMarker+ConfigReference()), 0o644))
		return
	}
	require.True(t, ConfigReference() == tail, "docs/configuration.md is not what the configuration is: run make generate")
}
