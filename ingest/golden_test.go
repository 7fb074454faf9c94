package ingest

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
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
	for r := standard.NewReader(f, format); ; {
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

// TestFieldsAreListed keeps in testdata/<format>/fields.golden how a format's
// records come and which fields of an event its samples fill. docs/formats.md is made of these.
func TestFieldsAreListed(t *testing.T) {
	for _, f := range Formats() {
		t.Run(f.Name, func(t *testing.T) {
			fields := map[string]bool{}
			add := func(c collect) {
				for _, ev := range c.events {
					ev.ProtoReflect().Range(func(fd protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
						fields[string(fd.Name())] = true
						return true
					})
				}
			}
			for _, s := range samples() {
				if s.format == f.Name {
					add(parseAll(t, f.Name, s.in))
				}
			}
			if len(fields) == 0 {
				t.Fatal("the format has no samples")
			}
			var list []string
			for name := range fields {
				list = append(list, name)
			}
			slices.Sort(list)
			kinds := map[bool]string{true: "JSON, text", false: "JSON"}[f.text != nil]
			if f.json == nil {
				kinds = "text"
			}
			got := "records: " + kinds + "\n" + strings.Join(list, "\n") + "\n"
			file := filepath.Join("testdata", f.Name, "fields.golden")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if string(want) != got {
				t.Errorf("%s is not current: go test ./ingest -run 'Golden|Fields' -update", file)
			}
		})
	}
}

// A listing of the folder is the catalogue of formats.
func TestEveryFormatHasAFileOfItsName(t *testing.T) {
	for _, f := range Formats() {
		file := strings.ReplaceAll(f.Name, "-", "_") + ".go"
		if _, err := os.Stat(file); err != nil {
			t.Errorf("%s: its functions stand in a file of that name: %v", f.Name, err)
		}
	}
}
