package ingest

import "strings"

// Redact shows a record of an unknown format with what looks like a secret replaced
// by its hash: by name and by shape in JSON, in running text otherwise. It is for
// people's eyes: a parser knows more of its format than this does.
func Redact(h *Hasher, record []byte) string {
	text := strings.ToValidUTF8(string(record), "\uFFFD")
	r := redactor{hash: h, guess: true}
	var d document
	if err := d.parse(text); err == nil && len(d.nodes) > 0 && (d.nodes[0].kind == kindObject || d.nodes[0].kind == kindArray) {
		r.document(&d, nil)
		return d.source(0)
	}
	// Some secrets stand on a line of their own, and some lines are one.
	lines := strings.Split(r.text(text), "\n")
	for i, l := range lines {
		lines[i] = r.text(l)
	}
	return strings.Join(lines, "\n")
}
