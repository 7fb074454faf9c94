package main

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/lapwing-sec/lapwing/internal/app"
)

func newAPI(g *global) *cobra.Command {
	c := &cobra.Command{
		Use:   "api",
		Short: "List the endpoints that are called, and those no document describes",
		Example: example(`
			lapwing api list --shadow
			lapwing api list --api api.example.com --json`),
		GroupID: groupInvestigate,
		Args:    noArgs,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newAPIList(g))
	return c
}

func newAPIList(g *global) *cobra.Command {
	o := app.APIListOptions{}
	var asJSON bool
	c := &cobra.Command{
		Use:   "list",
		Short: "List endpoints with first and last call, volume and callers",
		Long: `List shows every endpoint that answered a call: since when it is called, how often,
by how many identities. With OpenAPI documents under "apis" in the configuration it
says which endpoints they describe; --shadow keeps those that they do not.`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := g.load()
			if err != nil {
				return err
			}
			if asJSON {
				o.Output = app.OutJSON
			}
			return app.APIList(c.Context(), cfg, o, g.io)
		},
	}
	c.Flags().BoolVar(&o.Shadow, "shadow", false, "only those that the API's document does not have")
	c.Flags().StringVar(&o.API, "api", "", "only those of this `host` or service")
	c.Flags().IntVar(&o.Top, "top", 500, "at most so many, the busiest first")
	c.Flags().StringVarP(&o.Output, "output", "o", app.OutTable, strings.Join(app.OutFormats(), ", "))
	wideFlag(c, &o.Wide)
	c.Flags().BoolVar(&asJSON, "json", false, "the same as --output json")
	return c
}
