package enrich

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"go.yaml.in/yaml/v3"

	"github.com/lapwing-sec/lapwing/schemas"
)

// WriteInventory writes an inventory as the YAML file that LoadInventory reads:
// what states nothing is left out, and one entry stands after the other, so that
// a large file is read as fast as it can be.
func WriteInventory(w io.Writer, inv *schemas.Inventory) error {
	b := bufio.NewWriter(w)
	if len(inv.Identities) == 0 {
		fmt.Fprintln(b, "identities: []")
	} else {
		fmt.Fprintln(b, "identities:")
	}
	for i := range inv.Identities {
		if err := writeEntry(b, &inv.Identities[i]); err != nil {
			return fmt.Errorf("identity %s: %w", inv.Identities[i].ID, err)
		}
	}
	for i := range inv.Policies {
		if i == 0 {
			fmt.Fprintln(b, "policies:")
		}
		if err := writeEntry(b, &inv.Policies[i]); err != nil {
			return fmt.Errorf("policies, entry %d: %w", i+1, err)
		}
	}
	for i := range inv.Networks {
		if i == 0 {
			fmt.Fprintln(b, "networks:")
		}
		if err := writeEntry(b, &inv.Networks[i]); err != nil {
			return fmt.Errorf("network %s: %w", inv.Networks[i].CIDR, err)
		}
	}
	for i := range inv.Targets {
		if i == 0 {
			fmt.Fprintln(b, "targets:")
		}
		if err := writeEntry(b, &inv.Targets[i]); err != nil {
			return fmt.Errorf("target %s%s%s: %w", inv.Targets[i].Account, inv.Targets[i].Host, inv.Targets[i].Resource, err)
		}
	}
	for i := range inv.Watch {
		if i == 0 {
			fmt.Fprintln(b, "watch:")
		}
		if err := writeEntry(b, &inv.Watch[i]); err != nil {
			return fmt.Errorf("watch, entry %d: %w", i+1, err)
		}
	}
	return b.Flush()
}

// writeEntry writes a value as one entry of a list. The JSON form knows what is
// empty and keeps the order of the keys.
func writeEntry(w io.Writer, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return err
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(data, &doc); err != nil {
		return err
	}
	entry := doc.Content[0]
	plainStyle(entry, 0)
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	if err := enc.Encode([]*yaml.Node{entry}); err != nil {
		return err
	}
	if err := enc.Close(); err != nil {
		return err
	}
	for line := range bytes.Lines(out.Bytes()) {
		if _, err := fmt.Fprintf(w, "  %s", line); err != nil {
			return err
		}
	}
	return nil
}

// plainStyle takes the quotes of JSON away where YAML needs none, and sets
// small things deep down in one line.
func plainStyle(n *yaml.Node, depth int) {
	n.Style = 0
	if depth > 1 && n.Kind != yaml.ScalarNode {
		n.Style = yaml.FlowStyle
	}
	for _, c := range n.Content {
		plainStyle(c, depth+1)
	}
}
