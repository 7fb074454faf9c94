package enrich

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/lapwing-sec/lapwing/internal/safefile"
	"github.com/lapwing-sec/lapwing/schemas"
)

// largestWhole bounds the files that the YAML library reads as one tree, which
// takes some thirty times the file's size.
const largestWhole = 32 << 20

// pieces reads a large inventory one identity at a time, so that a million of
// them need neither the time nor the memory of one YAML tree. The text is cut
// where a line begins an entry of "identities:" or another top-level key. That
// is safe: whatever spans such a line (a quoted text, a flow list) leaves a
// piece that is not valid by itself. Each piece is then read by the plain
// reader below or, where that does not know the notation, by the YAML library.
//
// An entry of more than maxEntryBytes is refused: the library takes some thirty
// times its size.
//
// It returns false, having changed nothing, when the text must be read as a
// whole: an anchor used across identities, several documents, a syntax error.
func (d *decoder) pieces(data []byte) bool {
	d.allow(len(data))
	p := pieceReader{d: d, text: bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")), line: 1}
	if sameLines(p.text) && p.run() {
		return true
	}
	d.restart()
	return false
}

// maxEntryBytes bounds the text of one identity in a file that is read piece by
// piece.
const maxEntryBytes = 4 << 20

// readBlock is how much of a large file is read at once.
const readBlock = 1 << 20

// large reads a file of more than largestWhole bytes while it decodes it, so
// that the file itself takes no memory.
func (d *decoder) large(path string) (err error) {
	f, _, err := safefile.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	p := pieceReader{
		d: d, line: 1, stream: true, block: readBlock, src: io.LimitReader(f, MaxInventoryBytes+1),
		count: func(mark []byte) (int, error) { return countInFile(path, mark) },
	}
	p.more()
	p.text = bytes.TrimPrefix(p.text, []byte("\xef\xbb\xbf"))
	ok := p.run()
	if p.failure != nil {
		return p.failure
	}
	if !ok {
		d.restart()
		d.problems.add(1, "%s", tooLargeForWhole)
	}
	return nil
}

// tooLargeForWhole is said of a large file that can't be read piece by piece.
var tooLargeForWhole = fmt.Sprintf("a file of more than %d MiB needs \"identities:\" at the top level with one entry after the other, valid YAML (not JSON) and no anchor that is used across entries", largestWhole>>20)

// countInFile counts a mark of a few bytes in a file.
func countInFile(path string, mark []byte) (n int, err error) {
	f, _, err := safefile.Open(path)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	buf, kept := make([]byte, readBlock+len(mark)), 0
	for {
		m, err := f.Read(buf[kept:])
		text := buf[:kept+m]
		n += bytes.Count(text, mark)
		if errors.Is(err, io.EOF) {
			return n, nil
		}
		if err != nil {
			return 0, err
		}
		// Too short to hold the mark, but perhaps its beginning.
		kept = copy(buf, text[max(0, len(text)-len(mark)+1):])
	}
}

// sameLines reports whether YAML sees the same lines as we do, and no byte that
// it refuses: it also ends lines at a lone CR, NEL, LS and PS.
func sameLines(text []byte) bool {
	if !utf8.Valid(text) || bytes.Count(text, []byte("\r")) != bytes.Count(text, []byte("\r\n")) {
		return false
	}
	for _, odd := range []string{"\u0085", "\u2028", "\u2029", "\ufeff"} {
		if bytes.Contains(text, []byte(odd)) {
			return false
		}
	}
	for _, c := range text {
		if (c < ' ' && c != '\n' && c != '\r' && c != '\t') || c == 0x7f {
			return false
		}
	}
	return true
}

type pieceReader struct {
	d    *decoder
	text []byte // what is left, or of a file what of it was read so far
	line int    // of the beginning of text
	seen []string
	fast plainReader

	// Of a file that is read while it is decoded: where it comes from, nil once
	// it has ended; how much is read at once; how often a mark stands in all of
	// it; and what went wrong.
	src     io.Reader
	block   int
	count   func(mark []byte) (int, error)
	buf     []byte
	most    int // bytes of the piece
	stream  bool
	odd     bool // lines that YAML sees otherwise
	failure error
}

// more reads another block behind what is left. What was cut from text before
// is overwritten. It returns false at the end.
func (p *pieceReader) more() bool {
	if p.src == nil {
		return false
	}
	left := len(p.text)
	if left > p.most+p.block {
		p.src, p.failure = nil, fmt.Errorf("%s:%d: %w", p.d.problems.file, p.line, errLongPiece(p.most))
		return false
	}
	if cap(p.buf) < left+p.block {
		p.buf = make([]byte, 0, 2*left+p.block)
	}
	buf := p.buf[:left+p.block]
	copy(buf, p.text)
	n, err := io.ReadFull(p.src, buf[left:])
	if err != nil {
		p.src = nil
		if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			p.failure = err
		}
	}
	p.text = buf[:left+n]
	return n > 0
}

func errLongPiece(most int) error { return fmt.Errorf("an entry of more than %d MiB", most>>20) }

// end is where the line that begins at at ends, its newline included.
func (p *pieceReader) end(at int) int {
	for from := at; ; {
		if i := bytes.IndexByte(p.text[from:], '\n'); i >= 0 {
			return from + i + 1
		}
		if from = len(p.text); !p.more() {
			return from
		}
	}
}

// peek gives the first line of what is left, without its end; it is not valid
// once more was read.
func (p *pieceReader) peek() []byte { return bytes.TrimSuffix(p.text[:p.end(0)], []byte("\n")) }

// empty reports whether nothing is left.
func (p *pieceReader) empty() bool { return len(p.text) == 0 && !p.more() }

// extent gives the size of a piece in bytes and lines: the first line, and all
// up to one that stop holds for.
func (p *pieceReader) extent(stop func(line []byte) bool) (size, lines int) {
	for end := p.end(0); ; {
		size, lines = end, lines+1
		if size == len(p.text) && !p.more() {
			return size, lines
		}
		end = p.end(size)
		if stop(bytes.TrimSuffix(p.text[size:end], []byte("\n"))) {
			return size, lines
		}
	}
}

// take cuts a piece off.
func (p *pieceReader) take(size, lines int) (piece []byte, first int) {
	piece, first = p.text[:size], p.line
	p.text, p.line = p.text[size:], p.line+lines
	if p.stream && !sameLines(piece) {
		p.odd = true
	}
	return piece, first
}

func (p *pieceReader) skip() { p.take(p.end(0), 1) }

func (p *pieceReader) run() bool {
	p.most = largestWhole
	for !p.empty() {
		body := bytes.TrimRight(p.peek(), " \r")
		if len(bytes.TrimLeft(body, " ")) == 0 || bytes.TrimLeft(body, " ")[0] == '#' {
			p.skip()
			continue
		}
		key, value, ok := bytes.Cut(body, []byte(":"))
		if !ok || !slices.Contains(inventoryKeys, string(key)) || slices.Contains(p.seen, string(key)) {
			return false
		}
		p.seen = append(p.seen, string(key))
		plain := len(value) == 0 || (value[0] == ' ' && bytes.HasPrefix(bytes.TrimLeft(value, " "), []byte("#")))
		if string(key) == "identities" && plain {
			p.skip()
			if !p.identities() {
				return false
			}
			continue
		}
		if !p.section(string(key)) {
			return false
		}
	}
	return len(p.seen) > 0 && !p.odd && p.failure == nil
}

// top reports whether a line begins something at the top level.
func top(line []byte) bool {
	return len(line) > 0 && line[0] != ' ' && line[0] != '#' && line[0] != '\r'
}

// section reads another top-level key with all that belongs to it.
func (p *pieceReader) section(key string) bool {
	piece, first := p.take(p.extent(func(line []byte) bool {
		return top(line) && line[0] != '-' && line[0] != ']' && line[0] != '}'
	}))
	if len(piece) > largestWhole {
		return false
	}
	root, ok := p.parse(piece, first)
	if p.d.spent != nil {
		return true
	}
	if !ok || root.Kind != yaml.MappingNode || len(root.Content) != 2 || root.Content[0].Value != key {
		return false
	}
	v := follow(root.Content[1])
	switch {
	case isNull(v):
	case key == "identities":
		p.d.inventory(root)
	default:
		p.d.section(key, v)
	}
	return true
}

// identities reads the entries of the list, up to the next top-level key.
func (p *pieceReader) identities() bool {
	p.most = maxEntryBytes
	defer func() { p.most = largestWhole }()
	indent := -1
	for !p.empty() {
		line := p.peek()
		at := len(line) - len(bytes.TrimLeft(line, " "))
		body := bytes.TrimRight(line[at:], " \r")
		if len(body) == 0 || body[0] == '#' {
			p.skip()
			continue
		}
		if body[0] != '-' || (len(body) > 1 && body[1] != ' ') {
			return at == 0 // the next key, or something unexpected
		}
		if indent < 0 {
			indent = at
			if !p.reserve(indent) {
				return false
			}
		}
		if at != indent || !p.identity(indent) {
			return false
		}
	}
	return true
}

// reserve makes room for all identities at once: growing step by step would
// need twice their memory.
func (p *pieceReader) reserve(indent int) bool {
	mark := append(bytes.Repeat([]byte(" "), indent+1), '-', ' ')
	mark[0] = '\n'
	n := 0
	if p.count == nil {
		n = bytes.Count(p.text, mark)
	} else if n, p.failure = p.count(mark); p.failure != nil {
		return false
	}
	n = min(n+1, MaxIdentities)
	p.d.inv.Identities = make([]schemas.Identity, 0, n)
	p.d.idLines = make([]int32, 0, n)
	return true
}

func (p *pieceReader) identity(indent int) bool {
	piece, first := p.take(p.extent(func(line []byte) bool {
		at := len(line) - len(bytes.TrimLeft(line, " "))
		body := line[at:]
		return at <= indent && len(body) > 0 && body[0] != '#' && body[0] != '\r'
	}))
	if len(p.d.inv.Identities) == MaxIdentities {
		p.d.problems.add(first, "identities: too many entries, at most %d", MaxIdentities)
		return true
	}
	if p.d.spent != nil {
		return true
	}
	if len(piece) > maxEntryBytes {
		p.d.problems.add(first, "%w", errLongPiece(maxEntryBytes))
		return true
	}
	node, ok := p.fast.read(piece, first)
	if !ok {
		root, parsed := p.parse(piece, first)
		if p.d.spent != nil {
			return true
		}
		if !parsed || root.Kind != yaml.SequenceNode || len(root.Content) != 1 {
			return false
		}
		node = follow(root.Content[0])
	}
	p.d.entries++
	p.d.identity(node)
	return true
}

// parse reads a piece with the YAML library; first is its line in the file. What
// the aliases of all pieces stand for is bounded together.
func (p *pieceReader) parse(piece []byte, first int) (*yaml.Node, bool) {
	dec := yaml.NewDecoder(bytes.NewReader(piece))
	var doc, next yaml.Node
	if dec.Decode(&doc) != nil || len(doc.Content) != 1 || dec.Decode(&next) == nil {
		return nil, false
	}
	p.d.aliased(&doc)
	moveLines(&doc, first-1)
	return doc.Content[0], true
}

func moveLines(n *yaml.Node, by int) {
	n.Line += by
	for _, c := range n.Content {
		moveLines(c, by)
	}
}
