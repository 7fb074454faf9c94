package ingest

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestGoldenFiles reads testdata/<format>/<file> and compares what comes of it
// with <file>.golden: one event or refusal a line, in order.
func TestGoldenFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/*/*")
	if err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, file := range files {
		format := filepath.Base(filepath.Dir(file))
		if strings.HasSuffix(file, ".golden") || format == "fuzz" {
			continue
		}
		checked++
		t.Run(file, func(t *testing.T) {
			got := goldenText(t, file, format)
			if *update {
				if err := os.WriteFile(file+".golden", []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file + ".golden")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if checked < 3 {
		t.Errorf("only %d files", checked)
	}
}

func goldenText(t *testing.T, file, format string) string {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	p, err := New(format, Options{Hasher: testHasher, KeepRaw: true})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	for r := NewReader(f, format); ; {
		rec, _, err := r.Next()
		if errors.Is(err, io.EOF) {
			return out.String()
		}
		if err != nil {
			t.Fatal(err)
		}
		var c collect
		p.Parse(rec, &c)
		for _, ev := range c.events {
			text, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(ev)
			if err != nil {
				t.Fatal(err)
			}
			var plain bytes.Buffer // protojson varies its white space on purpose
			if err := json.Compact(&plain, text); err != nil {
				t.Fatal(err)
			}
			var members map[string]any
			if err := json.Unmarshal(plain.Bytes(), &members); err != nil {
				t.Fatal(err)
			}
			sorted, err := json.MarshalIndent(members, "", " ")
			if err != nil {
				t.Fatal(err)
			}
			out.Write(append(sorted, '\n'))
		}
		for _, b := range c.bad {
			out.WriteString("refused: " + b + "\n")
		}
	}
}
