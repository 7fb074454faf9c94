package clickhouse

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// Hunt is a named question.
type Hunt struct {
	Name string `json:"name"`
	// Title is a line for a list; Question is what it answers.
	Title    string  `json:"title"`
	Question string  `json:"question"`
	Params   []Param `json:"params"`
	SQL      string  `json:"sql"`
}

// Param is a value that a hunt can be given.
type Param struct {
	Name string `json:"name"`
	// Type is ClickHouse's, such as String or UInt32.
	Type string `json:"type"`
	// Default is used when nothing is given, unless Required.
	Default  string `json:"default,omitempty"`
	Required bool   `json:"required"`
	Doc      string `json:"doc,omitempty"`
}

// tenantParam is filled in for every hunt.
const tenantParam = "tenant"

// ListHunts returns the hunts, by name.
func ListHunts() ([]Hunt, error) { return readHunts(schemas.Hunts) }

func readHunts(fsys fs.FS) ([]Hunt, error) {
	paths, err := fs.Glob(fsys, "hunts/*.sql")
	if err != nil {
		return nil, err
	}
	slices.Sort(paths)
	hunts := make([]Hunt, 0, len(paths))
	for _, path := range paths {
		text, err := fs.ReadFile(fsys, path)
		if err != nil {
			return nil, err
		}
		h, err := parseHunt(strings.TrimSuffix(strings.TrimPrefix(path, "hunts/"), ".sql"), string(text))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		hunts = append(hunts, h)
	}
	return hunts, nil
}

// paramRE reads "name Type = default -- what it is" and "name Type -- what it is".
var paramRE = regexp.MustCompile(`^(\w+)\s+([\w()', ]+?)(?:\s*=\s*(.*?))?\s+--\s+(.+)$`)

// parseHunt reads a hunt's header, comment lines of "-- key: value", and keeps
// the whole text as its statement.
func parseHunt(name, text string) (Hunt, error) {
	h := Hunt{Name: name, SQL: strings.TrimSuffix(strings.TrimSpace(text), ";")}
	lines := bufio.NewScanner(strings.NewReader(text))
	for lines.Scan() {
		line, ok := strings.CutPrefix(lines.Text(), "--")
		if !ok {
			break
		}
		key, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		switch value = strings.TrimSpace(value); key {
		case "title":
			h.Title = value
		case "question":
			h.Question = value
		case "param":
			m := paramRE.FindStringSubmatch(value)
			if m == nil {
				return h, fmt.Errorf("param %q: want `name Type = default -- what it is`", value)
			}
			h.Params = append(h.Params, Param{Name: m[1], Type: m[2], Default: m[3], Required: !strings.Contains(value[:strings.Index(value, "--")], "="), Doc: m[4]})
		default:
			return h, fmt.Errorf("header line %q: want title, question or param", line)
		}
	}
	if h.Title == "" || h.Question == "" {
		return h, errors.New("the header lacks a title or a question")
	}
	return h, nil
}

// FindHunt returns the hunt of that name; the error lists the names there are.
func FindHunt(name string) (Hunt, error) {
	hunts, err := ListHunts()
	if err != nil {
		return Hunt{}, err
	}
	names := make([]string, len(hunts))
	for i, h := range hunts {
		if h.Name == name {
			return h, nil
		}
		names[i] = h.Name
	}
	return Hunt{}, fmt.Errorf("no hunt %q: there are %s", name, strings.Join(names, ", "))
}

// RunHunt answers a named question. Unknown parameters, and missing ones without
// a default, are errors that say what there is.
func (d *DB) RunHunt(ctx context.Context, name string, params map[string]string) (*Result, error) {
	h, err := FindHunt(name)
	if err != nil {
		return nil, err
	}
	values, err := h.bind(params)
	if err != nil {
		return nil, fmt.Errorf("hunt %s: %w", name, err)
	}
	if _, ok := values[tenantParam]; !ok {
		values[tenantParam] = EscapeText(d.cfg.Tenant)
	}
	return d.Query(ctx, h.SQL, values)
}

// bind checks the parameters and fills in defaults.
func (h *Hunt) bind(params map[string]string) (map[string]string, error) {
	values := map[string]string{}
	names := make([]string, 0, len(h.Params))
	for _, p := range h.Params {
		names = append(names, p.Name)
		v, given := params[p.Name]
		switch {
		case given && v != "":
		case p.Required:
			return nil, fmt.Errorf("parameter %s (%s) is needed: %s", p.Name, p.Type, p.Doc)
		default:
			v = p.Default
		}
		if p.Type == "String" {
			v = EscapeText(v)
		}
		values[p.Name] = v
	}
	for name, v := range params {
		switch {
		case name == tenantParam:
			values[name] = EscapeText(v)
		case !slices.Contains(names, name):
			return nil, fmt.Errorf("no parameter %q: there are %s", name, strings.Join(names, ", "))
		}
	}
	return values, nil
}

// EscapeText writes a value as Query takes parameters: in escaped text form.
func EscapeText(s string) string {
	return strings.NewReplacer(`\`, `\\`, "\t", `\t`, "\n", `\n`, "\r", `\r`, "\x00", `\0`).Replace(s)
}
