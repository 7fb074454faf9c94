// Command report puts together what the fault scenarios recorded: a table for
// people and a JSON file for machines. It fails when a scenario or a mutation is
// missing, or anything was lost or duplicated. With -follow it says what is done
// while the scenarios run, until it is killed.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/lapwing-sec/lapwing/internal/faults"
)

func main() {
	dir := flag.String("dir", faults.Folder(), "folder of the rows that the tests recorded")
	out := flag.String("out", "", "file for the report as JSON")
	engines := flag.String("engines", faults.KFake+","+faults.ApacheKafka, "engines that every scenario must have run on; empty: a part is enough")
	follow := flag.Bool("follow", false, "say what is done as it comes, until killed")
	flag.Parse()
	if *follow {
		progress(*dir)
	}
	if err := run(*dir, *out, *engines); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// progress prints each scenario when its seeds have run. It never returns.
func progress(dir string) {
	began := time.Now()
	told := make(map[string]bool)
	for ; ; time.Sleep(time.Second) {
		r, err := faults.Collect(dir)
		if err != nil {
			continue // a row is being written
		}
		for _, row := range r.Scenarios {
			name := row.Scenario + " on " + row.Engine
			if row.Seeds == 0 || told[name] {
				continue
			}
			told[name] = true
			fmt.Printf("%s  %s: seeds %d, lost %d, duplicated %d\n", time.Since(began).Round(time.Second), name, row.Seeds, row.Lost, row.DuplicatedEffects)
		}
	}
}

func run(dir, out, engines string) error {
	r, err := faults.Collect(dir)
	if err != nil {
		return err
	}
	if err := r.Table(os.Stdout); err != nil {
		return err
	}
	if out != "" {
		if err := write(out, r); err != nil {
			return err
		}
	}
	if engines == "" {
		return nil
	}
	if missing := r.Missing(strings.Split(engines, ",")); len(missing) > 0 {
		return fmt.Errorf("the suite did not pass:\n  %s", strings.Join(missing, "\n  "))
	}
	return nil
}

func write(name string, r *faults.Report) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	if err := os.WriteFile(name, append(b, '\n'), 0o600); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}
