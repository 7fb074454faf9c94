package app

import (
	"flag"
	"fmt"
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
		require.NoError(t, os.WriteFile(configDoc, []byte(head+docsMarker+configReference()), 0o644))
		return
	}
	require.True(t, configReference() == tail, "docs/configuration.md is not what the configuration is: run make generate")
}

// configReference writes the table of configuration keys as Markdown: the
// second part of docs/configuration.md.
func configReference() string {
	var b strings.Builder
	section := "\x00"
	for _, k := range Keys() {
		sec, _, nested := strings.Cut(k.Name, ".")
		if !nested {
			sec = ""
		}
		if sec != section {
			section = sec
			title := "Top level"
			if sec != "" {
				title = "`" + sec + "`"
			}
			fmt.Fprintf(&b, "\n### %s\n\n| key | takes | default | |\n|---|---|---|---|\n", title)
		}
		writeKey(&b, k.Name, k)
		for _, f := range k.Fields {
			writeKey(&b, k.Name+"[]."+f.Name, f)
		}
	}
	return b.String()
}

func writeKey(b *strings.Builder, name string, k Key) {
	takes := k.Type
	if k.Accept != nil {
		takes = strings.TrimPrefix(oneOf(k.Accept), "one of ")
	}
	def := k.Default
	if def != "" {
		def = "`" + def + "`"
	}
	fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", name, takes, def, k.Doc)
}
