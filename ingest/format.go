package ingest

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"time"

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

// Split says how a file of a format is cut into records.
type Split uint8

const (
	// SplitMixed means that a record is a JSON document or, where none begins, one line
	// of text.
	SplitMixed Split = iota
	// SplitJSON means JSON documents one after another, top-level arrays and
	// {"Records":[…]} taken apart.
	SplitJSON
)

// Format describes one log format that Lapwing reads.
type Format struct {
	// Name is the word in configuration, URLs and Event.Format.
	Name string
	// Title is for people.
	Title string
	// Disorder is how far behind the newest record of a partition others of
	// this format usually come.
	Disorder time.Duration
	// Split says how files are cut.
	Split Split
	// Sniff reports whether a sample, whole or cut off, looks like this format.
	Sniff func(sample []byte) bool

	parse func(p *parser, src string, index int, h Handler) error
	// guess is redactor.guess.
	guess bool
}

// Formats lists every format, in the order in which Detect tries them. To add
// one, write its file and add its line.
func Formats() []Format {
	return []Format{
		{Name: "cloudtrail", Title: "AWS CloudTrail", Disorder: 15 * time.Minute, Split: SplitJSON, Sniff: sniffCloudTrail, parse: parseCloudTrail},
		{Name: "kong", Title: "Kong Gateway http-log", Disorder: 10 * time.Second, Split: SplitJSON, Sniff: sniffKong, parse: parseKong, guess: true},
		{Name: "nginx", Title: "NGINX access log, combined or JSON", Disorder: 10 * time.Second, Split: SplitMixed, Sniff: sniffNGINX, parse: parseNGINX, guess: true},
	}
}

// New returns the parser of a format. An unknown name is an error that lists
// the known ones.
func New(format string, opt Options) (Parser, error) {
	f, err := find(format)
	if err != nil {
		return nil, err
	}
	if opt.Hasher == nil {
		opt.Hasher = NewHasher(nil)
	}
	if opt.MaxRecordBytes <= 0 {
		opt.MaxRecordBytes = DefaultMaxRecordBytes
	}
	return &parser{format: f, opt: opt, redactor: redactor{hash: opt.Hasher, guess: f.guess}}, nil
}

// ErrUnknownFormat is what New and NewReceiver wrap for a name that is not in
// the table of formats.
var ErrUnknownFormat = errors.New("unknown format")

func find(name string) (Format, error) {
	for _, f := range Formats() {
		if f.Name == name {
			return f, nil
		}
	}
	return Format{}, fmt.Errorf("%w %q: known are %s", ErrUnknownFormat, name, known())
}

// known lists the names of all formats.
func known() string {
	var out []string
	for _, f := range Formats() {
		out = append(out, f.Name)
	}
	return strings.Join(out, ", ")
}

// Detect names the format of a sample by its content: the start of a file, or
// one record.
func Detect(sample []byte) (format string, ok bool) {
	sample = bytes.TrimPrefix(sample, bom)
	for _, f := range Formats() {
		if f.Sniff(sample) {
			return f.Name, true
		}
	}
	return "", false
}

var bom = []byte("\xEF\xBB\xBF")

// parser is the frame that all formats share: bounds, the cutting of batches
// into sub-records, and the promise that each becomes an event or a refusal.
type parser struct {
	format   Format
	opt      Options
	redactor redactor
}

// Parse implements Parser.
func (p *parser) Parse(raw []byte, h Handler) {
	if len(raw) > p.opt.MaxRecordBytes {
		h.Bad(0, raw, fmt.Errorf("%s: record of %d bytes, at most %d are read", p.format.Name, len(raw), p.opt.MaxRecordBytes))
		return
	}
	body := bytes.TrimSpace(bytes.TrimPrefix(raw, bom))
	if len(body) == 0 {
		h.Bad(0, raw, fmt.Errorf("%s: empty record", p.format.Name))
		return
	}
	if body[0] == '{' && bytes.IndexByte(body, '\n') < 0 && recordsArray(body) == 0 {
		// One object is the usual record: its end need not be looked for first.
		err := p.format.parse(p, cleanText(body), 0, h)
		if err == nil {
			return
		}
		if !errors.Is(err, errTrailing) && blockEnd(body) == len(body) {
			h.Bad(0, body, p.reason(err))
			return
		}
	}
	index := 0
	cut(body, p.format.Split, func(sub []byte) {
		if err := p.format.parse(p, cleanText(sub), index, h); err != nil {
			h.Bad(index, sub, p.reason(err))
		}
		index++
	})
}

// reason is err in words that may be shown: errors quote what they found, and
// a misplaced value may be a secret.
func (p *parser) reason(err error) error {
	return errors.New(p.format.Name + ": " + p.redactor.text(err.Error()))
}

// newEvent starts an event of this parser's format.
func (p *parser) newEvent() *schemas.Event {
	ev := schemas.EventFromVTPool()
	ev.Format = p.format.Name
	return ev
}

// emit hands over an event whose fields are bounded.
func (p *parser) emit(h Handler, index int, ev *schemas.Event) {
	for _, field := range [...]*string{
		&ev.Id, &ev.Principal, &ev.PrincipalType, &ev.PrincipalIssuer, &ev.CredentialId, &ev.SessionId, &ev.Operation, &ev.Service,
		&ev.RequestId, &ev.Region, &ev.Account, &ev.TargetAccount,
	} {
		if len(*field) > maxAttributeValue {
			*field = clip(*field, maxAttributeValue)
		}
	}
	for i := range ev.Delegation {
		ev.Delegation[i] = clip(ev.Delegation[i], maxAttributeValue)
	}
	h.Event(index, ev)
}

// Bounds of what an event keeps beside its named fields.
const (
	maxAttributes     = 64
	maxAttributeName  = 128
	maxAttributeValue = 512
	maxResources      = 32
	maxGrantees       = 32
	maxMessage        = 1024
)

// attribute keeps one more thing that the source said, while there is room.
// The first maxAttributes in the order of the source are kept.
func attribute(ev *schemas.Event, name, value string) {
	if value == "" || value == "-" || len(ev.Attributes) >= maxAttributes {
		return
	}
	if ev.Attributes == nil {
		ev.Attributes = make(map[string]string, attributeHint(ev.Format))
	}
	name = clip(name, maxAttributeName)
	if _, ok := ev.Attributes[name]; !ok {
		ev.Attributes[name] = clip(value, maxAttributeValue)
	}
}

// attributeHint is how many attributes an event of a format usually has.
func attributeHint(format string) int {
	switch format {
	case "nginx":
		return 8
	case "kong":
		return 24
	default:
		return 16
	}
}

// attributes keeps the scalars below node n under dotted names.
func (d *document) attributes(ev *schemas.Event, n int, name string, skip func(name string) bool) {
	if n == none || len(ev.Attributes) >= maxAttributes {
		return
	}
	switch d.nodes[n].kind {
	case kindObject, kindArray:
		i := 0
		for c := d.first(n); c != none; c = d.after(n, c) {
			part := d.nodes[c].key
			if d.nodes[n].kind == kindArray {
				part = index(i)
				i++
			}
			if len(name)+len(part) > maxAttributeName {
				continue
			}
			d.attributes(ev, c, name+"."+part, skip)
		}
	case kindString, kindNumber, kindTrue, kindFalse:
		if skip == nil || !skip(name) {
			attribute(ev, name, d.nodes[n].str)
		}
	case kindNull:
	}
}

func index(i int) string {
	const small = "0123456789"
	if i < len(small) {
		return small[i : i+1]
	}
	return fmt.Sprint(i)
}

// addOnce appends v to list when it is not empty, not in it, and there is room.
func addOnce(list []string, v string, limit int) []string {
	if v == "" || len(list) >= limit {
		return list
	}
	for _, have := range list {
		if have == v {
			return list
		}
	}
	return append(list, v)
}

// httpOutcome sorts an HTTP status (RFC 9110).
func httpOutcome(status uint32) schemas.Outcome {
	switch {
	case status == 401 || status == 403:
		return schemas.Outcome_OUTCOME_DENIED
	case status >= 400:
		return schemas.Outcome_OUTCOME_ERROR
	case status > 0:
		return schemas.Outcome_OUTCOME_SUCCESS
	}
	return schemas.Outcome_OUTCOME_UNSPECIFIED
}
