package app

import (
	"fmt"
	"strings"

	"github.com/lapwing-sec/lapwing/ingest"
)

// formatNames lists the raw log formats by name.
func formatNames() []string {
	var names []string
	for _, f := range ingest.Formats() {
		names = append(names, f.Name)
	}
	return names
}

// FormatNames lists the raw log formats, for help and completion.
func FormatNames() []string { return formatNames() }

// FormatHelp is the list of formats as a help page shows it.
func FormatHelp() string {
	var b strings.Builder
	b.WriteString("Formats:")
	for _, f := range ingest.Formats() {
		fmt.Fprintf(&b, "\n  %-16s %s", f.Name, f.Title)
	}
	return b.String()
}
