package enrich

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Bounds of the lists of networks. Beyond them a file is refused as a whole.
const (
	MaxListBytes    = 64 << 20
	MaxListPrefixes = 1_000_000 // in all lists together
	MaxLists        = 64
)

// ListConfig names one list of networks that the operator gives.
type ListConfig struct {
	File string
	// Class of its networks, one of ListClasses; empty: the format's own, or
	// what each line says.
	Class string
	// Name starts the network_name of its addresses; empty: the provider's, or
	// the file's name without its ending.
	Name string
	// Format is one of ListFormats; empty: found by content.
	Format string
}

// ListClasses are the classes that a list may give its networks.
func ListClasses() []string {
	return []string{classTor, classVPN, classHosting, classCloud, classCDN, "shared_egress", "workload", "office", "vendor"}
}

// Loaded describes a database or list in use.
type Loaded struct {
	// What is "geo" or "list"; Kind the database's type or the list's format.
	What, Kind, File string
	// Class and Name are those of a list; Class is empty where its lines differ.
	Class, Name string
	// Entries counts a list's prefixes, or the nodes of a database's tree.
	Entries int
	Bytes   int64
	// Time is when the database was built or the list's file last changed.
	Time time.Time
}

// listSet is an immutable set of lists; a reload makes a new one.
type listSet struct {
	lists []networkList
	table *listTable
}

type networkList struct {
	entries []labelled
	loaded  Loaded
}

// openLists reads the lists. One that is wrong keeps the content that it has in
// before, when there is one; the error joins what is wrong with each. The
// result is nil when a list has no content at all.
func openLists(cfg []ListConfig, before *listSet) (*listSet, error) {
	if len(cfg) > MaxLists {
		return nil, fmt.Errorf("%d lists of networks: at most %d", len(cfg), MaxLists)
	}
	s := &listSet{lists: make([]networkList, len(cfg))}
	var wrong []error
	total, complete := 0, true
	for i := range cfg {
		l, err := loadList(&cfg[i])
		if err == nil && total+len(l.entries) > MaxListPrefixes {
			err = fmt.Errorf("%s: the lists together have more than %d prefixes", cfg[i].File, MaxListPrefixes)
		}
		if err != nil {
			wrong = append(wrong, err)
			if before == nil {
				complete = false
				continue
			}
			l = &before.lists[i]
		}
		total += len(l.entries)
		s.lists[i] = *l
	}
	if !complete {
		return nil, errors.Join(wrong...)
	}
	all := make([][]labelled, len(s.lists))
	for i := range s.lists {
		all[i] = s.lists[i].entries
	}
	s.table = newListTable(all...)
	return s, errors.Join(wrong...)
}

// loadList reads one list. The error joins everything that is wrong with it,
// each part naming file and line.
func loadList(cfg *ListConfig) (*networkList, error) {
	data, err := readBounded(cfg.File, MaxListBytes)
	if err != nil {
		return nil, fmt.Errorf("network list: %w", err)
	}
	st, err := os.Stat(cfg.File)
	if err != nil {
		return nil, fmt.Errorf("network list: %w", err)
	}
	l, err := parseList(cfg, data)
	if err != nil {
		return nil, err
	}
	l.loaded.Bytes, l.loaded.Time = int64(len(data)), st.ModTime()
	return l, nil
}

// parseList reads the content of a list.
func parseList(cfg *ListConfig, data []byte) (*networkList, error) {
	name := cfg.Format
	if name == "" {
		name = recogniseList(data)
	}
	at := slices.IndexFunc(listFormats, func(f listFormat) bool { return f.name == name })
	switch {
	case name == "":
		return nil, fmt.Errorf("%s: the content is in none of the formats %s; name one of them if it should be", cfg.File, strings.Join(ListFormats(), ", "))
	case at < 0:
		return nil, fmt.Errorf("%s: format %q: want one of %s", cfg.File, name, strings.Join(ListFormats(), ", "))
	}
	f := &listFormats[at]
	r := &listReader{problems: problems{file: cfg.File}, class: cfg.Class, own: f.class, name: cfg.Name}
	if r.name == "" {
		r.name = f.provider
	}
	if r.name == "" {
		base := filepath.Base(cfg.File)
		r.name = strings.TrimSuffix(base, filepath.Ext(base))
	}
	if r.class == "" && r.own == "" && f.name != "csv" {
		return nil, fmt.Errorf("%s: the format %s does not say what its networks are: set class to one of %s", cfg.File, f.name, strings.Join(ListClasses(), ", "))
	}
	f.read(r, data)
	if err := r.problems.err(); err != nil {
		return nil, err
	}
	if len(r.entries) == 0 {
		return nil, fmt.Errorf("%s: no networks in it, read as %s", cfg.File, f.name)
	}
	slices.SortStableFunc(r.entries, func(a, b labelled) int { return b.telling - a.telling })
	return &networkList{entries: slices.Clip(r.entries), loaded: Loaded{
		What: "list", Kind: f.name, File: cfg.File, Class: r.oneClass(), Name: r.name, Entries: len(r.entries),
	}}, nil
}

// listReader collects the networks of one list.
type listReader struct {
	problems problems
	class    string // as configured
	own      string // the format's
	name     string
	entries  []labelled
	labels   map[label]label
	full     bool
}

// widest are the shortest prefixes accepted: anything wider is a slip, and
// would give a class to half of the world.
const (
	widest4 = 8
	widest6 = 16
)

// add takes one network. class is what the line says, name what stands behind
// the list's name.
func (r *listReader) add(line int, cidr, class, name string, telling int) {
	if len(r.entries) == MaxListPrefixes {
		if !r.full {
			r.problems.add(line, "more than %d prefixes", MaxListPrefixes)
		}
		r.full = true
		return
	}
	p, err := parseCIDR(cidr)
	switch {
	case err != nil:
		r.problems.add(line, "%q is no address or prefix, such as 192.0.2.0/24", shorten(cidr))
		return
	case p.Addr().Is4() && p.Bits() < widest4 || p.Addr().Is6() && p.Bits() < widest6:
		r.problems.add(line, "%s is wider than any one network: want /%d or longer, in IPv6 /%d", p, widest4, widest6)
		return
	}
	// What the line says goes first, then the operator's word on the whole list.
	for _, c := range []string{r.class, r.own} {
		if class == "" {
			class = c
		}
	}
	switch {
	case class == "":
		r.problems.add(line, "the class of %s is not known: set class to one of %s", p, strings.Join(ListClasses(), ", "))
		return
	case !slices.Contains(ListClasses(), class):
		r.problems.add(line, "class %q: want one of %s", shorten(class), strings.Join(ListClasses(), ", "))
		return
	}
	if len(name) > maxListName {
		r.problems.add(line, "name %q: at most %d bytes", shorten(name), maxListName)
		return
	}
	r.entries = append(r.entries, labelled{prefix: p, label: r.intern(label{class, joinName(r.name, name)}), telling: telling})
}

// maxListName bounds the name of one network in bytes.
const maxListName = 128

// intern keeps one copy of the labels that many prefixes share, apart from the
// file's memory.
func (r *listReader) intern(l label) label {
	if have, ok := r.labels[l]; ok {
		return have
	}
	if r.labels == nil {
		r.labels = make(map[label]label)
	}
	l = label{strings.Clone(l.class), strings.Clone(l.name)}
	r.labels[l] = l
	return l
}

// joinName puts the name of a network behind that of its list.
func joinName(list, name string) string {
	switch {
	case name == "":
		return list
	case list == "":
		return name
	}
	return list + " " + name
}

// oneClass is the class that all entries have, or "".
func (r *listReader) oneClass() string {
	class := ""
	for i := range r.entries {
		switch c := r.entries[i].label.class; {
		case class == "":
			class = c
		case class != c:
			return ""
		}
	}
	return class
}
