package app

import "github.com/lapwing-sec/lapwing/detect"

// engineConfig is what decides verdicts, from the configuration.
func engineConfig(cfg *Config, n int) detect.Config {
	return detect.Config{
		Tenant: cfg.Tenant, Cell: n, Cells: cfg.Detect.Cells,
		FalseAlertsPerDay: cfg.Detect.FalseAlertsPerDay, Disabled: cfg.Detect.Disabled,
		ProductVersion: version,
	}
}
