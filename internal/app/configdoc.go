package app

import (
	"fmt"
	"strings"
)

// ConfigReference writes the table of configuration keys as Markdown: the
// second part of docs/configuration.md.
func ConfigReference() string {
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
