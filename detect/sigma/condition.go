package sigma

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// nodeOp is what a node of a compiled condition does.
type nodeOp uint8

const (
	nodeAnd nodeOp = iota
	nodeOr
	nodeNot
	nodeItem
)

// node is a compiled condition. A conjunction of nothing holds, a disjunction
// of nothing does not.
type node struct {
	op   nodeOp
	kids []*node
	item *item
}

func join(op nodeOp, kids []*node) *node {
	if len(kids) == 1 {
		return kids[0]
	}
	return &node{op: op, kids: kids}
}

// condition parses a condition over named selections: "or" binds least, then
// "and", "not", "x of"; parentheses bind most.
type condition struct {
	words []string
	pos   int
	depth int
	// selections by name, and their names in order of the rule.
	selections map[string]*node
	names      []string
	used       map[string]bool
}

// words cuts a condition into parentheses and words.
func conditionWords(s string) []string {
	s = strings.NewReplacer("(", " ( ", ")", " ) ", "|", " | ").Replace(s)
	return strings.Fields(s)
}

func parseCondition(text string, selections map[string]*node, names []string, used map[string]bool) (*node, error) {
	c := &condition{words: conditionWords(text), selections: selections, names: names, used: used}
	if len(c.words) == 0 {
		return nil, fmt.Errorf("the condition is empty: want an expression such as %q", "selection and not filter")
	}
	if len(c.words) > maxValues {
		return nil, fmt.Errorf("a condition of %d words: want %d at most", len(c.words), maxValues)
	}
	n, err := c.or()
	if err != nil {
		return nil, err
	}
	switch w := c.peek(); w {
	case "":
		return n, nil
	case "|":
		return nil, fmt.Errorf("the aggregation %q is of Sigma 1: write a correlation rule instead (type event_count or value_count)", strings.Join(c.words[c.pos:], " "))
	case ")":
		return nil, fmt.Errorf("a closing parenthesis without an opening one in %q", text)
	default:
		return nil, fmt.Errorf("%q where and, or or the end belongs in %q", w, text)
	}
}

func (c *condition) peek() string {
	if c.pos < len(c.words) {
		return c.words[c.pos]
	}
	return ""
}

func (c *condition) accept(word string) bool {
	if strings.EqualFold(c.peek(), word) && c.peek() != "" {
		c.pos++
		return true
	}
	return false
}

func (c *condition) or() (*node, error) { return c.chain("or", nodeOr, c.and) }

func (c *condition) and() (*node, error) { return c.chain("and", nodeAnd, c.not) }

func (c *condition) chain(word string, op nodeOp, next func() (*node, error)) (*node, error) {
	first, err := next()
	if err != nil {
		return nil, err
	}
	kids := []*node{first}
	for c.accept(word) {
		n, err := next()
		if err != nil {
			return nil, err
		}
		kids = append(kids, n)
	}
	return join(op, kids), nil
}

func (c *condition) not() (*node, error) {
	if !c.accept("not") {
		return c.primary()
	}
	if c.depth++; c.depth > maxDepth {
		return nil, fmt.Errorf("nested deeper than %d", maxDepth)
	}
	n, err := c.not()
	c.depth--
	if err != nil {
		return nil, err
	}
	return &node{op: nodeNot, kids: []*node{n}}, nil
}

func (c *condition) primary() (*node, error) {
	word := c.peek()
	if word == "" {
		return nil, errors.New("the condition ends where a selection belongs")
	}
	c.pos++
	switch lower := strings.ToLower(word); {
	case word == "(":
		if c.depth++; c.depth > maxDepth {
			return nil, fmt.Errorf("nested deeper than %d", maxDepth)
		}
		n, err := c.or()
		c.depth--
		if err != nil {
			return nil, err
		}
		if !c.accept(")") {
			return nil, errors.New("a parenthesis is not closed")
		}
		return n, nil
	case word == ")" || word == "|" || lower == "and" || lower == "or" || lower == "of":
		return nil, fmt.Errorf("%q where a selection belongs", word)
	case strings.EqualFold(c.peek(), "of") && c.selections[word] == nil:
		return c.of(lower)
	}
	n := c.selections[word]
	if n == nil {
		return nil, fmt.Errorf("no selection %q; there are %s", word, strings.Join(c.names, ", "))
	}
	c.used[word] = true
	return n, nil
}

// of reads "1 of selection*", "all of them".
func (c *condition) of(count string) (*node, error) {
	op := nodeOr
	switch count {
	case "1", "any":
	case "all":
		op = nodeAnd
	default:
		return nil, fmt.Errorf("%q of: want 1 or all", count)
	}
	c.pos++
	which := c.peek()
	if which == "" || which == "(" || which == ")" {
		return nil, fmt.Errorf("%s of: want them, or a pattern such as selection*", count)
	}
	c.pos++
	var kids []*node
	p := parsePattern(which)
	for _, name := range c.names {
		hidden := strings.HasPrefix(name, "_")
		if strings.EqualFold(which, "them") && hidden || !strings.EqualFold(which, "them") && (!p.match(name) || hidden && !strings.HasPrefix(which, "_")) {
			continue
		}
		kids = append(kids, c.selections[name])
		c.used[name] = true
	}
	if len(kids) == 0 {
		return nil, fmt.Errorf("%s of %s: no selection is named so; there are %s", count, which, strings.Join(c.names, ", "))
	}
	return join(op, kids), nil
}

// unused lists the selections that no condition names.
func unused(names []string, used map[string]bool) []string {
	return slices.DeleteFunc(slices.Clone(names), func(n string) bool { return used[n] || strings.HasPrefix(n, "_") })
}
