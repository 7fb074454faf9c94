package enrich

import (
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxAliased bounds the values that the aliases of an inventory stand for, each
// as often as it is used: enough for a policy of 40 entries that 100,000
// identities share, and far from what a few kilobytes of aliases of aliases
// amount to.
const maxAliased = 4_000_000

// maxRepeated bounds the text that aliases repeat, beyond the size of the file
// itself: a value of 4 KB costs its alias three bytes.
const maxRepeated = 16 << 20

// maxLooked bounds the text that is looked at, beyond twice the size of the file
// (an escape may be shorter than what it stands for): a policy that 100,000
// identities share has some 80 MiB.
const maxLooked = 256 << 20

// aliased adds up what the aliases of a file's parts stand for. Too much ends
// the reading.
func (d *decoder) aliased(root *yaml.Node) {
	a := aliasCount{size: map[*yaml.Node]int{}, most: maxAliased, total: d.aliasTotal}
	a.of(root)
	if d.aliasTotal = a.total; a.total > maxAliased {
		d.spent = errAliased(maxAliased)
	}
}

// clone copies a text of the file, unless its aliases repeat too much of it,
// which ends the reading.
func (d *decoder) clone(s string) string {
	if d.room -= len(s); d.room < 0 {
		d.spent = errRepeated
		return ""
	}
	return strings.Clone(s)
}

// look counts a text as looked at.
func (d *decoder) look(s string) {
	if d.toLook -= len(s); d.toLook < 0 {
		d.spent = errRepeated
	}
}

// allow sets what reading a file of that size may take.
func (d *decoder) allow(size int) { d.room, d.toLook = size+maxRepeated, 2*size+maxLooked }

var errRepeated = errors.New("its aliases (*name) repeat too much text: write less of it by reference")

func errAliased(most int) error {
	return fmt.Errorf("its aliases (*name) stand for more than %d values: write less of it by reference", most)
}

// CheckAliases refuses a YAML document whose aliases stand for more than most
// values, each as often as it is used; one that stands within itself always
// does. It looks at each node once.
func CheckAliases(root *yaml.Node, most int) error {
	a := aliasCount{size: map[*yaml.Node]int{}, most: most}
	if a.of(root); a.total > most {
		return errAliased(most)
	}
	return nil
}

// aliasCount adds up what aliases stand for, looking at each node once.
type aliasCount struct {
	size  map[*yaml.Node]int // of what an anchor names, aliases expanded
	total int
	most  int
}

// of gives the number of values of n, aliases expanded, up to just beyond the bound.
func (a *aliasCount) of(n *yaml.Node) int {
	if n.Kind == yaml.AliasNode {
		size, ok := a.size[n.Alias]
		if !ok {
			size = a.most + 1 // it stands within itself
		}
		a.total = min(a.total+size, a.most+1)
		return size
	}
	size := 1
	for _, c := range n.Content {
		size = min(size+a.of(c), a.most+1)
	}
	if n.Anchor != "" {
		a.size[n] = size
	}
	return size
}
