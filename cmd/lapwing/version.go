package main

import (
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/lapwing-sec/lapwing/internal/app"
)

func newVersion(g *global) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:     "version",
		Short:   "Say which build this is",
		GroupID: groupOperate,
		Args:    noArgs,
		RunE: func(*cobra.Command, []string) error {
			v := app.BuildVersion()
			if asJSON {
				return json.NewEncoder(g.io.Out).Encode(v)
			}
			_, err := fmt.Fprintf(g.io.Out, "lapwing %s %s %s\n", v.Version, v.Go, v.Platform)
			return err
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}
