package ingest

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lapwing-sec/lapwing/schemas"
)

// mapping reads JSON records by a description that comes from a file. Its
// grammar is in custom_yaml.go.
type mapping struct {
	name    string
	title   string
	records jsonPath

	time    []jsonPath
	layouts []string

	fields []mappedField

	outcome  []jsonPath
	outcomes map[string]schemas.Outcome

	matchHas    []jsonPath
	matchValues []matchValue
	matches     bool // a match section is given

	attributes []jsonPath // of them only; nil keeps all
	keepNone   bool

	secrets []jsonPath
}

type matchValue struct {
	path   jsonPath
	values []string
}

// mappedField is one field of the event, filled from the record.
type mappedField struct {
	name string
	exps []expression
	set  func(ev *schemas.Event, v string) error
	list func(ev *schemas.Event, list []string)
}

// expression is a path with alternatives, a constant, or a template of both.
type expression struct {
	parts    []exprPart
	template bool
}

type exprPart struct {
	text  string
	paths []jsonPath // alternatives: the first that has a value
}

// jsonPath leads from a record to a value.
type jsonPath struct {
	steps []pathStep
	text  string // as written
}

type pathStep struct {
	key   string
	index int
	// rest is this and all further keys as one, for records whose keys have
	// dots in them; "" at an index and before one.
	rest    string
	isIndex bool
}

// find follows the path from node n, or returns none.
func (p jsonPath) find(d *document, n int) int {
	for _, s := range p.steps {
		if n == none {
			return none
		}
		if s.isIndex {
			n = d.element(n, s.index)
			continue
		}
		if s.rest != "" {
			if whole := d.get(n, s.rest); whole != none {
				return whole
			}
		}
		n = d.get(n, s.key)
	}
	return n
}

// element returns element i of an array, from the end when i is negative.
func (d *document) element(n, i int) int {
	if d.nodes[n].kind != kindArray {
		return none
	}
	if i < 0 {
		total := 0
		for c := d.first(n); c != none; c = d.after(n, c) {
			total++
		}
		i += total
	}
	if i < 0 {
		return none
	}
	for c := d.first(n); c != none; c = d.after(n, c) {
		if i == 0 {
			return c
		}
		i--
	}
	return none
}

// firstNode returns the first of several paths that leads to something.
func firstNode(paths []jsonPath, d *document, n int) int {
	for _, p := range paths {
		if at := p.find(d, n); at != none && d.nodes[at].kind != kindNull && (d.nodes[at].kind != kindString || d.nodes[at].str != "") {
			return at
		}
	}
	return none
}

// value evaluates an expression; a template of which a part is missing is
// empty. Nodes that were read are marked.
func (e *expression) value(d *document, n int) string {
	var b strings.Builder
	for _, p := range e.parts {
		if p.paths == nil {
			if !e.template {
				return p.text
			}
			b.WriteString(p.text)
			continue
		}
		at := firstNode(p.paths, d, n)
		if at == none {
			return ""
		}
		v := d.nodes[at].str
		if d.nodes[at].kind == kindArray {
			v = d.text(d.first(at))
		}
		if v == "" {
			return ""
		}
		d.nodes[at].used = true
		if !e.template {
			return v
		}
		b.WriteString(v)
	}
	return b.String()
}

// values evaluates an expression of a list: an array's scalars are one each.
func (e *expression) values(r *record) []string {
	if e.template || e.parts[0].paths == nil {
		return addOnce(nil, e.value(&r.doc, r.root), 1)
	}
	return r.list(firstNode(e.parts[0].paths, &r.doc, r.root))
}

// format returns the mapping as a format.
func (m *mapping) format(disorder time.Duration) Format {
	f := Format{Name: m.name, Title: m.title, Disorder: disorder, match: m.match, json: m.read, guess: true, origin: m.origin}
	if len(m.records.steps) > 0 {
		f.split = m.split
	}
	if len(m.secrets) > 0 {
		f.secret = m.secret
	}
	return f
}

// split hands out the elements at the records path.
func (m *mapping) split(d *document, n int, each func(n int)) {
	list := m.records.find(d, n)
	if list == none {
		return
	}
	if d.nodes[list].kind != kindArray {
		each(list)
		return
	}
	for c := d.first(list); c != none; c = d.after(list, c) {
		each(c)
	}
}

// match is certain of what its match section describes. Without one it takes
// what has its time and operation, where no other format wants it.
func (m *mapping) match(p *probe) confidence {
	if p.doc == nil {
		return no
	}
	d, n := p.doc, p.root
	if len(m.records.steps) > 0 {
		list := m.records.find(d, n)
		if list != none && d.nodes[list].kind == kindArray {
			list = d.first(list)
		}
		if list != none {
			n = list
		}
	}
	if !m.matches {
		if firstNode(m.time, d, n) == none {
			return no
		}
		for i := range m.fields {
			if f := &m.fields[i]; f.name == "operation" && m.fields[i].exps[0].peek(d, n) == "" {
				return no
			}
		}
		return possible
	}
	for _, path := range m.matchHas {
		if path.find(d, n) == none {
			return no
		}
	}
	for _, v := range m.matchValues {
		if !slices.Contains(v.values, d.text(v.path.find(d, n))) {
			return no
		}
	}
	return certain
}

// peek evaluates an expression without marking what it read.
func (e *expression) peek(d *document, n int) string {
	for _, p := range e.parts {
		if p.paths != nil && firstNode(p.paths, d, n) == none {
			return ""
		}
	}
	return "x"
}

// secret finds the nodes that the mapping says hold secrets.
func (m *mapping) secret(d *document, n int) bool {
	for _, p := range m.secrets {
		if last := p.steps[len(p.steps)-1]; last.isIndex || d.nodes[n].key != last.key {
			continue
		}
		at, i := int(d.nodes[n].parent), len(p.steps)-2
		for ; i >= 0 && at != none && !p.steps[i].isIndex && d.nodes[at].key == p.steps[i].key; i-- {
			at = int(d.nodes[at].parent)
		}
		if i < 0 || p.steps[i].isIndex {
			return true
		}
	}
	return false
}

// read is the format's function.
func (m *mapping) read(r *record) error {
	d, ev := &r.doc, r.ev
	if d.nodes[r.root].kind != kindObject {
		return errNoObject
	}
	when := firstNode(m.time, d, r.root)
	if when == none {
		return fmt.Errorf("time: missing (%s)", pathTexts(m.time))
	}
	t, err := m.parseTime(d.nodes[when].str)
	if err != nil {
		return inField("time ("+pathTexts(m.time)+")", err)
	}
	ev.Time = t
	d.nodes[when].used = true
	for i := range m.fields {
		f := &m.fields[i]
		if f.list != nil {
			var list []string
			for j := range f.exps {
				list = append(list, f.exps[j].values(r)...)
			}
			f.list(ev, list)
			continue
		}
		v := f.exps[0].value(d, r.root)
		if v == "" {
			continue
		}
		if err := f.set(ev, v); err != nil {
			attribute(ev, f.name, v) // kept as it was
		}
	}
	if ev.UrlPath != "" {
		host, path, query := splitTarget(ev.UrlPath)
		ev.UrlPath, ev.Host = clip(path, maxMessage), first(ev.Host, hostName(host))
		attribute(ev, "query", query)
	}
	if ev.HttpMethod != "" && ev.UrlPath != "" {
		ev.RouteTemplate = first(ev.RouteTemplate, collapsePath(ev.UrlPath))
		ev.Operation = first(ev.Operation, ev.HttpMethod+" "+ev.RouteTemplate)
	}
	if ev.Operation == "" {
		return missing("operation")
	}
	m.setOutcome(r)
	switch {
	case ev.Principal == "" && ev.CredentialId != "" && ev.StatusCode != 401:
		ev.PrincipalType = first(ev.PrincipalType, "key")
	case ev.Principal != "":
		ev.PrincipalType = first(ev.PrincipalType, "principal")
	default:
		ev.PrincipalType, ev.Anonymous = "anonymous", true
	}
	switch {
	case m.keepNone:
	case m.attributes == nil:
		r.rest()
	default:
		for _, p := range m.attributes {
			if n := p.find(d, r.root); n != none {
				d.attributes(ev, n, p.text, nil)
			}
		}
	}
	return nil
}

// parseTime tries each layout in turn, or all notations without one.
func (m *mapping) parseTime(s string) (int64, error) {
	if len(m.layouts) == 0 {
		return parseAnyTime(s)
	}
	for _, layout := range m.layouts {
		unit := float64(0)
		switch layout {
		case "rfc3339":
			if t, err := parseISO(s); err == nil {
				return t, nil
			}
			continue
		case "unix":
			unit = 1e9
		case "unix_ms":
			unit = 1e6
		case "unix_us":
			unit = 1e3
		case "unix_ns":
			unit = 1
		}
		if unit > 0 {
			if t, ok := scaled(s, int64(unit)); ok {
				return t, nil
			}
			continue
		}
		if t, err := time.Parse(layout, s); err == nil && t.Year() >= 1700 && t.Year() <= 2250 {
			return t.UnixNano(), nil
		}
	}
	return 0, fmt.Errorf("%q is in none of the layouts %q", clip(s, 40), m.layouts)
}

// scaled reads a decimal number of units of so many nanoseconds, exactly.
func scaled(s string, unit int64) (int64, bool) {
	whole, fraction, _ := strings.Cut(s, ".")
	if whole == "" || len(whole) > 19 || digits(whole) < 0 {
		return 0, false
	}
	v, err := strconv.ParseInt(whole, 10, 64)
	if err != nil || v > (1<<63-1)/unit-1 {
		return 0, false
	}
	t, scale := v*unit, unit/10
	for i := range len(fraction) {
		if !isDigit(fraction[i]) {
			return 0, false
		}
		t += int64(fraction[i]-'0') * scale
		scale /= 10
	}
	return t, true
}

func (m *mapping) setOutcome(r *record) {
	ev := r.ev
	ev.Outcome = httpOutcome(ev.StatusCode)
	at := firstNode(m.outcome, &r.doc, r.root)
	if at == none {
		return
	}
	v := r.take(at)
	switch out, ok := m.outcomes[v]; {
	case ok:
		ev.Outcome = out
	case m.outcomes["*"] != schemas.Outcome_OUTCOME_UNSPECIFIED:
		ev.Outcome = m.outcomes["*"]
	default:
		attribute(ev, "outcome", v)
	}
}

// origin names where a field of an event came from, and whether it is made of
// more than one value.
func (m *mapping) origin(d *document, n int, field string) (path string, ok bool) {
	locate := func(paths []jsonPath) (string, bool) {
		for _, p := range paths {
			if p.find(d, n) != none {
				return p.text, true
			}
		}
		return "", false
	}
	switch field {
	case "time":
		return locate(m.time)
	case "outcome":
		if path, ok = locate(m.outcome); ok {
			return path, true
		}
	}
	for i := range m.fields {
		f := &m.fields[i]
		if f.name != field && !strings.HasPrefix(f.name, "latency_") {
			continue
		}
		if f.name != field && field != "latency_us" {
			continue
		}
		var parts []string
		for _, e := range f.exps {
			for _, p := range e.parts {
				if p.paths == nil {
					parts = append(parts, fmt.Sprintf("%q", p.text))
				} else if path, ok := locate(p.paths); ok {
					parts = append(parts, path)
				}
			}
		}
		if len(parts) > 0 {
			return strings.Join(parts, " + "), true
		}
	}
	return "", false
}

func pathTexts(paths []jsonPath) string {
	var list []string
	for _, p := range paths {
		list = append(list, p.text)
	}
	return strings.Join(list, "|")
}
