package importer

import (
	"strconv"
	"strings"
	"time"

	"github.com/lapwing-sec/lapwing/schemas"
)

// spiffeEntries reads the registration entries of a SPIRE server (SPIRE API,
// type Entry).
var spiffeEntries = Kind{
	Name:    "spiffe",
	Title:   "SPIFFE registration entries of a SPIRE server (JSON)",
	Command: "spire-server entry show -output json > entries.json",
	read: func(r *reader, data []byte) {
		for _, n := range r.elements(r.json(data), "entries") {
			r.spiffeEntry(n)
		}
	},
}

func (r *reader) spiffeEntry(n *node) {
	rec := r.at(n)
	it := &rec.it
	it.ID, it.Kind = rec.spiffeID(n.get("spiffe_id")), "workload"
	it.Name = it.ID[strings.LastIndexByte(it.ID, '/')+1:]
	entry := rec.text(n.get("id"))
	if n.has("parent_id") {
		rec.label("parent", rec.spiffeID(n.get("parent_id")))
	}
	var selectors []string
	for _, s := range rec.members(n.get("selectors")) {
		if s.kind != kindMap {
			rec.fail(s, "want an object, found %s", s.kind.word())
			continue
		}
		sort, value := rec.need(s.get("type")), rec.text(s.get("value"))
		selectors = append(selectors, sort+":"+value)
		if ns, ok := strings.CutPrefix(value, "ns:"); ok && sort == "k8s" {
			rec.label("namespace", ns)
		}
		if pod, ok := strings.CutPrefix(value, "pod-label:"); ok && sort == "k8s" {
			if name, v, ok := strings.Cut(pod, ":"); ok {
				rec.tag(name, v)
			}
		}
	}
	rec.label("selectors", strings.Join(selectors, " "))
	rec.label("hint", rec.text(n.get("hint")))
	if rec.text(n.get("admin")) == "true" {
		rec.label("admin", "true")
	}
	if entry != "" {
		rec.credential(schemas.KnownCredential{
			Ref: entry, Type: "certificate", Issued: rec.seconds(n.get("created_at")), Expires: rec.seconds(n.get("expires_at")),
		})
	}
	// Several entries may give out one SPIFFE ID.
	rec.join(func(_, _ *schemas.Identity) {})
}

// spiffeID reads an id as SPIRE writes it, in two parts, or as one text.
func (rec *record) spiffeID(n *node) string {
	if n.kind != kindMap {
		id := rec.need(n)
		if !rec.broken && !strings.HasPrefix(id, "spiffe://") {
			rec.fail(n, "%q: want a SPIFFE ID such as spiffe://example.org/ns/payments/sa/ledger", shorten(id))
		}
		return id
	}
	domain, path := rec.need(n.get("trust_domain")), rec.text(n.get("path"))
	if path != "" && path[0] != '/' {
		path = "/" + path
	}
	return "spiffe://" + domain + path
}

// seconds reads seconds since 1970, which SPIRE writes as a text; 0 is none.
func (rec *record) seconds(n *node) time.Time {
	s := rec.text(n)
	if s == "" || s == "0" {
		return time.Time{}
	}
	sec, err := strconv.ParseInt(s, 10, 64)
	const last = 9_214_646_400 // the year 2262
	if err != nil || sec < 0 || sec >= last {
		rec.fail(n, "%q: want seconds since 1970", shorten(s))
		return time.Time{}
	}
	return time.Unix(sec, 0).UTC()
}
