// Command report puts together what the fault scenarios recorded: a table for
// people and a JSON file for machines. It fails when a scenario or a mutation is
// missing, or anything was lost or duplicated.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/lapwing-sec/lapwing/internal/faults"
)

func main() {
	dir := flag.String("dir", faults.Folder(), "folder of the rows that the tests recorded")
	out := flag.String("out", "", "file for the report as JSON")
	engines := flag.String("engines", faults.KFake+","+faults.ApacheKafka, "engines that every scenario must have run on; empty: a part is enough")
	flag.Parse()
	if err := run(*dir, *out, *engines); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
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
