package capability

import (
	"crypto/sha256"
	_ "embed" // the data files
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

//go:embed aws.tsv
var awsTSV string

//go:embed gateway.tsv
var gatewayTSV string

//go:embed verbs.tsv
var verbsTSV string

// Digest identifies the data files: it changes when a verdict may.
func Digest() string {
	h := sha256.New()
	for _, s := range []string{awsTSV, gatewayTSV, verbsTSV} {
		_, _ = h.Write([]byte(s)) // a hash never fails
		_, _ = h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// data is the parsed files, read only.
type data struct {
	actions map[string]entry // "service:Action"
	verbs   map[string]Set   // "Get"
	words   map[string][]int // a path word -> rows of rules
	rules   []rule
	longest int // of the verbs, in bytes
}

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

// rows calls fn for each row of a file with its fields.
func rows(name, text string, fields int, fn func(f []string) error) error {
	for n, line := range strings.Split(text, "\n") {
		if line == "" || line[0] == '#' {
			continue
		}
		f := strings.Split(line, "\t")
		if len(f) != fields {
			return fmt.Errorf("%s line %d: %d fields, want %d", name, n+1, len(f), fields)
		}
		if err := fn(f); err != nil {
			return fmt.Errorf("%s line %d: %w", name, n+1, err)
		}
	}
	return nil
}

func load() (*data, error) {
	d := &data{actions: make(map[string]entry), verbs: make(map[string]Set), words: make(map[string][]int)}
	if err := rows("aws.tsv", awsTSV, 5, d.addActions); err != nil {
		return nil, err
	}
	if err := rows("verbs.tsv", verbsTSV, 2, d.addVerbs); err != nil {
		return nil, err
	}
	if err := rows("gateway.tsv", gatewayTSV, 5, d.addRule); err != nil {
		return nil, err
	}
	return d, nil
}

func (d *data) addActions(f []string) error {
	classes, err := parseClasses(f[0])
	if err != nil {
		return err
	}
	sev, err := parseSeverity(f[1])
	if err != nil {
		return err
	}
	for _, action := range strings.Fields(f[4]) {
		key := f[3] + ":" + action
		e := d.actions[key]
		e.add(classes, sev)
		switch f[2] {
		case "-":
		case "outside":
			e.outside |= classes
		case "public":
			e.public |= classes
		case "admin":
			e.admin |= classes
		case "secretive":
			e.secretive |= classes
		default:
			return fmt.Errorf("unknown condition %q", f[2])
		}
		d.actions[key] = e
	}
	return nil
}

func (e *entry) add(classes Set, sev int) {
	e.set |= classes
	for rest := classes; rest != 0; rest &= rest - 1 {
		i := rest.Index()
		e.sev = withSeverity(e.sev, i, max(sev, severity(e.sev, i)))
	}
}

func (d *data) addVerbs(f []string) error {
	class, ok := Parse(f[0])
	if !ok || !Verbs.Has(class) {
		return fmt.Errorf("%q is no verb class", f[0])
	}
	for _, v := range strings.Fields(f[1]) {
		if _, twice := d.verbs[v]; twice {
			return fmt.Errorf("verb %q stands twice", v)
		}
		d.verbs[v] = class
		d.longest = max(d.longest, len(v))
	}
	return nil
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
		d.words[w] = append(d.words[w], len(d.rules)-1)
	}
	return nil
}

// word is the spelling in which path words are compared.
func word(s string) string { return strings.ReplaceAll(strings.ToLower(s), "_", "-") }

func parseClasses(s string) (Set, error) {
	var out Set
	for n := range strings.SplitSeq(s, ",") {
		c, ok := Parse(n)
		if !ok {
			return 0, fmt.Errorf("unknown class %q", n)
		}
		out |= c
	}
	return out, nil
}

func parseSeverity(s string) (int, error) {
	switch s {
	case "info":
		return schemas.SeverityInfo, nil
	case "low":
		return schemas.SeverityLow, nil
	case "medium":
		return schemas.SeverityMedium, nil
	case "high":
		return schemas.SeverityHigh, nil
	case "critical":
		return schemas.SeverityCritical, nil
	}
	return 0, fmt.Errorf("unknown severity %q", s)
}

// verbSeverity is what a first use of a verb class deserves by itself.
func verbSeverity(class Set) int {
	switch class {
	case Writes:
		return schemas.SeverityLow
	case Deletes, Administers:
		return schemas.SeverityMedium
	default:
		return schemas.SeverityInfo
	}
}

// classify is the pure function behind the cache.
func (d *data) classify(operation string, readOnly schemas.ReadOnly) entry {
	var e entry
	verbFromData := false
	if m, path, ok := cutGateway(operation); ok {
		e = d.gateway(methodOf(m), path)
		verbFromData = true
	} else {
		var known bool
		e, known = d.action(operation)
		verbFromData = known && e.set&Verbs != 0
	}
	if e.set&Verbs == 0 {
		e.set |= d.verb(operation, readOnly)
	}
	// The source's word settles the verb where our data has none, and a call
	// that changes nothing never counts as a write.
	if readOnly == schemas.ReadOnly_READ_ONLY_TRUE && !verbFromData && e.set.Any(Writes|Deletes|Administers) {
		e.set = e.set&^Verbs | Reads
	}
	v := e.set.Verb()
	if severity(e.sev, v.Index()) == 0 {
		e.sev = withSeverity(e.sev, v.Index(), verbSeverity(v))
	}
	return e
}

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

// action looks a cloud action up, by its exact name, else without the API
// version that some services append ("UpdateFunctionCode20150331v2").
func (d *data) action(operation string) (entry, bool) {
	if e, ok := d.actions[operation]; ok {
		return e, true
	}
	if short := cutVersion(operation); short != operation {
		e, ok := d.actions[short]
		return e, ok
	}
	return entry{}, false
}

// cutVersion takes "20150331" or "20150331v2" off the end of a name.
func cutVersion(s string) string {
	end := len(s)
	for end > 0 && isDigit(s[end-1]) {
		end--
	}
	if end > 0 && end < len(s) && s[end-1] == 'v' {
		s = s[:end-1]
	}
	n := len(s)
	for n > 0 && isDigit(s[n-1]) {
		n--
	}
	if len(s)-n == 8 {
		return s[:n]
	}
	return s
}

func isDigit(b byte) bool { return b >= '0' && b <= '9' }

// verb is the class of the longest verb that begins the action's name. A name
// that begins with no known verb is a write if the source says that it changes
// something, else a read: an unknown word alone never makes a reader a writer.
func (d *data) verb(operation string, readOnly schemas.ReadOnly) Set {
	name := operation
	if i := strings.LastIndexByte(name, ':'); i >= 0 {
		name = name[i+1:]
	}
	for n := min(d.longest, len(name)); n > 0; n-- {
		if n < len(name) && name[n] >= 'a' && name[n] <= 'z' {
			continue // in the middle of a word
		}
		head := name[:n]
		if c := head[0]; c >= 'a' && c <= 'z' {
			head = string(c-'a'+'A') + head[1:]
		}
		if class, ok := d.verbs[head]; ok {
			return class
		}
	}
	if readOnly == schemas.ReadOnly_READ_ONLY_FALSE {
		return Writes
	}
	return Reads
}

// maxSegments bounds how much of a path is looked at.
const maxSegments = 32

// gateway reads a method and a path.
func (d *data) gateway(m method, path string) entry {
	e := entry{}
	segments, ended := cutPath(path)
	last := len(segments) - 1
	verb := m.verb()
	for i, s := range segments {
		for _, n := range d.words[s] {
			r := &d.rules[n]
			if r.methods&m == 0 || r.where != anySegment && i != last || r.where == endSegment && !ended {
				continue
			}
			if r.parents != nil && !hasParent(segments[:i], r.parents) {
				continue
			}
			if r.ordinary {
				e = entry{}
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
func cutPath(path string) (segments []string, ended bool) {
	if i := strings.IndexAny(path, "?#"); i >= 0 {
		path = path[:i]
	}
	for part := range strings.SplitSeq(path, "/") {
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
			segments = append(segments, word(s))
			ended = true
		}
	}
	return segments, ended
}

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
