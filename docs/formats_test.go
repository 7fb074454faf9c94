package docs_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/lapwing-sec/lapwing/enrich"
	"github.com/lapwing-sec/lapwing/ingest"
	"github.com/lapwing-sec/lapwing/schemas"
)

// fieldGroups are the numbers of the fields of an event that parsers fill, as
// schemas/event.proto groups them.
var fieldGroups = []struct {
	title    string
	from, to protoreflect.FieldNumber
}{
	{"Who", 40, 59},
	{"What", 60, 89},
	{"From where", 90, 119},
}

func TestTheFormatsAreCurrent(t *testing.T) {
	var b strings.Builder
	b.WriteString("\n| format | what | records | usual disorder | identities in its test records |\n|---|---|---|---|---|\n")
	filled := map[string][]string{}
	formats := ingest.Formats()
	for _, f := range formats {
		lines := strings.Split(strings.TrimSpace(read(t, filepath.Join("ingest/testdata", f.Name, "fields.golden"))), "\n")
		records, ok := strings.CutPrefix(lines[0], "records: ")
		require.True(t, ok, f.Name)
		filled[f.Name] = lines[1:]
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", f.Name, cell(f.Title), records, disorder(f.Disorder), cell(strings.Join(identities(t, f.Name), ", ")))
	}
	fields := (&schemas.Event{}).ProtoReflect().Descriptor().Fields()
	for _, g := range fieldGroups {
		var columns []string
		for i := range fields.Len() {
			name := string(fields.Get(i).Name())
			number := fields.Get(i).Number()
			if number >= g.from && number <= g.to && slices.ContainsFunc(formats, func(f ingest.Format) bool { return slices.Contains(filled[f.Name], name) }) {
				columns = append(columns, name)
			}
		}
		require.NotEmpty(t, columns, g.title)
		fmt.Fprintf(&b, "\n## %s\n\n| format | %s |\n|---|%s\n", g.title, strings.Join(columns, " | "), strings.Repeat(":-:|", len(columns)))
		for _, f := range formats {
			fmt.Fprintf(&b, "| `%s` |", f.Name)
			for _, c := range columns {
				if slices.Contains(filled[f.Name], c) {
					b.WriteString(" ● |")
				} else {
					b.WriteString(" |")
				}
			}
			b.WriteString("\n")
		}
	}
	generated(t, "docs/formats.md", "do not edit below -->\n", "", b.String())
}

func disorder(d time.Duration) string {
	if d%time.Minute == 0 {
		return fmt.Sprintf("%d min", d/time.Minute)
	}
	return fmt.Sprintf("%d s", d/time.Second)
}

// identities are the first canonical ids of a format's golden records.
func identities(t *testing.T, format string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, "ingest/testdata", format, "*.golden"))
	require.NoError(t, err)
	var out []string
	for _, file := range files {
		if filepath.Base(file) == "fields.golden" {
			continue
		}
		rel, err := filepath.Rel(root, file)
		require.NoError(t, err)
		for text := range strings.SplitSeq(read(t, rel), "\n}\n") {
			i := strings.IndexByte(text, '{')
			if i < 0 || !json.Valid([]byte(text[i:]+"}")) {
				continue
			}
			var ev schemas.Event
			require.NoError(t, protojson.Unmarshal([]byte(text[i:]+"}"), &ev), rel)
			enrich.Resolve(&ev)
			id := "`" + ev.IdentityId + "`"
			if strings.HasPrefix(ev.IdentityId, "apikey:") {
				id = "`apikey:…`"
			}
			if !ev.Anonymous && !slices.Contains(out, id) && len(out) < 4 {
				out = append(out, id)
			}
		}
	}
	return out
}
