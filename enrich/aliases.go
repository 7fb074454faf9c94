package enrich

import (
	"fmt"

	"go.yaml.in/yaml/v3"
)

// maxAliased bounds the values that the aliases of an inventory stand for, each
// as often as it is used: enough for a policy of 40 entries that 100,000
// identities share, and far from what a few kilobytes of aliases of aliases
// amount to.
const maxAliased = 4_000_000

// aliased refuses a document whose aliases stand for too much.
func aliased(root *yaml.Node) error { return CheckAliases(root, maxAliased) }

// CheckAliases refuses a YAML document whose aliases stand for more than most
// values, each as often as it is used; one that stands within itself always
// does. It looks at each node once.
func CheckAliases(root *yaml.Node, most int) error {
	a := aliasCount{size: map[*yaml.Node]int{}, most: most}
	if a.of(root); a.total > most {
		return fmt.Errorf("its aliases (*name) stand for more than %d values: write less of it by reference", most)
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
