package main

import (
	"github.com/spf13/cobra"

	"github.com/lapwing-sec/lapwing/internal/app"
)

func newIdentity(g *global) *cobra.Command {
	c := &cobra.Command{
		Use:   "identity",
		Short: "List, show and declare identities",
		Example: example(`
			lapwing identity list --unmanaged
			lapwing identity show aws:123456789012:role/ci-deploy
			lapwing identity import inventory.yaml`),
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
		Args:  noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := g.load()
			if err != nil {
				return err
			}
			return app.IdentityList(c.Context(), cfg, o, g.io)
		},
	}
	c.Flags().BoolVar(&o.Unmanaged, "unmanaged", false, "only those in no inventory")
	c.Flags().StringVar(&o.Owner, "owner", "", "only those of this owner")
	c.Flags().StringVar(&o.Team, "team", "", "only those of this team")
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
	c.Flags().BoolVar(&o.JSON, "json", false, "print one JSON object")
	return c
}

func newIdentityImport(g *global) *cobra.Command {
	return &cobra.Command{
		Use:   "import FILE...",
		Short: "Declare the identities of inventory files (YAML, JSON, CSV) in Kafka",
		Args:  needArgs(1, "a FILE"),
		RunE: func(c *cobra.Command, args []string) error {
			cfg, err := g.load()
			if err != nil {
				return err
			}
			return app.IdentityImport(c.Context(), cfg, args, g.io)
		},
	}
}
