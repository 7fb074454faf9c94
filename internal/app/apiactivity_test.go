package app

import (
	"bytes"
	"encoding/json"
	"io"
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

func TestFilesAreOfTheClusterThatTheirTopicNames(t *testing.T) {
	const record = `{"kind":"Event","apiVersion":"audit.k8s.io/v1","auditID":"a","stage":"ResponseComplete","verb":"get","user":{"username":"system:serviceaccount:payments:ledger"},"objectRef":{"resource":"pods"},"stageTimestamp":"2026-03-01T10:00:00Z"MORE}`
	for _, tt := range []struct {
		name, more, want string
		topics           []RawTopicConfig
	}{
		{"without a topic", "", "k8s:payments/ledger", nil},
		{"one topic", "", "k8s:prod-eu/payments/ledger", []RawTopicConfig{{Topic: "a", Format: "k8s-audit", Cluster: "prod-eu"}}},
		{"topics that disagree", "", "k8s:payments/ledger", []RawTopicConfig{{Topic: "a", Format: "k8s-audit", Cluster: "prod-eu"}, {Topic: "b", Format: "k8s-audit", Cluster: "prod-us"}}},
		{"what the record says", `,"cluster":"dev"`, "k8s:dev/payments/ledger", []RawTopicConfig{{Topic: "a", Format: "k8s-audit", Cluster: "prod-eu"}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := Defaults()
			cfg.RawTopics = tt.topics
			var out bytes.Buffer
			std := IO{In: strings.NewReader(strings.Replace(record, "MORE", tt.more, 1)), Out: &out, Err: io.Discard}
			if err := Parse(t.Context(), cfg, ParseOptions{Format: "auto", Files: []string{stdinName}}, std); err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(out.String(), `"uid":"`+tt.want+`"`) {
				t.Errorf("%s", out.String())
			}
		})
	}
}
