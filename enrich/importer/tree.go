package importer

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"

	"github.com/lapwing-sec/lapwing/enrich"
)

// Bounds of a document, so that no file costs more than a multiple of its size.
const (
	maxDepth = 64
	maxNodes = 20_000_000
	// largestYAML bounds what is read as one YAML tree, some thirty times the
	// size of its file.
	largestYAML = 32 << 20
	// maxAliased bounds the values that the aliases of a YAML document stand for,
	// each as often as it is used.
	maxAliased = 200_000
)

type nodeKind uint8

const (
	kindNull nodeKind = iota
	kindText
	kindNumber
	kindBool
	kindList
	kindMap
)

// word names the kind in an error.
func (k nodeKind) word() string {
	switch k {
	case kindText:
		return "a text"
	case kindNumber:
		return "a number"
	case kindBool:
		return "true or false"
	case kindList:
		return "a list"
	case kindMap:
		return "an object"
	default:
		return "null"
	}
}

// node is a value of a JSON or YAML document with the place where it stands. A
// value that is not there is a null node with the path it would have.
type node struct {
	kind   nodeKind
	line   int
	parent *node
	name   string // of a member of a map, or of a value without a parent
	number int    // of an element of a list, from 1
	text   string // of a text, number or boolean, as written
	items  []*node
	keys   []string // of a map, in order; items holds the values
}

// get gives the member of a map by name; of a name that stands twice the first.
func (n *node) get(names ...string) *node {
	at := n
	for _, name := range names {
		next := &node{line: at.line, parent: at, name: name}
		if at.kind == kindMap {
			for i, k := range at.keys {
				if k == name {
					next = at.items[i]
					break
				}
			}
		}
		at = next
	}
	return at
}

func (n *node) has(name string) bool { return n.get(name).kind != kindNull }

// path says where a value stands, as in items[3].metadata.name, with long names
// clipped. It is made when an error needs it: a long name above thousands of
// values would otherwise be held thousands of times.
func (n *node) path() string {
	var steps []string
	for ; n != nil; n = n.parent {
		if n.number > 0 {
			steps = append(steps, "["+strconv.Itoa(n.number-1)+"]")
		} else if n.name != "" {
			steps = append(steps, shorten(n.name))
		}
	}
	var b strings.Builder
	for _, s := range slices.Backward(steps) {
		if b.Len() > 0 && s[0] != '[' {
			b.WriteByte('.')
		}
		b.WriteString(s)
	}
	return b.String()
}

// syntaxError is where a document stops being one.
type syntaxError struct {
	line int
	err  error
}

func (e *syntaxError) Error() string { return e.err.Error() }

func (e *syntaxError) Unwrap() error { return e.err }

// readJSON reads the JSON values of a file, one after the other: tools that
// page write several. What stands before a syntax error is returned with it.
func readJSON(data []byte) ([]*node, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	r := jsonReader{data: data, dec: json.NewDecoder(bytes.NewReader(data)), line: 1}
	r.dec.UseNumber()
	if !utf8.Valid(data) {
		return nil, &syntaxError{firstBadLine(data), errors.New("not UTF-8 text")}
	}
	var roots []*node
	for {
		root, err := r.value(&node{}, 0)
		if errors.Is(err, io.EOF) {
			return roots, nil
		}
		if err != nil {
			if errors.Is(err, io.ErrUnexpectedEOF) {
				err = errors.New("the file ends in the middle of a value")
			}
			return roots, &syntaxError{r.at(), fmt.Errorf("not valid JSON: %w", err)}
		}
		roots = appendRoot(roots, root)
	}
}

// appendRoot adds a value of a stream; the paths in all but the first one begin
// with its number.
func appendRoot(roots []*node, root *node) []*node {
	if len(roots) > 0 {
		root.number = len(roots) + 1
	}
	return append(roots, root)
}

func firstBadLine(data []byte) int {
	line := 1
	for text := range bytes.Lines(data) {
		if !utf8.Valid(text) {
			break
		}
		line++
	}
	return line
}

type jsonReader struct {
	data  []byte
	dec   *json.Decoder
	line  int // of seen
	seen  int
	nodes int
}

// at is the line that the decoder has come to.
func (r *jsonReader) at() int {
	to := min(int(r.dec.InputOffset()), len(r.data))
	if to > r.seen {
		r.line += bytes.Count(r.data[r.seen:to], []byte("\n"))
		r.seen = to
	}
	return r.line
}

// value reads a value into a node that knows its place.
func (r *jsonReader) value(n *node, depth int) (*node, error) {
	tok, err := r.dec.Token()
	if err != nil {
		return nil, err
	}
	if r.nodes++; r.nodes > maxNodes || depth > maxDepth {
		return nil, fmt.Errorf("more than %d values, or nested deeper than %d", maxNodes, maxDepth)
	}
	n.line = r.at()
	switch t := tok.(type) {
	case string:
		n.kind, n.text = kindText, t
	case json.Number:
		n.kind, n.text = kindNumber, t.String()
	case bool:
		n.kind, n.text = kindBool, strconv.FormatBool(t)
	case json.Delim:
		if t == '[' {
			return n, r.list(n, depth)
		}
		return n, r.object(n, depth)
	}
	return n, nil
}

func (r *jsonReader) list(n *node, depth int) error {
	n.kind = kindList
	for r.dec.More() {
		c, err := r.value(&node{parent: n, number: len(n.items) + 1}, depth+1)
		if err != nil {
			return noEOF(err)
		}
		n.items = append(n.items, c)
	}
	_, err := r.dec.Token()
	return noEOF(err)
}

func (r *jsonReader) object(n *node, depth int) error {
	n.kind = kindMap
	for r.dec.More() {
		key, err := r.dec.Token()
		if err != nil {
			return noEOF(err)
		}
		name, ok := key.(string)
		if !ok {
			return errors.New("an object needs texts as keys")
		}
		c, err := r.value(&node{parent: n, name: name}, depth+1)
		if err != nil {
			return noEOF(err)
		}
		n.keys, n.items = append(n.keys, name), append(n.items, c)
	}
	_, err := r.dec.Token()
	return noEOF(err)
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// readYAML reads the documents of a YAML file. JSON is YAML too.
func readYAML(data []byte) ([]*node, error) {
	if len(data) > largestYAML {
		return nil, &syntaxError{1, fmt.Errorf("%d bytes, at most %d of YAML in one file", len(data), largestYAML)}
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	y := yamlReader{}
	var roots []*node
	for {
		var doc yaml.Node
		err := dec.Decode(&doc)
		if errors.Is(err, io.EOF) {
			return roots, nil
		}
		if err != nil {
			return roots, yamlSyntax(err)
		}
		if len(doc.Content) == 0 {
			continue
		}
		if err := enrich.CheckAliases(&doc, maxAliased); err != nil {
			return roots, &syntaxError{doc.Content[0].Line, err}
		}
		root, err := y.value(doc.Content[0], &node{}, 0)
		if err != nil {
			return roots, &syntaxError{doc.Content[0].Line, err}
		}
		roots = appendRoot(roots, root)
	}
}

// yamlSyntax takes the line out of the library's message ("yaml: line 3: …").
func yamlSyntax(err error) error {
	line, text := 1, err.Error()
	var n int
	if _, scanErr := fmt.Sscanf(text, "yaml: line %d:", &n); scanErr == nil {
		line = n
	}
	return &syntaxError{line, fmt.Errorf("not valid YAML: %w", err)}
}

type yamlReader struct{ nodes int }

// value turns y into a node that knows its place.
func (r *yamlReader) value(y *yaml.Node, n *node, depth int) (*node, error) {
	for i := 0; y.Kind == yaml.AliasNode && y.Alias != nil && i < 8; i++ {
		y = y.Alias
	}
	// Anchors used again and again are counted each time, so they can't multiply
	// without end.
	if r.nodes++; r.nodes > maxNodes || depth > maxDepth {
		return nil, fmt.Errorf("more than %d values, or nested deeper than %d", maxNodes, maxDepth)
	}
	n.line = y.Line
	switch y.Kind {
	case yaml.SequenceNode:
		n.kind = kindList
		for i, c := range y.Content {
			child, err := r.value(c, &node{parent: n, number: i + 1}, depth+1)
			if err != nil {
				return nil, err
			}
			n.items = append(n.items, child)
		}
	case yaml.MappingNode:
		n.kind = kindMap
		for i := 0; i+1 < len(y.Content); i += 2 {
			name := y.Content[i].Value
			child, err := r.value(y.Content[i+1], &node{parent: n, name: name}, depth+1)
			if err != nil {
				return nil, err
			}
			n.keys, n.items = append(n.keys, name), append(n.items, child)
		}
	case yaml.ScalarNode:
		n.text = y.Value
		switch y.ShortTag() {
		case "!!null":
			n.text = ""
		case "!!int", "!!float":
			n.kind = kindNumber
		case "!!bool":
			n.kind = kindBool
		default:
			n.kind = kindText
		}
	default:
	}
	return n, nil
}
