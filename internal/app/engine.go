package app

import (
	"github.com/lapwing-sec/lapwing/detect"
	"github.com/lapwing-sec/lapwing/detect/sigma"
)

// engineConfig is what decides verdicts, from the configuration and the rules
// that were loaded for it.
func engineConfig(cfg *Config, rules *sigma.Set, n int) detect.Config {
	return detect.Config{
		Tenant: cfg.Tenant, Cell: n, Cells: cfg.Detect.Cells,
		FalseAlertsPerDay: cfg.Budget.FalseAlertsPerDay, Disabled: cfg.Detect.Disabled,
		Sigma: rules, ProductVersion: version,
	}
}
