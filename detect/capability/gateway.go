package capability

import (
	"fmt"
	"slices"
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// rule is one row of gateway.tsv.
type rule struct {
	classes  Set
	ordinary bool
	sev      int
	methods  method
	where    where
	parents  map[string]bool
}

type where uint8

const (
	anySegment where = iota
	lastSegment
	endSegment
	aloneSegment
)

// method is a set of HTTP methods.
type method uint8

const (
	mGet method = 1 << iota
	mPost
	mPut
	mPatch
	mDelete
	mReads  // HEAD, OPTIONS, PROPFIND …
	mWrites // anything else
	mAny    = mGet | mPost | mPut | mPatch | mDelete | mReads | mWrites
	mChange = mPost | mPut | mPatch | mDelete | mWrites
)

func methodOf(s string) method {
	switch s {
	case "GET":
		return mGet
	case "POST":
		return mPost
	case "PUT":
		return mPut
	case "PATCH":
		return mPatch
	case "DELETE":
		return mDelete
	case "HEAD", "OPTIONS", "TRACE", "PROPFIND", "REPORT", "SEARCH", "QUERY":
		return mReads
	}
	return mWrites
}

func (m method) verb() Set {
	switch m {
	case mGet, mReads:
		return Reads
	case mDelete:
		return Deletes
	default:
		return Writes
	}
}

func (d *data) addRule(f []string) error {
	var r rule
	classes, ordinary := strings.CutPrefix(f[0], "ordinary:")
	r.ordinary = ordinary
	var err error
	if r.classes, err = parseClasses(classes); err != nil {
		return err
	}
	if r.sev, err = parseSeverity(f[1]); err != nil {
		return err
	}
	for m := range strings.SplitSeq(f[2], ",") {
		switch m {
		case "*":
			r.methods |= mAny
		case "W":
			r.methods |= mChange
		default:
			r.methods |= methodOf(m)
		}
	}
	place, parents := strings.CutSuffix(f[3], ">")
	switch place {
	case "any":
		r.where = anySegment
	case "last":
		r.where = lastSegment
	case "end":
		r.where = endSegment
	case "alone":
		r.where = aloneSegment
	default:
		return fmt.Errorf("unknown place %q", f[3])
	}
	words, before, found := strings.Cut(f[4], ">")
	if found != parents {
		return fmt.Errorf("place %q and words %q disagree about parents", f[3], f[4])
	}
	if parents {
		r.parents = make(map[string]bool)
		for _, w := range strings.Fields(before) {
			r.parents[word(w)] = true
		}
	}
	d.rules = append(d.rules, r)
	for _, w := range strings.Fields(words) {
		w = word(w)
		d.segments[w] = append(d.segments[w], len(d.rules)-1)
	}
	return nil
}

// word is the spelling in which path words are compared.
func word(s string) string { return strings.ReplaceAll(strings.ToLower(s), "_", "-") }

// cutGateway cuts "METHOD /path".
func cutGateway(operation string) (m, path string, ok bool) {
	m, path, ok = strings.Cut(operation, " ")
	if !ok || m == "" || len(m) > 16 {
		return "", "", false
	}
	for i := range len(m) {
		if m[i] < 'A' || m[i] > 'Z' {
			return "", "", false
		}
	}
	return m, path, true
}

// maxSegments bounds how much of a path is looked at.
const maxSegments = 32

// gateway reads a method and a path.
func (d *data) gateway(m method, path string) entry {
	segments, ended := d.cutPath(path)
	if e, ok := d.procedure(m, path, segments); ok {
		return e
	}
	e := d.route(m, segments, ended)
	if len(segments) == 1 && ended && strings.LastIndexByte(path, '/') == 0 {
		d.alone(&e, m, segments[0])
	}
	if slices.Contains(segments, "graphql") {
		e.when = append(e.when, introspection)
	}
	return e
}

// introspection is a query that asks GraphQL for its schema (GraphQL specification,
// section 4), where the log has the query.
var introspection = refinement{
	classes: LooksInside, sev: schemas.SeverityMedium, attributes: []string{"query", "query.query", "url.query"}, values: []string{"*__schema*", "*__type(*", "*__type%28*"},
}

// alone reads a path of one segment by the words that say something only there.
func (d *data) alone(e *entry, m method, segment string) {
	for _, n := range d.segments[segment] {
		if r := &d.rules[n]; r.where == aloneSegment && r.methods&m != 0 {
			e.known = ByName
			e.add(r.classes, r.sev)
		}
	}
}

// route reads the named segments of a path; ended says that no id follows them.
func (d *data) route(m method, segments []string, ended bool) entry {
	e := entry{known: ByVerb}
	last := len(segments) - 1
	verb := m.verb()
	for i, s := range segments {
		for _, n := range d.segments[s] {
			r := &d.rules[n]
			if r.methods&m == 0 || r.where == aloneSegment || r.where != anySegment && i != last || r.where == endSegment && !ended {
				continue
			}
			if r.parents != nil && !hasParent(segments[:i], r.parents) {
				continue
			}
			e.known = ByName
			if r.ordinary {
				e = entry{known: ByName}
				e.add(r.classes, r.sev)
				return e
			}
			if v := r.classes & Verbs; v != 0 {
				verb = v
				if v == Administers && (m == mGet || m == mReads) && r.sev < schemas.SeverityMedium {
					verb = Reads // looking at an admin page administers nothing
				}
			}
			e.add(r.classes&^Verbs, r.sev)
			if verb == r.classes&Verbs {
				e.sev = withSeverity(e.sev, verb.Index(), max(r.sev, severity(e.sev, verb.Index())))
			}
		}
	}
	e.set |= verb
	return e
}

func hasParent(before []string, parents map[string]bool) bool {
	for _, s := range before {
		if parents[s] {
			return true
		}
	}
	return false
}

// cutPath gives the named segments of a path, in the spelling of the data, and
// whether the path ends in a named one (not in an id).
func (d *data) cutPath(path string) (segments []string, ended bool) {
	if i := strings.IndexAny(path, "?#"); i >= 0 {
		path = path[:i]
	}
	for part := range strings.SplitSeq(path, "/") {
		if part != "" && (part[0] == ':' || part[0] == '*') { // ":owner", "*path": a router's parameters
			ended = false
			continue
		}
		for s := range strings.SplitSeq(part, ":") {
			if s == "" {
				continue
			}
			if len(segments) == maxSegments {
				return segments, false
			}
			if s[0] == '{' || isNumber(s) {
				ended = false
				continue
			}
			if isVersion(s) {
				continue
			}
			ended = true
			if i := strings.IndexByte(s, '('); i > 0 && s[len(s)-1] == ')' { // a key of OData: Users('ann')
				s, ended = s[:i], false
			}
			segments = append(segments, d.spelling(s))
		}
	}
	return segments, ended
}

// spelling is a segment as the data spell it: capitals as hyphens, and without
// an extension, where the data have no word as it stands.
func (d *data) spelling(s string) string {
	w := word(s)
	if d.segments[w] != nil {
		return w
	}
	name := s
	if i := strings.LastIndexByte(s, '.'); i > 0 && extensions[strings.ToLower(s[i+1:])] {
		name = s[:i]
	}
	if k := strings.Join(words(name), "-"); d.segments[k] != nil {
		return k
	}
	return w
}

// extensions are those by which frameworks choose a representation.
var extensions = map[string]bool{"json": true, "xml": true, "html": true, "php": true, "aspx": true, "asmx": true, "jsp": true, "do": true, "action": true}

// isVersion recognises v1, v2beta1, 2024-01, 2024-01-15.
func isVersion(s string) bool {
	if s[0] == 'v' && len(s) > 1 && len(s) <= 8 && isDigit(s[1]) {
		return true
	}
	if len(s) != 7 && len(s) != 10 {
		return false
	}
	for i := range len(s) {
		if i == 4 || i == 7 {
			if s[i] != '-' {
				return false
			}
		} else if !isDigit(s[i]) {
			return false
		}
	}
	return true
}

func isNumber(s string) bool {
	for i := range len(s) {
		if !isDigit(s[i]) {
			return false
		}
	}
	return true
}
