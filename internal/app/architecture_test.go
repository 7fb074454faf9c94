package app

import (
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/lapwing-sec/lapwing"

// layers is the house, from the command down: a package imports only what
// stands in a later row, and what its own row allows.
var layers = []struct {
	dirs []string
	// mayImport lists our packages that this row may import.
	mayImport []string
	reason    string
}{
	{[]string{"cmd/lapwing"}, []string{"internal/app"},
		"commands are thin: what they do is in internal/app, where it can be tested"},
	{[]string{"internal/app"}, []string{"internal/kafka", "internal/clickhouse", "internal/embedded", "internal/simulate", "internal/tail", "internal/stream", "internal/safefile", "internal/certs", "ingest", "enrich", "detect", "alerting", "schemas"},
		"wiring is the one place that knows every part"},
	{[]string{"internal/kafka", "internal/clickhouse", "internal/embedded", "internal/simulate", "internal/tail"}, []string{"ingest", "enrich", "detect", "alerting", "internal/stream", "internal/safefile", "internal/certs", "schemas"},
		"adapters know the domain, the domain does not know them, and no adapter knows another"},
	{[]string{"ingest", "enrich", "detect", "alerting"}, []string{"internal/stream", "internal/safefile", "schemas"},
		"the four domain packages meet only in schemas, so that each can be read and replaced alone"},
	{[]string{"internal/stream"}, []string{"schemas"},
		"streams carry events and know no Kafka"},
	{[]string{"internal/faults"}, nil,
		"the frame of the fault scenarios counts and reports; the scenarios are tests and see everything"},
	{[]string{"internal/certs", "internal/safefile"}, nil,
		"why TLS failed, and how a file is opened and replaced, is nobody's in particular"},
	{[]string{"docs"}, nil,
		"documents hold tests of what they say, and no code"},
	{[]string{"schemas"}, nil,
		"the contracts import nothing of ours: everybody else imports them"},
}

// forbidden imports, with the reason and where they are allowed nevertheless.
var forbidden = []struct {
	path    string
	allowed []string
	reason  string
}{
	{"github.com/spf13/viper", []string{"internal/app"}, "configuration is read in one place"},
	{"github.com/spf13/cobra", []string{"cmd/lapwing"}, "the command line stays in cmd"},
	{"github.com/segmentio/kafka-go", []string{"internal/kafka"}, "one adapter knows the client and its traps"},
	{"github.com/ClickHouse/clickhouse-go/v2", []string{"internal/clickhouse", "internal/embedded"}, "one adapter knows the client; the embedded engine speaks its wire format"},
	{"math/rand", nil, "math/rand/v2 with an explicit source is seeded where it must be"},
	{"log", nil, "logging is zerolog, handed down"},
	{"log/slog", nil, "logging is zerolog, handed down"},
}

// pure packages make events, verdicts and fleets: the same input gives the same
// bytes.
var pure = []string{"ingest", "enrich", "enrich/importer", "detect", "detect/sigma", "schemas", "internal/simulate"}

type pkg struct {
	ImportPath   string
	Dir          string
	Imports      []string
	TestImports  []string
	XTestImports []string
	GoFiles      []string
	TestGoFiles  []string
	XTestGoFiles []string
}

func packages(t *testing.T) map[string]pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Dir,Imports,TestImports,XTestImports,GoFiles,TestGoFiles,XTestGoFiles", module+"/...")
	cmd.Dir = "../.."
	out, err := cmd.Output()
	require.NoError(t, err)
	pkgs := map[string]pkg{}
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p pkg
		err := dec.Decode(&p)
		if errors.Is(err, io.EOF) {
			return pkgs
		}
		require.NoError(t, err)
		pkgs[strings.TrimPrefix(p.ImportPath, module+"/")] = p
	}
}

// row gives the index of the layer that a directory belongs to, -1 for none.
func row(dir string) int {
	return slices.IndexFunc(layers, func(l struct {
		dirs      []string
		mayImport []string
		reason    string
	},
	) bool {
		return slices.ContainsFunc(l.dirs, func(d string) bool { return within(dir, d) })
	})
}

func within(dir, parent string) bool { return dir == parent || strings.HasPrefix(dir, parent+"/") }

func TestImportsRunOneWay(t *testing.T) {
	for dir, p := range packages(t) {
		i := row(dir)
		if !assertKnown(t, dir, i) {
			continue
		}
		l := layers[i]
		for _, imp := range p.Imports {
			ours, ok := strings.CutPrefix(imp, module+"/")
			if !ok || sameHouse(dir, ours, l.dirs) {
				continue
			}
			if !slices.ContainsFunc(l.mayImport, func(d string) bool { return within(ours, d) }) {
				t.Errorf("%s imports %s: %s", dir, ours, l.reason)
			}
		}
	}
}

// sameHouse reports whether both packages lie below the same directory of a row.
func sameHouse(a, b string, dirs []string) bool {
	return slices.ContainsFunc(dirs, func(d string) bool { return within(a, d) && within(b, d) })
}

func assertKnown(t *testing.T, dir string, i int) bool {
	t.Helper()
	if i < 0 {
		t.Errorf("%s has no place in the house: add it to layers, with its reason", dir)
	}
	return i >= 0
}

// Who looks for the place of a line of code finds every package there.
func TestEveryPackageHasItsPlaceInTheDocs(t *testing.T) {
	text, err := os.ReadFile("../../docs/architecture.md")
	require.NoError(t, err)
	for dir := range packages(t) {
		if !strings.HasSuffix(dir, "test") { // what serves tests of the package above
			require.Contains(t, string(text), "`"+dir+"`", "docs/architecture.md: a row for it")
		}
	}
}

func TestForbiddenImports(t *testing.T) {
	for dir, p := range packages(t) {
		for _, f := range forbidden {
			if slices.Contains(p.Imports, f.path) && !slices.ContainsFunc(f.allowed, func(a string) bool { return within(dir, a) }) {
				t.Errorf("%s imports %s: %s", dir, f.path, f.reason)
			}
		}
	}
}

func TestNamesAndDoors(t *testing.T) {
	for dir, p := range packages(t) {
		if b := path.Base(dir); slices.Contains([]string{"util", "utils", "common", "helpers", "misc"}, b) {
			t.Errorf("%s: a package is named after what it holds", dir)
		}
		fset := token.NewFileSet()
		documented := len(p.GoFiles) == 0
		for _, name := range slices.Concat(p.GoFiles, p.TestGoFiles, p.XTestGoFiles) {
			f, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.ParseComments)
			require.NoError(t, err)
			if f.Doc != nil && !ast.IsGenerated(f) {
				documented = true
			}
			test := strings.HasSuffix(name, "_test.go")
			ast.Inspect(f, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.FuncDecl:
					if n.Recv == nil && n.Name.Name == "init" && !ast.IsGenerated(f) {
						t.Errorf("%s: init() hides wiring: call it where it is needed", fset.Position(n.Pos()))
					}
				case *ast.SelectorExpr:
					x, ok := n.X.(*ast.Ident)
					if !ok {
						return true
					}
					call := x.Name + "." + n.Sel.Name
					if test && call == "time.Sleep" {
						t.Errorf("%s: tests wait for a condition, never for a time", fset.Position(n.Pos()))
					}
					if !test && slices.Contains(pure, dir) && slices.Contains([]string{"time.Now", "time.Since", "rand.Int", "rand.Float64", "os.Getenv"}, call) {
						t.Errorf("%s: %s calls %s: the same input gives the same bytes", fset.Position(n.Pos()), dir, call)
					}
				}
				return true
			})
		}
		if !documented {
			t.Errorf("%s: no package comment", dir)
		}
	}
}

func TestNoStrayGoFolders(t *testing.T) {
	// A folder of Go files that the module does not build would escape the rules.
	root := "../.."
	known := packages(t)
	require.NoError(t, filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && p != root && (strings.HasPrefix(name, ".") || name == "testdata" || name == "bin" || name == "lapwing-data") {
			return filepath.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(name, ".go") {
			return nil
		}
		dir, err := filepath.Rel(root, filepath.Dir(p))
		if err != nil {
			return err
		}
		if _, ok := known[filepath.ToSlash(dir)]; !ok {
			t.Errorf("%s is built by nobody", p)
		}
		return nil
	}))
}
