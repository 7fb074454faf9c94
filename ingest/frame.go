package ingest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"
	"unicode/utf8"

	"github.com/lapwing-sec/lapwing/schemas"
)

// DefaultMaxRecordBytes bounds a raw record where Options do not.
const DefaultMaxRecordBytes = 8 << 20

// Options say how a parser treats records.
type Options struct {
	// Hasher replaces secrets. A nil Hasher is one with an empty key, whose
	// hashes can be guessed: for tests and for looking at files only.
	Hasher *Hasher
	// KeepRaw fills Event.Raw with the record, secrets replaced.
	KeepRaw bool
	// MaxRecordBytes bounds one raw record; zero means DefaultMaxRecordBytes.
	MaxRecordBytes int
}

// New returns the parser of a format. An unknown name is an error that lists
// the known ones.
func New(format string, opt Options) (Parser, error) { return standard.New(format, opt) }

// New returns the parser of a format of the set, as the function New does.
func (s *Set) New(format string, opt Options) (Parser, error) {
	f, err := s.find(format)
	if err != nil {
		return nil, err
	}
	if opt.Hasher == nil {
		opt.Hasher = NewHasher(nil)
	}
	if opt.MaxRecordBytes <= 0 {
		opt.MaxRecordBytes = DefaultMaxRecordBytes
	}
	return newParser(s, f, opt), nil
}

func newParser(s *Set, f *Format, opt Options) *parser {
	p := &parser{set: s, format: f, opt: opt, redactor: redactor{hash: opt.Hasher, guess: f.guess}}
	p.records.New = func() any {
		return &record{doc: document{nodes: make([]node, 0, 128), known: keyCache{on: true, asked: f.asked}, clean: cleanTexts{on: true}}}
	}
	return p
}

var bom = []byte("\xEF\xBB\xBF")

// parser is the frame that all formats share: bounds, the cutting of batches
// into sub-records, unwrapping, redaction, and the promise that each
// sub-record becomes an event or a refusal.
type parser struct {
	set      *Set
	format   *Format
	opt      Options
	redactor redactor
	// records that were read, whose caches know this source's keys.
	records sync.Pool
	// others are the parsers of formats that came inside of this one, by name.
	others sync.Map
}

// other returns the parser of another format of the set, with the same options.
func (p *parser) other(name string) (*parser, error) {
	if q, ok := p.others.Load(name); ok {
		return q.(*parser), nil
	}
	f, err := p.set.find(name)
	if err != nil {
		return nil, err
	}
	q, _ := p.others.LoadOrStore(name, newParser(p.set, f, p.opt))
	return q.(*parser), nil
}

// walk goes through the sub-records of one raw record.
type walk struct {
	p     *parser
	h     Handler
	index int
	// fields is the #Fields line above what is read, where it has an order of its own.
	fields string
	// cuts counts how many times over the text was taken out of a faulty one.
	cuts int
	// spare is the record that the walk is part of, while no sub-record has it.
	spare *record
}

// take returns a record for the next sub-record.
func (w *walk) take() *record {
	r := w.spare
	if r == nil {
		return w.p.newRecord()
	}
	w.spare = nil
	return r
}

// give takes it back.
func (w *walk) give(r *record) {
	switch {
	case w != &r.walk:
		r.free()
	case r.clear():
		w.spare = r
	}
}

// Parse implements Parser.
func (p *parser) Parse(raw []byte, h Handler) {
	r := p.newRecord()
	defer r.free()
	w := &r.walk
	w.p, w.h, w.spare = p, h, r
	if len(raw) > p.opt.MaxRecordBytes {
		w.bad(raw, fmt.Errorf("record of %d bytes, at most %d are read", len(raw), p.opt.MaxRecordBytes))
		return
	}
	body := raw
	if n := len(raw); n == 0 || !visible(raw[0]) || !visible(raw[n-1]) {
		body = bytes.TrimSpace(bytes.TrimPrefix(raw, bom))
	}
	if len(body) == 0 {
		w.bad(raw, errors.New("empty record"))
		return
	}
	w.sub(body)
}

// visible reports whether c is a byte of ASCII that is no blank: no mark of byte order
// begins with one, and no blank, in whichever encoding, begins or ends with one.
func visible(c byte) bool { return c > ' ' && c < utf8.RuneSelf }

// maxWraps is how many wrappings around each other are taken off.
const maxWraps = 6

// sub reads bytes that are one sub-record, a batch of them, or several ones
// behind each other.
func (w *walk) sub(body []byte) {
	if body[0] != '{' && !startsArray(body, w.p.format.cutting()) {
		if bytes.IndexByte(body, '\n') >= 0 {
			w.cut(body, nil)
			return
		}
		w.line(body, w.p.incoming(body), 0)
		return
	}
	r := w.take()
	defer w.give(r)
	if err := r.doc.parseIncoming(w.p, body); err != nil {
		w.cut(body, err)
		return
	}
	if r.doc.batch(0) {
		if !utf8.Valid(body) {
			w.cut(body, nil) // places in the document are not those in the body
			return
		}
		r.doc.raw = body
	}
	w.p.redactor.document(&r.doc, w.p.format.secret)
	w.value(r, 0, body, 0)
}

// cut takes a body apart by its brackets and lines, so that a faulty part
// spoils itself alone. err is why it could not be read as one document.
func (w *walk) cut(body []byte, err error) {
	// Each time over costs a look at all of it: thousands of brackets around
	// each other must not cost thousands of looks.
	if w.cuts++; w.cuts > maxWraps {
		if err == nil {
			err = errTooWrapped
		}
		w.bad(body, err)
		w.cuts--
		return
	}
	defer func() { w.cuts-- }()
	cut(body, w.p.format.cutting(), func(sub []byte) {
		switch {
		case isDirective(sub):
			if fields, ok := ownOrder(sub); ok {
				w.fields = fields
			}
		case len(sub) < len(body) && len(sub) > 0:
			w.sub(sub)
		case err != nil:
			w.bad(sub, err)
		default:
			w.line(sub, w.p.incoming(sub), 0)
		}
	})
}

// value reads node n of a document: a record, or what holds some.
func (w *walk) value(r *record, n int, raw []byte, wraps int) {
	d := &r.doc
	switch d.nodes[n].kind {
	case kindArray:
		if wraps > maxWraps {
			w.bad(raw, errTooWrapped)
			return
		}
		for c := d.first(n); c != none; c = d.after(n, c) {
			w.value(r, c, d.bytes(c), wraps+1)
		}
	case kindString:
		w.line(raw, d.nodes[n].str, wraps+1)
	case kindObject:
		if split := w.p.format.split; split != nil {
			found := false
			split(d, n, func(n int) {
				found = true
				w.one(r, n, d.bytes(n))
			})
			if found {
				return
			}
		}
		if inner := d.envelope(n); inner != none && w.p.format.match(&probe{doc: d, root: n}) == no && w.p.mayHold(d, inner) {
			w.unwrap(r, inner, raw, wraps+1)
			return
		}
		w.one(r, n, raw)
	default:
		w.bad(raw, errNoObject)
	}
}

var (
	errNoObject = errors.New("not an object")
	errNoText   = errors.New("a line of text where JSON is expected")
	// errNoCall is what a format says of a record that is no call, and no fault
	// either, such as the announcement of a call that is logged again at its end:
	// it gives neither an event nor a refusal.
	errNoCall     = errors.New("no call")
	errTooWrapped = fmt.Errorf("wrapped more than %d times", maxWraps)
)

// mayHold reports whether the inside of what looks like an envelope may be
// records of the format: text must look like it.
func (p *parser) mayHold(d *document, inner int) bool {
	if d.nodes[inner].kind != kindString || p.format.text == nil {
		return true
	}
	text, err := d.enclosed(inner)
	if err != nil {
		return false
	}
	text = unwrapLine(text)
	return text != "" && (text[0] == '{' || p.format.match(&probe{line: text}) > no)
}

// unwrap reads what an envelope holds: elements or a record, as JSON or as text.
func (w *walk) unwrap(r *record, inner int, raw []byte, wraps int) {
	d := &r.doc
	if wraps > maxWraps {
		w.bad(raw, errTooWrapped)
		return
	}
	if d.nodes[inner].kind != kindString {
		w.value(r, inner, d.bytes(inner), wraps)
		return
	}
	text, err := d.enclosed(inner)
	if err != nil {
		w.bad(raw, err)
		return
	}
	w.line(raw, text, wraps)
}

// line reads a line of text, which may be JSON behind what a syslog or a
// container runtime puts before it.
func (w *walk) line(raw []byte, text string, wraps int) {
	text = unwrapLine(text)
	if text == "" {
		w.bad(raw, errors.New("empty line"))
		return
	}
	r := w.take()
	defer w.give(r)
	if text[0] == '{' || w.p.format.text == nil && text[0] == '[' {
		if err := r.doc.parse(text); err != nil {
			w.bad(raw, err)
			return
		}
		w.p.redactor.document(&r.doc, w.p.format.secret)
		w.value(r, 0, raw, wraps)
		return
	}
	if w.p.format.text == nil {
		if text[0] == '"' || isDigit(text[0]) || text == "null" || text == "true" || text == "false" {
			w.bad(raw, errNoObject)
			return
		}
		w.bad(raw, errNoText)
		return
	}
	r.line, r.fields = text, w.fields
	if w.fields != "" {
		raw = slices.Concat([]byte(w.fields), []byte{'\n'}, raw) // which says nothing without it
	}
	w.read(r, raw, w.p.format.text)
}

// one reads node n as one record.
func (w *walk) one(r *record, n int, raw []byte) {
	if w.p.format.json == nil {
		w.bad(raw, errors.New("JSON where a line of text is expected"))
		return
	}
	r.root = n
	w.read(r, raw, w.p.format.json)
}

// read runs a format's function and hands over what it made.
func (w *walk) read(r *record, raw []byte, parse func(r *record) error) {
	r.ev = schemas.EventFromVTPool()
	r.ev.Format = w.p.format.Name
	err := parse(r)
	if errors.Is(err, errNoCall) {
		r.ev.Recycle()
		r.ev = nil
		return
	}
	if err == nil && r.ev.Operation == "" {
		err = errors.New("operation: missing")
	}
	if err != nil {
		r.ev.Recycle()
		w.bad(raw, err)
		return
	}
	if w.p.opt.KeepRaw && r.ev.Raw == "" {
		if r.line != "" {
			r.ev.Raw = w.p.redactor.text(r.line)
		} else {
			r.ev.Raw = r.doc.source(r.root)
		}
	}
	finish(r.ev)
	w.h.Event(w.index, r.ev)
	w.index++
	r.ev = nil
}

// bad refuses a sub-record. Errors quote what they found, and a misplaced
// value may be a secret.
func (w *walk) bad(raw []byte, err error) {
	w.h.Bad(w.index, raw, errors.New(w.p.format.Name+": "+w.p.redactor.text(err.Error())))
	w.index++
}

// finish bounds an event's fields and says of a caller who is not named that
// he is not.
func finish(ev *schemas.Event) {
	if ev.Principal == "" && ev.CredentialId == "" {
		ev.Anonymous = true
	}
	if ev.PrincipalType == "" {
		ev.PrincipalType = "unknown"
		if ev.Anonymous {
			ev.PrincipalType = "anonymous"
		}
	}
	// Nearly always all are short: one look at all lengths says so.
	if len(ev.Id)|len(ev.Principal)|len(ev.PrincipalType)|len(ev.PrincipalIssuer)|len(ev.CredentialId)|len(ev.CredentialType)|len(ev.SessionId)|len(ev.ActingAs)|
		len(ev.OauthClient)|len(ev.ClientCertificate)|len(ev.Workload)|len(ev.Operation)|len(ev.Service)|len(ev.Host)|len(ev.RequestId)|len(ev.Region)|len(ev.Account)|
		len(ev.TargetAccount)|len(ev.ErrorCode)|len(ev.TlsFingerprint)|len(ev.ErrorMessage)|len(ev.UrlPath)|len(ev.UserAgent) >= min(maxAttributeValue, maxMessage) {
		clipFields(ev)
	}
	ev.Delegation, ev.Scopes = bounded(ev.Delegation, maxChain), bounded(ev.Scopes, maxScopes)
	ev.ForwardedFor = bounded(ev.ForwardedFor, maxForwarded)
	ev.Resources, ev.Grantees = bounded(ev.Resources, maxResources), bounded(ev.Grantees, maxGrantees)
}

// clipFields bounds the fields that hold one text each.
func clipFields(ev *schemas.Event) {
	for _, field := range [...]*string{
		&ev.Id, &ev.Principal, &ev.PrincipalType, &ev.PrincipalIssuer, &ev.CredentialId, &ev.CredentialType, &ev.SessionId, &ev.ActingAs,
		&ev.OauthClient, &ev.ClientCertificate, &ev.Workload, &ev.Operation, &ev.Service, &ev.Host, &ev.RequestId, &ev.Region, &ev.Account,
		&ev.TargetAccount, &ev.ErrorCode, &ev.TlsFingerprint,
	} {
		if len(*field) > maxAttributeValue {
			*field = clip(*field, maxAttributeValue)
		}
	}
	for _, field := range [...]*string{&ev.ErrorMessage, &ev.UrlPath, &ev.UserAgent} {
		if len(*field) > maxMessage {
			*field = clip(*field, maxMessage)
		}
	}
}

// bounded cuts a list, and what stands in it.
func bounded(list []string, limit int) []string {
	if len(list) > limit {
		list = list[:limit]
	}
	for i := range list {
		if len(list[i]) > maxMessage {
			list[i] = clip(list[i], maxMessage)
		}
	}
	return list
}
