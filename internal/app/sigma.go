package app

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lapwing-sec/lapwing/detect/sigma"
)

// Bounds of what is read as rules.
const (
	maxRuleFiles = 50_000
	maxRuleFile  = 8 << 20
)

// testSuffixes end the names of files that hold tests of rules, beside them.
var testSuffixes = []string{".test.yaml", ".test.yml"}

func isRuleTest(name string) bool {
	return slices.ContainsFunc(testSuffixes, func(s string) bool { return strings.HasSuffix(name, s) })
}

// loadSigma reads and compiles the rules of the configuration; nil for none.
func loadSigma(cfg *Config) (*sigma.Set, error) {
	if len(cfg.Detect.Sigma) == 0 {
		return nil, nil // no rules are no set
	}
	rules, _, err := readRules(cfg.Detect.Sigma)
	if err != nil {
		return nil, fmt.Errorf("detect.sigma: %w", err)
	}
	set, err := sigma.Load(rules)
	if err != nil {
		return nil, fmt.Errorf("detect.sigma:\n%w\nsee: lapwing rules test %s", err, strings.Join(cfg.Detect.Sigma, " "))
	}
	return set, nil
}

// readRules reads files, and all *.yml and *.yaml below directories: rules, and
// the tests beside them.
func readRules(paths []string) (rules, tests []sigma.File, err error) {
	seen := map[string]bool{}
	add := func(name string) error {
		if name = filepath.Clean(name); seen[name] {
			return nil
		}
		seen[name] = true
		if len(seen) > maxRuleFiles {
			return fmt.Errorf("more than %d files of rules", maxRuleFiles)
		}
		st, err := os.Stat(name)
		if err != nil {
			return fmt.Errorf("%s: %w", name, cause(err))
		}
		if st.Size() > maxRuleFile {
			return fmt.Errorf("%s: %s: want %s at most", name, fileSize(st.Size()), fileSize(maxRuleFile))
		}
		data, err := os.ReadFile(name) //nolint:gosec // named by the operator
		if err != nil {
			return fmt.Errorf("%s: %w", name, cause(err))
		}
		if f := (sigma.File{Name: name, Data: data}); isRuleTest(name) {
			tests = append(tests, f)
		} else {
			rules = append(rules, f)
		}
		return nil
	}
	var errs []error
	for _, p := range paths {
		st, err := os.Stat(p)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("%s: %w", p, cause(err)))
		case !st.IsDir():
			errs = append(errs, add(p))
			for _, s := range testSuffixes {
				beside := strings.TrimSuffix(p, filepath.Ext(p)) + s
				if st, err := os.Stat(beside); err == nil && st.Mode().IsRegular() && !isRuleTest(p) {
					errs = append(errs, add(beside))
				}
			}
		default:
			errs = append(errs, filepath.WalkDir(p, func(name string, d fs.DirEntry, err error) error {
				if err != nil {
					return err
				}
				if strings.HasPrefix(d.Name(), ".") && name != p {
					if d.IsDir() {
						return filepath.SkipDir
					}
					return nil
				}
				if ext := filepath.Ext(name); d.IsDir() || ext != ".yml" && ext != ".yaml" {
					return nil
				}
				return add(name)
			}))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, nil, err
	}
	if len(rules) == 0 {
		return nil, nil, fmt.Errorf("no rules in %s: want files *.yml or *.yaml", strings.Join(paths, ", "))
	}
	return rules, tests, nil
}
