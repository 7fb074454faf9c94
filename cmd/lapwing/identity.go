package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lapwing-sec/lapwing/internal/app"
)

func newIdentity(g *global) *cobra.Command {
	c := &cobra.Command{
		Use:        "identity",
		SuggestFor: []string{"inventory", "identities", "nhi"},
		Short:      "List, show and declare identities",
		Example: example(`
			lapwing identity list --unmanaged
			lapwing identity show aws:123456789012:role/ci-deploy
			lapwing identity import inventory.yaml
			lapwing identity import --from kubernetes --cluster prod-eu sa.json`),
		GroupID: groupInvestigate,
		Args:    noArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newIdentityList(g), newIdentityShow(g), newIdentityImport(g))
	return c
}

func newIdentityList(g *global) *cobra.Command {
	var o app.IdentityListOptions
	c := &cobra.Command{
		Use:   "list",
		Short: "List every identity that is declared or was seen",
		Long: `List asks the running Lapwing which identities are declared or were seen. With
--file it needs no service: it takes those seen from a file of profiles, which
"backtest --profiles-out" or "profile export" wrote, and those declared from
--inventory.`,
		Example: example(`
			lapwing identity list --unmanaged
			lapwing identity list --team payments --json | jq -r .id
			lapwing backtest --profiles-out profiles.ndjson logs/*.gz
			lapwing identity list --file profiles.ndjson --inventory inventory.yaml`),
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := g.load()
			if err != nil {
				return err
			}
			return app.IdentityList(c.Context(), cfg, o, g.io)
		},
	}
	profileFileFlag(c, &o.File)
	c.Flags().StringVar(&o.Inventory, "inventory", "", "inventory `file` that declares them, beside what was declared in Kafka")
	c.Flags().BoolVar(&o.Unmanaged, "unmanaged", false, "only those in no inventory")
	c.Flags().StringVar(&o.Owner, "owner", "", "only those of this owner")
	c.Flags().StringVar(&o.Team, "team", "", "only those of this team")
	wideFlag(c, &o.Wide)
	c.Flags().BoolVar(&o.JSON, "json", false, "print NDJSON")
	return c
}

func newIdentityShow(g *global) *cobra.Command {
	var o app.IdentityShowOptions
	c := &cobra.Command{
		Use:   "show ID",
		Short: "Tell all that is known of one identity",
		Long: `Show tells what is declared of an identity (owner, policies, credentials, what
breaks without it) and what was seen of it: first and last call, credentials,
operations and endpoints, networks, alerts.`,
		Args: exactArgs(1, "an ID, an alias, or a spelling from a log"),
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := g.load()
			if err != nil {
				return err
			}
			return app.IdentityShow(c.Context(), cfg, args[0], o, g.io)
		},
	}
	c.Flags().IntVar(&o.Top, "top", 10, "rows of each section")
	wideFlag(c, &o.Wide)
	c.Flags().BoolVar(&o.JSON, "json", false, "print one JSON object")
	return c
}

func newIdentityImport(g *global) *cobra.Command {
	var o app.IdentityImportOptions
	var kinds strings.Builder
	for _, k := range app.ImportKinds() {
		fmt.Fprintf(&kinds, "  %-22s %s\n    %s\n", k.Name, k.Title, k.Command)
	}
	c := &cobra.Command{
		Use:   "import FILE...",
		Short: "Declare the identities of inventory files, or of what other systems export",
		Long: `Declares identities in Kafka (lapwing.identities), where every process picks them
up. First it shows what would be added and changed (old -> new), then it asks;
--yes does not ask. Where nobody can be asked, nothing is declared without --yes.

Without --from the files are inventory files: YAML, JSON, or CSV, whose columns
--map can name. They replace what the topic says of an identity. With --from they
are what a system exports: what an export is silent about stays as it is. What
inventory.file and PUT /identities state wins over both.

A broken record is named and left out; it never replaces a good one. The command
fails only if no record was good. An inventory file in YAML is all or nothing.

Kinds for --from, and what makes the file:
` + kinds.String(),
		Example: example(`
			lapwing identity import inventory.yaml
			lapwing identity import --map cmdb-map.yaml cmdb.csv
			kubectl get sa -A -o json > sa.json && lapwing identity import --from kubernetes --cluster prod-eu sa.json
			lapwing identity import --from kong --dry-run --json kong.yaml | jq .id
			lapwing identity import --from okta-apps --out inventory.yaml apps.json`),
		Args: needArgs(1, "a FILE"),
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := g.load()
			if err != nil {
				return err
			}
			return app.IdentityImport(c.Context(), cfg, o, args, g.io)
		},
	}
	f := c.Flags()
	f.StringVar(&o.From, "from", "", "`kind` of the files (see above); without it they are inventory files")
	f.StringVar(&o.Map, "map", "", "`file` that maps the columns of a CSV file (docs/inventory.md)")
	f.StringVar(&o.Cluster, "cluster", "", "`name` of the Kubernetes or Kong cluster that the files are of")
	f.StringVar(&o.Mount, "mount", "", "`path` of the Vault auth method, when it is not the usual one")
	f.StringVar(&o.Out, "out", "", "write an inventory `file` (.yaml) instead of Kafka; one that is there is completed")
	f.BoolVar(&o.Yes, "yes", false, "apply without asking")
	f.BoolVar(&o.DryRun, "dry-run", false, "only show what would change")
	f.BoolVar(&o.Prune, "prune", false, "remove what an earlier import of this kind declared and these files don't hold")
	f.BoolVar(&o.JSON, "json", false, "print the changes as NDJSON")
	return c
}
