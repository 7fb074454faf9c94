package enrich

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/lapwing-sec/lapwing/schemas"
)

// MaxCSVMapBytes bounds the file of a CSV map.
const MaxCSVMapBytes = 1 << 20

// CSVMap says how a CSV file with headers of its own is read as an inventory.
// It is immutable.
type CSVMap struct {
	name      string
	columns   map[string]string // header -> key
	lines     map[string]int    // header -> line in the map
	id        []idPart
	constants []constant
	separator map[string]string
	layouts   []string
	values    map[string]map[string]string // key -> value in the file -> ours
}

// idPart is a piece of the template of an id: text, or the header whose value
// stands there.
type idPart struct{ text, header string }

type constant struct{ key, value string }

// The accepted keys of a CSV map, and those of an inventory that a map may name
// beside the plain columns and labels.NAME.
var (
	csvMapKeys     = []string{"columns", "id", "constants", "separators", "times", "values"}
	credentialCols = []string{"credential.ref", "credential.type", "credential.issued", "credential.expires", "credential.revoked",
		"credential.rotate_every", "credential.fingerprint"}
	allowedCols = []string{"allowed.workloads"}
	csvLists    = []string{"aliases", "dependants"}
	// unixLayouts are times that no Go layout describes.
	unixLayouts = []string{"unix", "unix_ms"}
)

const labelPrefix = "labels."

// LoadCSVMap reads the file of a CSV map. The error joins everything that is
// wrong with it, each part naming file, line and key.
func LoadCSVMap(path string) (*CSVMap, error) {
	data, err := readBounded(path, MaxCSVMapBytes)
	if err != nil {
		return nil, fmt.Errorf("csv map: %w", err)
	}
	return ParseCSVMap(path, data)
}

// ParseCSVMap reads the content of a CSV map; name is used in errors.
func ParseCSVMap(name string, data []byte) (*CSVMap, error) {
	if len(data) > MaxCSVMapBytes {
		return nil, fmt.Errorf("%s: %d bytes, a CSV map has at most %d", name, len(data), MaxCSVMapBytes)
	}
	d := newDecoder(name)
	var doc yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(data))
	err := dec.Decode(&doc)
	switch {
	case errors.Is(err, io.EOF) || (err == nil && len(doc.Content) == 0):
		d.problems.add(1, "the file is empty; a CSV map has keys of: %s", strings.Join(csvMapKeys, ", "))
	case err != nil:
		d.syntax(err)
	default:
		d.alone(dec, "a CSV map")
	}
	if err := d.problems.err(); err != nil {
		return nil, err
	}
	m := &CSVMap{
		name: name, columns: map[string]string{}, lines: map[string]int{},
		separator: map[string]string{}, values: map[string]map[string]string{},
	}
	given := map[string]int{} // key -> line
	d.mapping(doc.Content[0], "a CSV map", csvMapKeys, func(key string, v *yaml.Node) {
		switch key {
		case "columns":
			d.pairs(key, v, func(header, to string, line int) { m.column(d, header, to, line, given) })
		case "id":
			var s string
			d.own(key, v, &s)
			m.template(d, s, v.Line, given)
		case "constants":
			d.pairs(key, v, func(to, value string, line int) {
				if d.csvKey(key, to, line, given) {
					d.tryValue(to, value, line)
					m.constants = append(m.constants, constant{to, value})
				}
			})
		case "separators":
			d.pairs(key, v, func(list, sep string, line int) {
				if !slices.Contains(csvLists, list) {
					d.problems.add(line, "separators: unknown key %q (accepted: %s)", shorten(list), strings.Join(csvLists, ", "))
				} else if sep == "" {
					d.problems.add(line, "separators: %s: is empty", list)
				}
				m.separator[list] = sep
			})
		case "times":
			m.layouts = d.list(key, v, checkLayout)
		case "values":
			m.translations(d, v)
		}
	})
	if given["id"] == 0 && len(d.problems.errs) == 0 {
		d.problems.add(doc.Content[0].Line, "no column and no template gives the id: write \"id: SCHEME:{HEADER}\"")
	}
	if err := d.problems.err(); err != nil {
		return nil, err
	}
	return m, nil
}

// pairs calls set for each name and text of a mapping.
func (d *decoder) pairs(key string, n *yaml.Node, set func(name, value string, line int)) {
	n = follow(n)
	if n.Kind != yaml.MappingNode || len(n.Content)/2 > MaxListEntries {
		d.problems.add(n.Line, "%s: want a mapping of at most %d names to values", key, MaxListEntries)
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, ok1 := d.scalar(key, n.Content[i])
		value, ok2 := d.scalar(key, n.Content[i+1])
		if !ok1 || !ok2 {
			continue
		}
		line := n.Content[i].Line
		if first := seen[name]; first != 0 {
			d.problems.add(line, "%s: %q stands twice, first in line %d", key, shorten(name), first)
			continue
		}
		seen[name] = line
		set(strings.Clone(name), strings.Clone(value), line)
	}
}

// csvKey holds a key that a map gives a value to against those there are; each
// is given once.
func (d *decoder) csvKey(where, key string, line int, given map[string]int) bool {
	label := strings.HasPrefix(key, labelPrefix) && len(key) > len(labelPrefix)
	if !label && !slices.Contains(csvKeys, key) && !slices.Contains(credentialCols, key) && !slices.Contains(allowedCols, key) {
		d.problems.add(line, "%s: unknown key %q (accepted: %s, %s, %sNAME)", where, shorten(key),
			strings.Join(csvKeys, ", "), strings.Join(slices.Concat(credentialCols, allowedCols), ", "), labelPrefix)
		return false
	}
	if first := given[key]; first != 0 {
		d.problems.add(line, "%s: key %q is given twice, first in line %d", where, key, first)
		return false
	}
	given[key] = line
	return true
}

// tryValue reports a value that no row could have, where it is written.
func (d *decoder) tryValue(key, value string, line int) {
	d.csvValue(&schemas.Identity{}, &schemas.KnownCredential{}, key, value, line)
}

func (m *CSVMap) column(d *decoder, header, key string, line int, given map[string]int) {
	if header == "" {
		d.problems.add(line, "columns: a header is empty")
		return
	}
	if d.csvKey("columns", key, line, given) {
		m.columns[header], m.lines[header] = key, line
	}
}

// template reads an id such as "aws:{Account}:user/{Name}".
func (m *CSVMap) template(d *decoder, s string, line int, given map[string]int) {
	if !d.csvKey("id", "id", line, given) {
		return
	}
	whole := s
	for s != "" {
		text, rest, found := strings.Cut(s, "{")
		if text != "" {
			m.id = append(m.id, idPart{text: text})
		}
		if !found {
			break
		}
		header, after, closed := strings.Cut(rest, "}")
		if !closed || header == "" {
			d.problems.add(line, "id: %q: want headers in braces, such as aws:{Account}:user/{Name}", shorten(whole))
			return
		}
		m.id = append(m.id, idPart{header: header})
		if m.lines[header] == 0 {
			m.lines[header] = line
		}
		s = after
	}
	if !slices.ContainsFunc(m.id, func(p idPart) bool { return p.header != "" }) {
		d.problems.add(line, "id: %q: every row would have the same id; name a header in braces", shorten(whole))
	}
}

func (m *CSVMap) translations(d *decoder, n *yaml.Node) {
	d.mapping(n, "values", []string{"kind", "environment", "criticality", "credential.type"}, func(key string, v *yaml.Node) {
		to := map[string]string{}
		d.pairs("values."+key, v, func(from, ours string, line int) {
			d.tryValue(key, ours, line)
			to[from] = ours
		})
		m.values[key] = to
	})
}

// checkLayout takes a layout of Go's time package that has a year, a month and a
// day, or the name of a Unix time.
func checkLayout(s string) (string, error) {
	if slices.Contains(unixLayouts, s) {
		return s, nil
	}
	// A layout that drops a part of the date can't give the time back.
	probe := time.Date(2031, 11, 27, 0, 0, 0, 0, time.UTC)
	t, err := time.Parse(s, probe.Format(s))
	if err != nil || t.Year() != 2031 || t.Month() != 11 || t.Day() != 27 {
		return "", fmt.Errorf("%q: want Go's reference time such as \"02/01/2006 15:04\" with year, month and day, or unix, unix_ms", shorten(s))
	}
	return s, nil
}

// time reads a time by the map's layouts, then as an inventory has it. Times
// without a zone are UTC.
func (m *CSVMap) time(s string) (time.Time, error) {
	if m != nil {
		for _, l := range m.layouts {
			t, err := layoutTime(l, s)
			if err == nil && t.Year() >= 1900 && t.Year() < 2262 {
				return t.UTC(), nil
			}
		}
	}
	t, err := parseTime(s)
	if err != nil && m != nil && len(m.layouts) > 0 {
		err = fmt.Errorf("time %q: want one of %s, or RFC 3339", shorten(s), strings.Join(m.layouts, "; "))
	}
	return t, err
}

func layoutTime(layout, s string) (time.Time, error) {
	if !slices.Contains(unixLayouts, layout) {
		return time.Parse(layout, s)
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return time.Time{}, err
	}
	if layout == "unix_ms" {
		return time.UnixMilli(n), nil
	}
	const last = 9_214_646_400 // the year 2262
	if n < 0 || n > last {
		return time.Time{}, errors.New("out of range")
	}
	return time.Unix(n, 0), nil
}

// list splits a list by the key's separator, ";" unless the map says otherwise.
func (m *CSVMap) list(key, v string) []string {
	sep := ";"
	if m != nil && m.separator[key] != "" {
		sep = m.separator[key]
	}
	return strings.Split(v, sep)
}

// value translates a value of the file into one of ours.
func (m *CSVMap) value(key, v string) string {
	if m != nil {
		if ours, ok := m.values[key][v]; ok {
			return ours
		}
	}
	return v
}

// bind finds the map's headers in a file: the key of each column, "" for those
// that are left out.
func (m *CSVMap) bind(d *decoder, header []string) ([]string, map[string]int) {
	columns, at := make([]string, len(header)), map[string]int{}
	for i, h := range header {
		if _, wanted := m.lines[h]; !wanted {
			continue
		}
		if _, twice := at[h]; twice {
			d.problems.add(1, "column %q stands twice", shorten(h))
		}
		at[h], columns[i] = i, m.columns[h]
	}
	missing := make([]string, 0, len(m.lines))
	for h := range m.lines {
		if _, ok := at[h]; !ok {
			missing = append(missing, h)
		}
	}
	slices.Sort(missing)
	for _, h := range missing {
		d.problems.add(1, "column %q, which %s:%d maps, is not there", shorten(h), m.name, m.lines[h])
	}
	return columns, at
}

// makeID fills the template of an id; it is empty when a part is.
func (m *CSVMap) makeID(row []string, at map[string]int) string {
	var b strings.Builder
	for _, p := range m.id {
		v := p.text
		if p.header != "" {
			if v = strings.TrimSpace(row[at[p.header]]); v == "" {
				return ""
			}
		}
		b.WriteString(v)
	}
	return b.String()
}

// InventoryFile is an inventory file and how it is read.
type InventoryFile struct {
	Path string
	// CSVMap is the file of a CSV map, for a Path that ends in .csv; empty: the
	// columns have our names.
	CSVMap string
}

// Load reads the file, as LoadInventory does, and its map.
func (f InventoryFile) Load() (*schemas.Inventory, error) {
	if f.CSVMap == "" {
		return LoadInventory(f.Path)
	}
	m, err := LoadCSVMap(f.CSVMap)
	if err != nil {
		return nil, err
	}
	data, err := readBounded(f.Path, MaxInventoryBytes)
	if err != nil {
		return nil, fmt.Errorf("inventory: %w", err)
	}
	if !isCSV(f.Path) {
		return nil, fmt.Errorf("%s: a CSV map is for a file whose name ends in .csv", f.Path)
	}
	return parseInventory(f.Path, data, m)
}

// files lists what Load reads.
func (f InventoryFile) files() []string {
	if f.CSVMap == "" {
		return []string{f.Path}
	}
	return []string{f.Path, f.CSVMap}
}

// CSVImport is what ImportCSV found.
type CSVImport struct {
	Identities []schemas.Identity
	// Records counts the rows, Broken those that were left out.
	Records, Broken int
	// Err joins what is wrong, naming file, line and key.
	Err error
}

// ImportCSV reads a CSV inventory row by row: a row that is wrong is named and
// left out. m may be nil.
func ImportCSV(name string, data []byte, m *CSVMap) CSVImport {
	d := newDecoder(name)
	d.csvMap, d.leaveOut = m, true
	if len(data) > MaxInventoryBytes {
		d.problems.add(1, "%d bytes, an inventory has at most %d", len(data), MaxInventoryBytes)
	} else {
		d.csv(data)
	}
	return CSVImport{Identities: d.inv.Identities, Records: d.rows, Broken: d.broken, Err: d.problems.err()}
}
