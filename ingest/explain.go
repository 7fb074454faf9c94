package ingest

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/lapwing-sec/lapwing/schemas"
)

// Explanation says of one event where each field came from.
type Explanation struct {
	Format string `json:"format"`
	// Fields in the order of the contract.
	Fields []ExplainedField `json:"fields"`
	// Attributes are what was kept without a field of its own, by name.
	Attributes []ExplainedField `json:"attributes,omitempty"`
	// Dropped are values of the record that the event does not hold: at a bound,
	// or because another field says the same.
	Dropped []ExplainedField `json:"dropped,omitempty"`
}

// ExplainedField is one value and its place in the record.
type ExplainedField struct {
	Field string `json:"field,omitempty"`
	// From is the path in the record, or "line" in a line of text. Of a derived
	// value it lists what it holds parts of; it may be empty.
	From    string `json:"from,omitempty"`
	Value   string `json:"value"`
	Derived bool   `json:"derived,omitempty"`
}

// maxExplained bounds each list of an explanation.
const maxExplained = 200

// Explain compares an event with the record in its Raw. A mapping knows where
// it took a field from; of other formats the values tell: of several places with
// the same value the one whose name is most like the field's is shown.
func (s *Set) Explain(ev *schemas.Event) Explanation {
	x := explainer{ev: ev, out: Explanation{Format: ev.Format}}
	if f, err := s.find(ev.Format); err == nil {
		x.origin = f.origin
	}
	if strings.HasPrefix(ev.Raw, "{") && x.doc.parse(ev.Raw) == nil {
		x.places(0, "")
	}
	fields := ev.ProtoReflect().Descriptor().Fields()
	for i := range fields.Len() {
		x.field(fields.Get(i))
	}
	x.attributes()
	for i := range x.nodes {
		if p := &x.nodes[i]; !p.kept && len(x.out.Dropped) < maxExplained {
			x.out.Dropped = append(x.out.Dropped, ExplainedField{From: p.path, Value: p.value})
		}
	}
	return x.out
}

// place is one scalar of the record.
type place struct {
	path, value string
	kept        bool
}

type explainer struct {
	ev     *schemas.Event
	doc    document
	nodes  []place
	out    Explanation
	origin func(d *document, n int, field string) (string, bool)
}

func (x *explainer) places(n int, path string) {
	d := &x.doc
	i := 0
	switch d.nodes[n].kind {
	case kindObject, kindArray:
		for c := d.first(n); c != none; c = d.after(n, c) {
			name := d.nodes[c].key
			if d.nodes[n].kind == kindArray {
				name = strconv.Itoa(i)
				i++
			}
			x.places(c, strings.TrimPrefix(path+"."+name, "."))
		}
	case kindString, kindNumber, kindTrue, kindFalse:
		if v := d.nodes[n].str; v != "" && v != "-" {
			x.nodes = append(x.nodes, place{path: path, value: v})
		}
	case kindNull:
	}
}

// field explains one field of the event, if it is set.
func (x *explainer) field(f protoreflect.FieldDescriptor) {
	name := string(f.Name())
	switch name {
	case "raw", "attributes", "declared", "format", "tenant", "received_time", "raw_topic", "raw_partition", "raw_offset", "raw_index", "watermark", "late", "backfill":
		return
	}
	m := x.ev.ProtoReflect()
	if !m.Has(f) {
		return
	}
	v := m.Get(f)
	if f.IsList() {
		for i := range v.List().Len() {
			x.value(name, v.List().Get(i).String())
		}
		return
	}
	switch {
	case f.Kind() == protoreflect.EnumKind:
		text := string(f.Enum().Values().ByNumber(v.Enum()).Name())
		x.add(name, strings.ToLower(text[strings.LastIndexByte(text, '_')+1:]), nil)
	case name == "time" || strings.HasPrefix(name, "credential_") && f.Kind() == protoreflect.Int64Kind:
		x.add(name, time.Unix(0, v.Int()).UTC().Format(time.RFC3339Nano), func(s string) bool {
			t, err := parseAnyTime(s)
			return err == nil && (t == v.Int() || t/1e6 == v.Int()/1e6)
		})
	case name == "latency_us":
		x.add(name, v.String(), func(s string) bool {
			us := v.Uint()
			return micros(s, 1) == us || micros(s, 1e-3) == us || micros(s, 1e3) == us || micros(s, 1e6) == us
		})
	default:
		x.value(name, v.String())
	}
}

// value explains a scalar: the same text, number, address or host.
func (x *explainer) value(name, v string) {
	x.add(name, v, func(s string) bool {
		return s == v || len(v) > 1 && strings.HasPrefix(s, v+"?") || len(s) > 6 && (address(s) == v || hostName(s) == v) || len(v) > maxAttributeValue/2 && strings.HasPrefix(s, strings.TrimSuffix(v, "…"))
	})
}

func (x *explainer) add(name, v string, same func(s string) bool) {
	if len(x.out.Fields) >= maxExplained {
		return
	}
	f := ExplainedField{Field: name, Value: v}
	switch name {
	case "identity_kind", "identity_name", "owner", "team", "environment", "criticality", "vendor", "route", "runbook", "dependants", "client",
		"src_prefix", "country", "geo_precision", "latitude", "longitude", "geo_radius_km", "peer_ip", "asn", "as_org", "network_class", "network_name", "anonymous":
		f.Derived = true // the enricher's
		x.out.Fields = append(x.out.Fields, f)
		return
	}
	if x.origin != nil {
		if path, ok := x.origin(&x.doc, 0, name); ok {
			f.From = path
			f.Derived = strings.Contains(path, " + ") || strings.HasPrefix(path, `"`)
			for part := range strings.SplitSeq(path, " + ") {
				x.keep(part)
			}
			x.out.Fields = append(x.out.Fields, f)
			return
		}
	}
	best, score := -1, -1
	for i := range x.nodes {
		if same == nil || !same(x.nodes[i].value) {
			continue
		}
		if s := resemblance(name, x.nodes[i].path); s > score {
			best, score = i, s
		}
		x.nodes[i].kept = true
	}
	switch {
	case best >= 0:
		f.From = x.nodes[best].path
	case len(x.nodes) == 0 && len(v) > 1 && !strings.HasSuffix(name, "_type") && strings.Contains(x.ev.Raw, v):
		f.From = "line"
	default:
		f.Derived = true
		f.From = strings.Join(x.partsOf(v), " + ")
	}
	x.out.Fields = append(x.out.Fields, f)
}

// partsOf finds the places that a derived value holds, of each text the first;
// not what is itself part of a longer one.
func (x *explainer) partsOf(v string) (paths []string) {
	var parts []*place
	for i := range x.nodes {
		if p := &x.nodes[i]; len(p.value) >= 3 && len(parts) < maxExplained && strings.Contains(v, p.value) && p.value != "true" && p.value != "false" {
			parts = append(parts, p)
		}
	}
	seen := map[string]bool{}
	for _, p := range parts {
		longer := func(q *place) bool { return len(q.value) > len(p.value) && strings.Contains(q.value, p.value) }
		if slices.ContainsFunc(parts, longer) {
			continue
		}
		p.kept = true
		if !seen[p.value] && len(paths) < 3 {
			paths = append(paths, p.path)
		}
		seen[p.value] = true
	}
	return paths
}

// keep marks a place of the record, and what is below it, as kept.
func (x *explainer) keep(path string) {
	plain := strings.NewReplacer("[", ".", "]", "", `\`, "").Replace(path)
	for i := range x.nodes {
		if p := &x.nodes[i]; p.path == plain || strings.HasPrefix(p.path, plain+".") {
			p.kept = true
		}
	}
}

// alike are words that logs use for a field where they don't use its name.
var alike = map[string][]string{
	"latency_us": {"duration", "elapsed", "took", "requesttime", "responsetime"},
	"src_ip":     {"client", "remote", "source"},
}

// resemblance counts the words of a field's name in a path, and those like it,
// and more where one is the whole of its last part.
func resemblance(field, path string) (n int) {
	last := strings.ToLower(path[strings.LastIndexByte(path, '.')+1:])
	path = strings.ToLower(strings.NewReplacer("_", "", "-", "", ".", "").Replace(path))
	for word := range strings.SplitSeq(field, "_") {
		if strings.Contains(path, word) {
			n++
		}
		if last == word {
			n += 2
		}
	}
	for _, word := range alike[field] {
		if strings.Contains(path, word) {
			n++
		}
	}
	return n
}

func (x *explainer) attributes() {
	var names []string
	for name := range x.ev.Attributes {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		v := x.ev.Attributes[name]
		f := ExplainedField{Field: name, Value: v}
		for i := range x.nodes {
			p := &x.nodes[i]
			if p.path == name || strings.HasPrefix(p.path, name+".") || p.value == v || len(v) > 3 && strings.HasPrefix(p.value, strings.TrimSuffix(v, "…")) {
				if f.From == "" || p.path == name {
					f.From = p.path
				}
				p.kept = true
			}
		}
		f.Derived = f.From == "" && len(x.nodes) > 0
		x.out.Attributes = append(x.out.Attributes, f)
	}
}
