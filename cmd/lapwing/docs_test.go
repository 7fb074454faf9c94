package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/internal/app"
)

// Every command line that a guide, a help page or a message shows is one that the
// command takes: its words, its flags and the values of these.
func TestEveryCommandLineThatIsShownIsTaken(t *testing.T) {
	shown := 0
	for _, c := range append(everyCommand(newRoot(app.StdIO())), shownInFiles(t)...) {
		for _, line := range commandLines(c.text) {
			shown++
			if problem := taken(line); problem != "" {
				t.Errorf("%s shows %q: %s", c.where, line, problem)
			}
		}
	}
	require.Greater(t, shown, 300)
}

// showing is a text that shows command lines.
type showing struct{ where, text string }

// everyCommand gives the examples of the help pages, and the words of each.
func everyCommand(c *cobra.Command) []showing {
	out := []showing{{"help of " + c.CommandPath(), c.Example + "\n" + quoted(c.Long)}}
	for _, sub := range c.Commands() {
		out = append(out, everyCommand(sub)...)
	}
	return out
}

// quoted leaves of a text what stands in back quotes or double quotes.
func quoted(text string) string {
	return strings.Join(regexp.MustCompile("`[^`]+`|\"[^\"]+\"").FindAllString(text, -1), "\n")
}

// shownInFiles gives the blocks and quotations of the guides, and what messages in
// the code quote.
func shownInFiles(t *testing.T) []showing {
	t.Helper()
	const root = "../.."
	block := regexp.MustCompile("(?s)```[a-z]*\n(.*?)```")
	var out []showing
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != root && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || d.Name() == "bin") {
			return filepath.SkipDir
		}
		guide, code := strings.HasSuffix(path, ".md"), strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go")
		if !guide && !code || d.IsDir() {
			return nil
		}
		b, err := os.ReadFile(filepath.Clean(path))
		if err != nil {
			return err
		}
		text := string(b)
		if guide {
			for _, m := range block.FindAllStringSubmatch(text, -1) {
				out = append(out, showing{path, m[1]})
			}
			text = block.ReplaceAllString(text, "")
		}
		out = append(out, showing{path, strings.Join(regexp.MustCompile("`lapwing [^`\n]+`").FindAllString(text, -1), "\n")})
		return nil
	}))
	return out
}

// commandLines cuts a text into its command lines, without what a shell puts
// around them.
func commandLines(text string) []string {
	var out []string
	for line := range strings.Lines(strings.ReplaceAll(text, "\\\n", " ")) {
		for _, m := range regexp.MustCompile(`(?:^\s*|[|;&("`+"`"+`]\s*|^\s*[A-Z_]+=\S+ )lapwing ((?:"[^"]*"|'[^']*'|[^|>;&#`+"`"+`)"'])+)`).FindAllStringSubmatch(line, -1) {
			out = append(out, strings.TrimSpace(m[1]))
		}
	}
	return out
}

// taken says what is wrong with a command line, "" for nothing.
func taken(line string) string {
	var words []string
	for _, w := range regexp.MustCompile(`(?:"[^"]*"|'[^']*'|[^\s"'])+`).FindAllString(line, -1) {
		words = append(words, strings.NewReplacer(`"`, "", `'`, "").Replace(w))
	}
	root := newRoot(app.StdIO())
	c, rest, err := root.Find(words)
	if err != nil {
		return err.Error()
	}
	var args []string
	for i := 0; i < len(rest); i++ {
		name, isFlag := strings.CutPrefix(rest[i], "-")
		if !isFlag || name == "" {
			args = append(args, rest[i])
			continue
		}
		name, value, given := strings.Cut(strings.TrimPrefix(name, "-"), "=")
		f := c.Flags().Lookup(name)
		if f == nil {
			f = c.InheritedFlags().Lookup(name)
		}
		if f == nil && len(name) == 1 {
			f = c.Flags().ShorthandLookup(name)
		}
		switch {
		case name == "help":
		case f == nil:
			return c.CommandPath() + " has no flag " + rest[i]
		case f.NoOptDefVal != "":
		default:
			if !given && i+1 < len(rest) {
				i++
				value = rest[i]
			}
			if problem := fits(f.Value.Set, value); problem != "" {
				return rest[i] + ": " + problem
			}
		}
	}
	if c.HasSubCommands() && len(args) > 0 && !strings.ContainsAny(args[0], "…") {
		return c.CommandPath() + " has no command " + args[0]
	}
	return ""
}

// fits says why a flag does not take a value; placeholders stand for any.
func fits(set func(string) error, value string) string {
	if value == "" || strings.ToUpper(value) == value && strings.ToLower(value) != value || strings.ContainsAny(value, "%…$") {
		return ""
	}
	if err := set(value); err != nil {
		return err.Error()
	}
	return ""
}
