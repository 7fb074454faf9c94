package enrich

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/lapwing-sec/lapwing/schemas"
)

// Bounds of an inventory. Beyond them the file is refused as a whole.
const (
	MaxInventoryBytes   = 512 << 20
	MaxIdentities       = 2_000_000
	MaxNetworks         = 100_000
	MaxTargets          = 100_000
	MaxWatched          = 100_000
	MaxOwnedPatterns    = 1_000      // resources with * whose owner is named
	MaxListEntries      = 10_000     // in one list of one identity
	MaxTotalListEntries = 20_000_000 // in all lists together
	MaxTextBytes        = 4096       // one value
	maxReported         = 50         // errors spelled out; more are counted
)

// The accepted values of the enumerations, in the order errors list them.
var (
	kinds           = []string{"service_account", "api_key", "oauth_app", "ci_pipeline", "workload", "ai_agent", "integration", "human"}
	environments    = []string{production, "staging", "development", "sandbox"}
	criticalities   = []string{"low", "medium", "high", "critical"}
	credentialTypes = []string{"access_key", "api_key", "oauth_client", "certificate", "jwt", "session", "pat"}
	networkClasses  = []string{"shared_egress", "workload", "office", "vendor"}
)

// The accepted keys of each object of the file.
var (
	inventoryKeys = []string{"identities", "policies", "networks", "targets", "watch"}
	identityKeys  = []string{"id", "kind", "name", "owner", "team", "environment", "criticality", "vendor", "aliases", "dependants", "runbook", "route",
		"allowed", "credentials", "exceptions", "labels", "last_used", "offboarded"}
	allowedKeys    = []string{"operations", "countries", "regions", "networks", "environments", "schedule", "rate", "spend", "workloads"}
	scheduleKeys   = []string{"timezone", "windows"}
	rateKeys       = []string{"per_minute", "burst"}
	spendKeys      = []string{"per_day", "tokens_per_day"}
	credentialKeys = []string{"ref", "type", "issued", "expires", "revoked", "rotate_every", "fingerprint", "honey"}
	exceptionKeys  = []string{"detector", "until", "reason", "by"}
	networkKeys    = []string{"cidr", "name", "class"}
	targetKeys     = []string{"account", "host", "environment", "resource", "owner"}
	watchKeys      = []string{"address", "credential", "identity", "agent", "reason"}
)

// emptyFile is an error: a file that lost its content must not wipe the
// inventory in use.
const emptyFile = `the file is empty; an inventory that declares nothing is written "identities: []"`

// LoadInventory reads an inventory file: YAML (so JSON as well), or CSV when
// the name ends in .csv. The error joins everything that is wrong with it, each
// part naming file, line and key.
func LoadInventory(path string) (*schemas.Inventory, error) {
	if st, err := os.Stat(path); err == nil && st.Mode().IsRegular() && st.Size() > largestWhole && st.Size() <= MaxInventoryBytes && !isCSV(path) {
		d := newDecoder(path)
		if err := d.large(path); err != nil {
			return nil, fmt.Errorf("inventory: %w", err)
		}
		// What the decoding leaves behind would otherwise stand beside the index.
		defer runtime.GC()
		return d.finish()
	}
	data, err := readBounded(path, MaxInventoryBytes)
	if err != nil {
		return nil, fmt.Errorf("inventory: %w", err)
	}
	return ParseInventory(path, data)
}

// ParseInventory reads the content of an inventory file; name is used in errors
// and, by its ending, to tell CSV from YAML. The result keeps no reference to
// data. An empty list states nothing, like a list that is left out.
func ParseInventory(name string, data []byte) (*schemas.Inventory, error) {
	return parseInventory(name, data, nil)
}

func isCSV(name string) bool { return strings.EqualFold(filepath.Ext(name), ".csv") }

func parseInventory(name string, data []byte, m *CSVMap) (*schemas.Inventory, error) {
	if len(data) > MaxInventoryBytes {
		return nil, fmt.Errorf("%s: %d bytes, an inventory has at most %d", name, len(data), MaxInventoryBytes)
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, fmt.Errorf("%s: %s", name, emptyFile)
	}
	d := newDecoder(name)
	d.csvMap = m
	if isCSV(name) {
		d.csv(data)
	} else {
		d.yaml(data)
	}
	return d.finish()
}

// finish gives the inventory, unless something is wrong with it.
func (d *decoder) finish() (*schemas.Inventory, error) {
	if d.spent != nil {
		return nil, fmt.Errorf("%s: %w", d.problems.file, d.spent)
	}
	d.duplicates()
	if err := d.problems.err(); err != nil {
		return nil, err
	}
	return &d.inv, nil
}

// problems collects errors with their lines.
type problems struct {
	file string
	errs []error
	more int
}

func (p *problems) add(line int, format string, args ...any) {
	if len(p.errs) >= maxReported {
		p.more++
		return
	}
	p.errs = append(p.errs, fmt.Errorf("%s:%d: %w", p.file, line, fmt.Errorf(format, args...)))
}

// count is how many problems there were.
func (p *problems) count() int { return len(p.errs) + p.more }

func (p *problems) err() error {
	errs := p.errs
	if p.more > 0 {
		errs = append(slices.Clip(errs), fmt.Errorf("%s: and %d more errors", p.file, p.more))
	}
	return errors.Join(errs...)
}

// decoder turns nodes into an Inventory.
type decoder struct {
	problems problems
	inv      schemas.Inventory
	interned map[string]string
	zones    zones
	entries  int
	// What aliases stand for in all parts, how many bytes of text may still be
	// kept and looked at, and why nothing more is read.
	aliasTotal, room, toLook int
	spent                    error
	// Lines of the ids and, in order, of the aliases and credentials of
	// all identities, for the errors about duplicates.
	idLines    []int32
	aliasLines []int32
	credLines  []int32
	netLines   []int32
	// Resources with * whose owner is named.
	patterns int

	// Of a CSV file: how its columns are read, and whether rows that are wrong
	// are left out, with what the others claim.
	csvMap       *CSVMap
	leaveOut     bool
	rows, broken int
	claimed      map[string]int // "id NAME" or "ref REF" -> line
}

func newDecoder(file string) *decoder {
	d := &decoder{problems: problems{file: file}, interned: make(map[string]string), zones: make(zones)}
	d.allow(MaxInventoryBytes)
	return d
}

// restart forgets what was read.
func (d *decoder) restart() { *d = *newDecoder(d.problems.file) }

// intern keeps one copy of values that many identities share.
func (d *decoder) intern(s string) string {
	if s == "" {
		return ""
	}
	if have, ok := d.interned[s]; ok {
		return have
	}
	s = d.clone(s)
	if len(d.interned) < 1<<16 && s != "" {
		d.interned[s] = s
	}
	return s
}

// yamlLine finds the line in an error of the YAML library.
var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

func (d *decoder) yaml(data []byte) {
	if d.pieces(data) {
		return
	}
	if len(data) > largestWhole {
		d.problems.add(1, "%s", tooLargeForWhole)
		return
	}
	d.whole(data)
}

// whole reads the file as one YAML tree.
func (d *decoder) whole(data []byte) {
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	err := dec.Decode(&doc)
	if errors.Is(err, io.EOF) || (err == nil && len(doc.Content) == 0) {
		d.problems.add(1, "%s", emptyFile)
		return
	}
	if err != nil {
		if line := TabbedLine(data); line > 0 {
			d.problems.add(line, "not valid YAML: the line %s", TabbedYAML)
			return
		}
		d.syntax(err)
		return
	}
	if !d.alone(dec, "an inventory") {
		return
	}
	d.allow(len(data))
	if d.aliased(&doc); d.spent != nil {
		return
	}
	d.inventory(doc.Content[0])
}

// alone reports whether nothing follows the document just read.
func (d *decoder) alone(dec *yaml.Decoder, what string) bool {
	var next yaml.Node
	switch err := dec.Decode(&next); {
	case err == nil:
		d.problems.add(next.Line, "a second YAML document; %s is one", what)
	case !errors.Is(err, io.EOF):
		d.syntax(err)
	default:
		return true
	}
	return false
}

func (d *decoder) syntax(err error) {
	line, text := 1, err.Error()
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		text = m[2]
		if n, convErr := strconv.Atoi(m[1]); convErr == nil {
			line = n
		}
	}
	d.problems.add(line, "not valid YAML: %s", text)
}

// TabbedLine gives the number of the first line of a YAML text that is indented
// with a tab, 0 for none. The YAML library calls that a character that cannot
// start any token.
func TabbedLine(data []byte) int {
	n := 0
	for line := range bytes.Lines(data) {
		n++
		indent := line[:len(line)-len(bytes.TrimLeft(line, " \t"))]
		if bytes.IndexByte(indent, '\t') >= 0 && len(bytes.TrimSpace(line)) > 0 {
			return n
		}
	}
	return 0
}

// TabbedYAML says what is wrong with such a line.
const TabbedYAML = "is indented with a tab: YAML wants spaces"

// follow gives the node that an alias stands for.
func follow(n *yaml.Node) *yaml.Node {
	for i := 0; n.Kind == yaml.AliasNode && n.Alias != nil && i < 8; i++ {
		n = n.Alias
	}
	return n
}

func isNull(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
}

// mapping calls set for every known key of a mapping. what names the object in
// errors: "an identity".
func (d *decoder) mapping(n *yaml.Node, what string, keys []string, set func(key string, v *yaml.Node)) bool {
	n = follow(n)
	if n.Kind != yaml.MappingNode {
		d.problems.add(n.Line, "%s must be a mapping with keys of: %s", what, strings.Join(keys, ", "))
		return false
	}
	var seen [24]int // line of each key of keys
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := follow(n.Content[i])
		at := slices.Index(keys, k.Value)
		if at < 0 || k.Kind != yaml.ScalarNode {
			d.problems.add(k.Line, "unknown key %q in %s (accepted: %s)", shorten(k.Value), what, strings.Join(keys, ", "))
			continue
		}
		if seen[at] != 0 {
			d.problems.add(k.Line, "key %q stands twice in %s, first in line %d", k.Value, what, seen[at])
			continue
		}
		seen[at] = k.Line
		if v := follow(n.Content[i+1]); !isNull(v) {
			set(keys[at], v)
		}
	}
	return true
}

// each calls item for every element of a sequence of at most most elements.
func (d *decoder) each(key string, n *yaml.Node, most int, item func(n *yaml.Node)) {
	n = follow(n)
	if n.Kind != yaml.SequenceNode {
		d.problems.add(n.Line, "%s: want a list", key)
		return
	}
	d.entries += len(n.Content)
	if len(n.Content) > most || d.entries > MaxTotalListEntries {
		d.problems.add(n.Line, "%s: too many entries, at most %d in this list and %d in the whole file", key, most, MaxTotalListEntries)
		return
	}
	for _, c := range n.Content {
		if d.spent != nil || len(d.problems.errs) >= maxReported {
			return // what else is wrong is not worth its time
		}
		item(follow(c))
	}
}

// scalar gives the text of a value, as written.
func (d *decoder) scalar(key string, n *yaml.Node) (string, bool) {
	n = follow(n)
	if n.Kind != yaml.ScalarNode {
		d.problems.add(n.Line, "%s: want one value, found a list or a mapping", key)
		return "", false
	}
	if isNull(n) {
		return "", true
	}
	return d.checked(key, n.Line, n.Value)
}

func (d *decoder) checked(key string, line int, s string) (string, bool) {
	if len(s) > MaxTextBytes {
		d.problems.add(line, "%s: %d bytes, at most %d", key, len(s), MaxTextBytes)
		return "", false
	}
	if d.look(s); hasControl(s) {
		d.problems.add(line, "%s: %s", key, controlCharacter)
		return "", false
	}
	return s, true
}

func (d *decoder) text(key string, n *yaml.Node, to *string) {
	if s, ok := d.scalar(key, n); ok {
		*to = d.intern(s)
	}
}

// own is text that is not shared by others: ids and references.
func (d *decoder) own(key string, n *yaml.Node, to *string) {
	if s, ok := d.scalar(key, n); ok {
		*to = d.clone(s)
	}
}

func (d *decoder) enum(key string, n *yaml.Node, accepted []string, to *string) {
	if s, ok := d.scalar(key, n); ok && s != "" {
		*to = d.oneOf(key, n.Line, s, accepted)
	}
}

func (d *decoder) oneOf(key string, line int, s string, accepted []string) string {
	if i := slices.Index(accepted, s); i >= 0 {
		return accepted[i]
	}
	d.problems.add(line, "%s: unknown value %q (accepted: %s)", key, shorten(s), strings.Join(accepted, ", "))
	return ""
}

// list reads a list of texts; a single value stands for a list of one. check
// may change the text or refuse it.
func (d *decoder) list(key string, n *yaml.Node, check func(s string) (string, error)) []string {
	n = follow(n)
	var out []string
	one := func(n *yaml.Node) {
		s, ok := d.scalar(key, n)
		if !ok {
			return
		}
		if s == "" {
			d.problems.add(n.Line, "%s: an entry is empty", key)
			return
		}
		if check != nil {
			var err error
			if s, err = check(s); err != nil {
				d.problems.add(n.Line, "%s: %w", key, err)
				return
			}
		}
		out = append(out, d.intern(s))
	}
	if n.Kind == yaml.ScalarNode {
		if n.Value != "" {
			one(n)
		}
		return out
	}
	if n.Kind == yaml.SequenceNode && len(n.Content) <= MaxListEntries {
		out = make([]string, 0, len(n.Content))
	}
	d.each(key, n, MaxListEntries, one)
	if len(out) == 0 {
		return nil
	}
	return out
}

func (d *decoder) time(key string, n *yaml.Node, to *time.Time) {
	if s, ok := d.scalar(key, n); ok && s != "" {
		t, err := parseTime(s)
		if err != nil {
			d.problems.add(n.Line, "%s: %w", key, err)
			return
		}
		*to = t
	}
}

// parseTime reads RFC 3339, or a date as its midnight in UTC.
func parseTime(s string) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		t = t.UTC()
		// Later than year 2262 has no nanoseconds in 64 bits.
		if t.IsZero() || (t.Year() >= 1900 && t.Year() < 2262) {
			return t, nil
		}
		return time.Time{}, fmt.Errorf("time %q: year out of range", shorten(s))
	}
	if t, err := time.Parse(time.DateOnly, s); err == nil && t.Year() >= 1900 && t.Year() < 2262 {
		return t, nil
	}
	return time.Time{}, fmt.Errorf("time %q: want RFC 3339 such as 2026-01-10T00:00:00Z, or a date", shorten(s))
}

func checkURL(s string) error {
	if s == "" {
		return nil
	}
	u, err := url.Parse(s)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return fmt.Errorf("%q: want an http or https address", shorten(s))
	}
	return nil
}

func parseFloat(s string) (float64, bool) {
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil && !math.IsNaN(f) && !math.IsInf(f, 0)
}

// shorten keeps errors readable whatever the file holds.
func shorten(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

func line32(n int) int32 {
	if n < 0 || n > math.MaxInt32 {
		return 0
	}
	return int32(n)
}
