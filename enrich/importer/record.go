package importer

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lapwing-sec/lapwing/enrich"
	"github.com/lapwing-sec/lapwing/schemas"
)

// reader collects the identities of one file.
type reader struct {
	file string
	o    Options
	out  Result
	more int
	byID map[string]int // into out.Identities
	// Who claims a name or a credential: an inventory has one owner for each.
	names, refs map[string]claim
}

type claim struct {
	at   int // into out.Identities
	line int
}

// problem notes what is wrong at a place; path may be empty.
func (r *reader) problem(line int, path string, err error) {
	if len(r.out.Problems) >= maxReported {
		r.more++
		return
	}
	where := fmt.Sprintf("%s:%d: ", r.file, line)
	if path != "" {
		where += path + ": "
	}
	r.out.Problems = append(r.out.Problems, fmt.Errorf("%s%w", where, err))
}

// json reads the values of a JSON file; what stands before a syntax error is
// still of use.
func (r *reader) json(data []byte) []*node {
	roots, err := readJSON(data)
	r.syntax(err)
	return roots
}

func (r *reader) yaml(data []byte) []*node {
	roots, err := readYAML(data)
	r.syntax(err)
	return roots
}

func (r *reader) syntax(err error) {
	var s *syntaxError
	if errors.As(err, &s) {
		r.problem(s.line, "", s.err)
	}
}

// elements gives the records of a document: those of the list that one of the
// keys holds, or of a list at the top, or of lists of such documents (pages).
// What is none of these is a problem.
func (r *reader) elements(roots []*node, keys ...string) []*node {
	var out []*node
	for _, root := range roots {
		out = append(out, r.page(root, true, keys)...)
	}
	return out
}

func (r *reader) page(n *node, top bool, keys []string) []*node {
	switch n.kind {
	case kindList:
		if !top {
			return n.items
		}
		var out []*node
		for _, c := range n.items {
			if inner := holder(c, keys); inner != nil {
				out = append(out, r.page(inner, false, keys)...)
			} else if c.kind == kindList {
				out = append(out, c.items...)
			} else {
				out = append(out, c)
			}
		}
		return out
	case kindMap:
		if inner := holder(n, keys); inner != nil {
			return r.page(inner, false, keys)
		}
	default:
	}
	r.problem(n.line, n.path(), fmt.Errorf("want a list of records, or an object with %s; found %s", strings.Join(keys, " or "), n.kind.word()))
	return nil
}

// holder gives the list that stands under one of the keys, or nil.
func holder(n *node, keys []string) *node {
	for _, k := range keys {
		if c := n.get(k); n.kind == kindMap && c.kind == kindList {
			return c
		}
	}
	return nil
}

// record is one entry of an export on its way to an identity. Its first problem
// makes it broken.
type record struct {
	r      *reader
	line   int
	at     *node // nil for a row of CSV
	broken bool
	it     schemas.Identity
	// What stands in its lists.
	refs, aliases map[string]struct{}
}

// begin starts a record; every record is ended by end or left.
func (r *reader) begin(line int, at *node) *record {
	r.out.Records++
	return &record{r: r, line: line, at: at}
}

// at starts a record at a node, which must be an object.
func (r *reader) at(n *node) *record {
	rec := r.begin(n.line, n)
	if n.kind != kindMap {
		rec.fail(n, "want an object, found %s", n.kind.word())
	}
	return rec
}

func (rec *record) fail(n *node, format string, args ...any) {
	rec.failAt(n.line, n.path(), fmt.Errorf(format, args...))
}

// failWhole says what is wrong with the record as a whole.
func (rec *record) failWhole(format string, args ...any) {
	rec.failAt(rec.line, rec.at.path(), fmt.Errorf(format, args...))
}

func (rec *record) failAt(line int, path string, err error) {
	if !rec.broken {
		rec.broken = true
		rec.r.out.Broken++
	}
	rec.r.problem(line, path, err)
}

// text gives a text, "" for null; numbers and booleans are taken as written.
func (rec *record) text(n *node) string {
	switch n.kind {
	case kindNull:
		return ""
	case kindList, kindMap:
		rec.fail(n, "want a text, found %s", n.kind.word())
		return ""
	default:
	}
	if err := enrich.CheckText(n.text); err != nil {
		rec.fail(n, "%w", err)
		return ""
	}
	return strings.Clone(n.text)
}

// need is text that must be there.
func (rec *record) need(n *node) string {
	s := rec.text(n)
	if s == "" && !rec.broken {
		rec.fail(n, "is missing")
	}
	return s
}

// texts gives a list of texts; a single one stands for a list of one.
func (rec *record) texts(n *node) []string {
	if n.kind != kindList {
		if s := rec.text(n); s != "" {
			return []string{s}
		}
		return nil
	}
	var out []string
	for _, c := range n.items {
		if s := rec.text(c); s != "" {
			out = append(out, s)
		}
	}
	return out
}

// members gives the values of a list, none for null.
func (rec *record) members(n *node) []*node {
	switch n.kind {
	case kindList:
		return n.items
	case kindNull:
	default:
		rec.fail(n, "want a list, found %s", n.kind.word())
	}
	return nil
}

// time reads RFC 3339; null, empty and the given words mean none.
func (rec *record) time(n *node, none ...string) time.Time {
	s := rec.text(n)
	if s == "" || slices.Contains(none, s) {
		return time.Time{}
	}
	t, err := parseTime(s)
	if err != nil {
		rec.fail(n, "%w", err)
	}
	return t
}

// parseTime reads RFC 3339. A year that no event can have stands for none:
// systems write "never" as 9999-12-31 or 0001-01-01.
func parseTime(s string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}, fmt.Errorf("time %q: want RFC 3339 such as 2026-01-10T00:00:00Z", shorten(s))
	}
	if t.Year() < 1900 || t.Year() >= 2262 {
		return time.Time{}, nil
	}
	return t.UTC(), nil
}

func shorten(s string) string {
	const most = 80
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}

// label notes something for hunts; an empty value notes nothing.
func (rec *record) label(name, value string) {
	if value == "" {
		return
	}
	if rec.it.Labels == nil {
		rec.it.Labels = map[string]string{}
	}
	if _, taken := rec.it.Labels[name]; !taken {
		rec.it.Labels[name] = value
	}
}

// credential adds a credential that has a reference.
func (rec *record) credential(c schemas.KnownCredential) {
	if c.Ref != "" && rec.room("credentials", len(rec.it.Credentials)) && isNew(&rec.refs, c.Ref) {
		rec.it.Credentials = append(rec.it.Credentials, c)
	}
}

// alias adds another spelling of the identity.
func (rec *record) alias(s string) {
	if s != "" && s != rec.it.ID && rec.room("aliases", len(rec.it.Aliases)) && isNew(&rec.aliases, s) {
		rec.it.Aliases = append(rec.it.Aliases, s)
	}
}

// room reports whether a list of n entries may have one more; if not, the record
// is broken.
func (rec *record) room(key string, n int) bool {
	if n < enrich.MaxListEntries {
		return true
	}
	if !rec.broken {
		rec.failWhole(tooMany, key, enrich.MaxListEntries)
	}
	return false
}

const tooMany = "%s: too many entries, at most %d for one identity"

// isNew adds a name to a set, and reports whether it was not in it.
func isNew(set *map[string]struct{}, name string) bool {
	if *set == nil {
		*set = map[string]struct{}{}
	}
	before := len(*set)
	(*set)[name] = struct{}{}
	return len(*set) > before
}

// end takes the record's identity over, unless the record is broken. An id
// that was there before is an error.
func (rec *record) end() { rec.finish(nil) }

// join is end for exports in which several records are one identity: the later
// one completes the first, by merge.
func (rec *record) join(merge func(first, later *schemas.Identity)) { rec.finish(merge) }

func (rec *record) finish(merge func(first, later *schemas.Identity)) {
	if rec.broken {
		return
	}
	r, it := rec.r, &rec.it
	if err := enrich.CheckIdentity(it); err != nil {
		rec.failWhole("%w", err)
		return
	}
	at, known := r.byID[it.ID]
	if !known {
		at = len(r.out.Identities)
	}
	if !rec.free(at, known, merge != nil) || known && !rec.fits(at) {
		return
	}
	for _, n := range append([]string{it.ID}, it.Aliases...) {
		r.names[enrich.Canonical(n)] = claim{at, rec.line}
	}
	for i := range it.Credentials {
		r.refs[it.Credentials[i].Ref] = claim{at, rec.line}
	}
	if known {
		complete(&r.out.Identities[at], it)
		merge(&r.out.Identities[at], it)
		return
	}
	r.byID[it.ID] = at
	r.out.Identities = append(r.out.Identities, *it)
}

// fits leaves out of the record what the identity that it joins has already, and
// reports whether the rest finds room there; otherwise the record is broken.
func (rec *record) fits(at int) bool {
	r, it := rec.r, &rec.it
	first := &r.out.Identities[at]
	it.Aliases = slices.DeleteFunc(it.Aliases, func(a string) bool {
		_, has := r.names[enrich.Canonical(a)] // it is nobody else's, as free has found
		return has
	})
	it.Credentials = slices.DeleteFunc(it.Credentials, func(c schemas.KnownCredential) bool {
		_, has := r.refs[c.Ref]
		return has
	})
	for _, l := range []struct {
		key string
		n   int
	}{
		{"aliases", len(first.Aliases) + len(it.Aliases)}, {"credentials", len(first.Credentials) + len(it.Credentials)}, {"labels", len(first.Labels) + len(it.Labels)},
	} {
		if l.n > enrich.MaxListEntries {
			rec.failWhole(tooMany, l.key, enrich.MaxListEntries)
			return false
		}
	}
	return true
}

// free reports whether nobody else claims the record's names and credentials;
// otherwise the record is broken.
func (rec *record) free(at int, known, mayJoin bool) bool {
	r, it := rec.r, &rec.it
	if known && !mayJoin {
		rec.failWhole("id: %q stands twice, first in line %d", it.ID, r.names[it.ID].line)
		return false
	}
	if !known && len(r.out.Identities) >= enrich.MaxIdentities {
		rec.failWhole("too many identities, at most %d", enrich.MaxIdentities)
		return false
	}
	for _, n := range append([]string{it.ID}, it.Aliases...) {
		if c, taken := r.names[enrich.Canonical(n)]; taken && c.at != at {
			rec.failWhole("alias: %q is another record's, in line %d", shorten(n), c.line)
			return false
		}
	}
	for i := range it.Credentials {
		if c, taken := r.refs[it.Credentials[i].Ref]; taken && c.at != at {
			rec.failWhole("ref: %q is another record's, in line %d", shorten(it.Credentials[i].Ref), c.line)
			return false
		}
	}
	return true
}

// complete adds to an identity what a later record of it knows besides; fits has
// left out what both have of lists.
func complete(first, later *schemas.Identity) {
	for _, f := range []struct {
		to   *string
		from string
	}{
		{&first.Kind, later.Kind}, {&first.Name, later.Name}, {&first.Owner, later.Owner}, {&first.Team, later.Team},
		{&first.Environment, later.Environment}, {&first.Vendor, later.Vendor},
	} {
		if *f.to == "" {
			*f.to = f.from
		}
	}
	first.Aliases = append(first.Aliases, later.Aliases...)
	first.Credentials = append(first.Credentials, later.Credentials...)
	for k, v := range later.Labels {
		if first.Labels == nil {
			first.Labels = map[string]string{}
		}
		if _, taken := first.Labels[k]; !taken {
			first.Labels[k] = v
		}
	}
	if later.LastUsed.After(first.LastUsed) {
		first.LastUsed = later.LastUsed
	}
}
