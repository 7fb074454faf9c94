package app

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/lapwing-sec/lapwing/ingest"
)

// Bounds of a value and of a path in a table, in characters.
const (
	maxShownValue = 100
	maxShownPath  = 52
)

// explanations returns what writes explanations: NDJSON, or one table for each
// event.
func explanations(out io.Writer, enc *json.Encoder, asJSON bool) func(number int, x ingest.Explanation) error {
	if asJSON {
		return func(number int, x ingest.Explanation) error {
			return enc.Encode(struct {
				Record int `json:"record"`
				ingest.Explanation
			}{number, x})
		}
	}
	return func(number int, x ingest.Explanation) error {
		t := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
		fmt.Fprintf(t, "record %d, read as %s\n", number, x.Format)
		for _, f := range x.Fields {
			from := f.From
			switch {
			case f.Derived && from == "":
				from = "(derived)"
			case f.Derived:
				from = "(derived) " + from
			}
			fmt.Fprintf(t, "  %s\t<- %s\t= %s\n", f.Field, clipText(oneLine(from), maxShownPath), short(f.Value))
		}
		section(t, "kept as attributes:", x.Attributes)
		section(t, "dropped:", x.Dropped)
		fmt.Fprintln(t)
		return t.Flush()
	}
}

func section(t io.Writer, title string, list []ingest.ExplainedField) {
	if len(list) == 0 {
		return
	}
	fmt.Fprintf(t, "  %s\n", title)
	for _, f := range list {
		name := f.Field
		if name == "" {
			name = f.From
		}
		from := "\t"
		if f.From != "" && f.From != name {
			from = "\t<- " + short(f.From)
		}
		fmt.Fprintf(t, "    %s%s\t= %s\n", short(name), from, short(f.Value))
	}
}

// short keeps a value on one line of a terminal.
func short(s string) string { return clipText(oneLine(s), maxShownValue) }
