package app

import (
	"bytes"
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// parsed runs Parse over a file, or over text as standard input.
func parsed(t *testing.T, format, file, text string) []map[string]any {
	t.Helper()
	var out, problems bytes.Buffer
	// Records that are refused make the exit code, and are of no interest here.
	_ = Parse(t.Context(), Defaults(), ParseOptions{Format: format, Files: []string{file}}, IO{In: strings.NewReader(text), Out: &out, Err: &problems})
	var list []map[string]any
	for line := range bytes.Lines(out.Bytes()) {
		var one map[string]any
		if err := json.Unmarshal(line, &one); err != nil {
			t.Fatal(err)
		}
		list = append(list, one)
	}
	return list
}

// TestOutputOfParseIsReadBack holds parser and writer of OCSF together: what
// parse wrote gives the same when it is read as a log.
func TestOutputOfParseIsReadBack(t *testing.T) {
	files, err := filepath.Glob("../../ingest/testdata/*/*")
	if err != nil {
		t.Fatal(err)
	}
	compared := 0
	for _, file := range files {
		format := filepath.Base(filepath.Dir(file))
		if strings.HasSuffix(file, ".golden") || format == "fuzz" {
			continue
		}
		t.Run(file, func(t *testing.T) {
			before := parsed(t, format, file, "")
			var text strings.Builder
			for _, a := range before {
				line, err := json.Marshal(a)
				if err != nil {
					t.Fatal(err)
				}
				text.Write(append(line, '\n'))
			}
			after := parsed(t, "auto", stdinName, text.String())
			if len(before) != len(after) {
				t.Fatalf("%d events became %d", len(before), len(after))
			}
			for i := range before {
				compared++
				for _, a := range []map[string]any{before[i], after[i]} {
					delete(a["metadata"].(map[string]any), "log_name")
					delete(a["unmapped"].(map[string]any), "attributes")
				}
				if diff := cmp.Diff(before[i], after[i]); diff != "" {
					t.Errorf("event %d (-written +read back):\n%s", i, diff)
				}
			}
		})
	}
	if compared < 10 {
		t.Errorf("only %d events compared", compared)
	}
}
