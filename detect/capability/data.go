package capability

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

//go:embed *.tsv
var files embed.FS

// familyFiles are the files of the families that have one. Actions of AWS are
// separated by spaces, those of the others, which may contain some, by ";".
var familyFiles = [...]struct {
	family    family
	name, sep string
}{
	{familyAWS, "aws.tsv", " "},
	{familyGCP, "gcp.tsv", ";"},
	{familyAzure, "azure.tsv", ";"},
	{familyEntra, "entra.tsv", ";"},
	{familyO365, "o365.tsv", ";"},
	{familyKubernetes, "kubernetes.tsv", ";"},
	{familyVault, "vault.tsv", ";"},
	{familyGitHub, "github.tsv", ";"},
	{familyGitLab, "gitlab.tsv", ";"},
	{familyOkta, "okta.tsv", ";"},
	{familyWorkspace, "workspace.tsv", ";"},
	{familySlack, "slack.tsv", ";"},
	{familyCloudflare, "cloudflare.tsv", ";"},
	{familyTools, "tools.tsv", ";"},
	{familySaaS, "saas.tsv", ";"},
}

// Files names the data files, in order.
func Files() []string {
	list, _ := fs.Glob(files, "*.tsv") // the pattern is well formed
	return list
}

// text is a data file's.
func text(name string) string {
	b, _ := files.ReadFile(name) // embedded: load's tests read every one
	return string(b)
}

// Digest identifies the data files: it changes when a verdict may.
func Digest() string {
	h := sha256.New()
	for _, name := range Files() {
		_, _ = h.Write([]byte(text(name))) // a hash never fails
		_, _ = h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// data is the parsed files, read only.
type data struct {
	actions     [families]map[string]*entry // "service:action", lower case; service "*" for any
	patterns    [families][]pattern
	verbs       map[string]Set   // "Get", as AWS begins names
	words       map[string]Set   // "get", "got", as the others use them
	participles map[string]bool  // "updated"
	segments    map[string][]int // a path word -> rows of rules
	rules       []rule
	longest     int // of verbs, in bytes

	// Of grantees: everybody, administrator policies, mail for anyone.
	publics, admins, freemail map[string]bool
}

// pattern is a row whose action has "*" in it.
type pattern struct {
	service, glob string
	entry         *entry
}

// rows calls fn for each row of a file with its fields.
func rows(name string, fields int, fn func(f []string) error) error {
	for n, line := range strings.Split(text(name), "\n") {
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
	d := &data{
		verbs: make(map[string]Set), words: make(map[string]Set), participles: make(map[string]bool), segments: make(map[string][]int),
		publics: make(map[string]bool), admins: make(map[string]bool), freemail: make(map[string]bool),
	}
	for _, file := range familyFiles {
		d.actions[file.family] = make(map[string]*entry)
		add := func(f []string) error { return d.addActions(file.family, file.sep, f) }
		if err := rows(file.name, 5, add); err != nil {
			return nil, err
		}
	}
	for _, file := range []struct {
		name   string
		fields int
		add    func(f []string) error
	}{
		{"words.tsv", 2, d.addWords}, // before the verbs of AWS, which some of them overrule
		{"verbs.tsv", 2, d.addVerbs},
		{"grantees.tsv", 2, d.addGrantees},
		{"gateway.tsv", 5, d.addRule},
		{"apis.tsv", 5, d.addRule},
	} {
		if err := rows(file.name, file.fields, file.add); err != nil {
			return nil, err
		}
	}
	return d, nil
}

func (d *data) addActions(fam family, sep string, f []string) error {
	classes, err := parseClasses(f[0])
	if err != nil {
		return err
	}
	sev, err := parseSeverity(f[1])
	if err != nil {
		return err
	}
	if f[2] != "-" && f[2] != "admin" && classes.Any(Verbs) {
		return fmt.Errorf("the verb class of %q hangs on a condition", f[0])
	}
	set := func(e *entry) { e.add(classes, sev) }
	switch cond, rest, _ := strings.Cut(f[2], " "); cond {
	case "-":
	case "outside":
		set = func(e *entry) { e.add(classes, sev); e.outside |= classes }
	case "named":
		set = func(e *entry) { e.add(classes, sev); e.outside |= classes; e.named |= classes }
	case "public":
		set = func(e *entry) { e.add(classes, sev); e.public |= classes }
	case "admin":
		set = func(e *entry) { e.add(classes, sev); e.admin |= classes }
	case "secretive":
		set = func(e *entry) { e.add(classes, sev); e.secretive |= classes }
	case "when":
		r, err := parseRefinement(rest)
		if err != nil {
			return err
		}
		r.classes, r.sev = classes, sev
		set = func(e *entry) { e.when = append(e.when, r) }
	default:
		return fmt.Errorf("unknown condition %q", f[2])
	}
	if f[3] != strings.ToLower(f[3]) && fam != familyAWS {
		return fmt.Errorf("service %q is not in lower case", f[3])
	}
	for action := range strings.SplitSeq(f[4], sep) {
		for _, one := range alternatives(strings.TrimSpace(action)) {
			if one == "" {
				return fmt.Errorf("an action of %q is empty", f[4])
			}
			e := d.entry(fam, strings.ToLower(f[3]), strings.ToLower(one))
			e.known, e.family = ByName, fam
			set(e)
		}
	}
	return nil
}

// entry is the one of an action, a new one the first time.
func (d *data) entry(fam family, service, action string) *entry {
	if strings.Contains(action, "*") {
		for _, p := range d.patterns[fam] {
			if p.service == service && p.glob == action {
				return p.entry
			}
		}
		e := new(entry)
		d.patterns[fam] = append(d.patterns[fam], pattern{service, action, e})
		return e
	}
	key := service + ":" + action
	e := d.actions[fam][key]
	if e == nil {
		e = new(entry)
		d.actions[fam][key] = e
	}
	return e
}

// alternatives writes a word "a|b" of an action out: "get|list secrets" is two.
// Words end at spaces; in an action without any at "/" and ".", too.
func alternatives(action string) []string {
	bar := strings.IndexByte(action, '|')
	if bar < 0 {
		return []string{action}
	}
	ends := " /."
	if strings.Contains(action, " ") {
		ends = " "
	}
	from := strings.LastIndexAny(action[:bar], ends) + 1
	to := len(action)
	if i := strings.IndexAny(action[bar:], ends); i >= 0 {
		to = bar + i
	}
	var out []string
	for one := range strings.SplitSeq(action[from:to], "|") {
		out = append(out, alternatives(action[:from]+one+action[to:])...)
	}
	return out
}

// maxIndex bounds the "{n}" in the name of an attribute: the first items of a list.
const maxIndex = 4

// parseRefinement reads "NAME,NAME=VALUE|VALUE". A value that begins with "="
// stands for itself, "*" in the others for any text.
func parseRefinement(s string) (r refinement, err error) {
	names, values, ok := strings.Cut(s, "=")
	if !ok || names == "" || values == "" {
		return r, fmt.Errorf("%q is no NAME=VALUE", s)
	}
	for name := range strings.SplitSeq(names, ",") {
		if !strings.Contains(name, "{n}") {
			r.attributes = append(r.attributes, name)
			continue
		}
		for i := range maxIndex {
			r.attributes = append(r.attributes, strings.ReplaceAll(name, "{n}", strconv.Itoa(i)))
		}
	}
	for v := range strings.SplitSeq(values, "|") {
		r.values = append(r.values, strings.ToLower(v))
	}
	return r, nil
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
		d.addWord(strings.ToLower(strings.TrimPrefix(v, "Batch")), class)
	}
	return nil
}

func (d *data) addWords(f []string) error {
	class, ok := Parse(f[0])
	if !ok || !Verbs.Has(class) {
		return fmt.Errorf("%q is no verb class", f[0])
	}
	for _, v := range strings.Fields(f[1]) {
		v, past, irregular := strings.Cut(v, "/")
		d.addWord(v, class)
		if irregular {
			d.participles[past] = true
			if d.words[past] == 0 {
				d.words[past] = class
			}
		}
	}
	return nil
}

// addWord adds a verb with its regular participle. The first class given stays.
func (d *data) addWord(v string, class Set) {
	if _, twice := d.words[v]; twice || v == "" {
		return
	}
	past := v + "ed"
	switch last := v[len(v)-1]; {
	case last == 'e':
		past = v + "d"
	case last == 'y' && len(v) > 1 && !strings.ContainsRune("aeou", rune(v[len(v)-2])):
		past = v[:len(v)-1] + "ied"
	}
	d.words[v], d.words[past], d.participles[past] = class, class, true
}

func (d *data) addGrantees(f []string) error {
	var kind map[string]bool
	switch f[0] {
	case "public":
		kind = d.publics
	case "admin":
		kind = d.admins
	case "freemail":
		kind = d.freemail
	default:
		return fmt.Errorf("unknown kind of grantee %q", f[0])
	}
	for g := range strings.SplitSeq(f[1], ";") {
		g = strings.TrimSpace(g)
		if kind[g] || g == "" {
			return fmt.Errorf("grantee %q is empty, or stands twice", g)
		}
		kind[g] = true
	}
	return nil
}

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
func (d *data) classify(operation string, readOnly schemas.ReadOnly, hint family) *entry {
	var e entry
	var n name
	verbFromData := false
	f := familyGateway
	if m, path, ok := cutGateway(operation); ok {
		e = d.gateway(methodOf(m), path)
		verbFromData = true
	} else {
		n, f = nameOf(operation, hint)
		if found := d.action(n, f); found != nil {
			e = *found
		}
		verbFromData = e.set&Verbs != 0
	}
	e.family = f
	if e.set&Verbs == 0 {
		class, spoken := d.verb(operation, n, f, readOnly)
		e.set |= class
		if spoken {
			e.known = max(e.known, ByVerb)
		}
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
	return &e
}

// maxMatched bounds how much of a name is compared with patterns, in bytes: a
// caller may choose the names of tools and paths.
const maxMatched = 256

// action looks an operation up: by each of its names, exactly, then by the
// patterns in the order of the file. An operation of an unknown family is looked
// up as AWS's.
func (d *data) action(n name, f family) *entry {
	if f == familyAny {
		f = familyAWS
	}
	for _, key := range n.keys {
		if e := d.actions[f][n.service+":"+key]; e != nil {
			return e
		}
		if e := d.actions[f]["*:"+key]; e != nil {
			return e
		}
	}
	for _, p := range d.patterns[f] {
		if p.service != "*" && p.service != n.service {
			continue
		}
		for _, key := range n.keys {
			if matchFold(p.glob, key[:min(len(key), maxMatched)]) {
				return p.entry
			}
		}
	}
	return nil
}
