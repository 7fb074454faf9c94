package app

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/lapwing-sec/lapwing/enrich"
	"github.com/lapwing-sec/lapwing/enrich/importer"
	"github.com/lapwing-sec/lapwing/schemas"
)

// IdentityImportOptions configures IdentityImport.
type IdentityImportOptions struct {
	// From is the kind of the files, a name of ImportKinds; empty: inventory
	// files.
	From string
	// Map is the file of a CSV map, for inventory files that end in .csv.
	Map string
	// Cluster and Mount say what an export does not.
	Cluster, Mount string
	// Out writes an inventory file instead of Kafka.
	Out string
	// Yes applies without asking; DryRun never applies.
	Yes, DryRun bool
	// Prune removes what an earlier import of the same kind declared and these
	// files don't hold.
	Prune bool
	JSON  bool
}

// ImportKind is a kind of export that can be imported.
type ImportKind struct{ Name, Title, Command string }

// ImportKinds lists the kinds of exports.
func ImportKinds() []ImportKind {
	var out []ImportKind
	for _, k := range importer.Kinds() {
		out = append(out, ImportKind{k.Name, k.Title, k.Command})
	}
	return out
}

// imported is what the files of one import hold together.
type imported struct {
	byID            map[string]schemas.Identity
	records, broken int
	// failed: a file, or a part of one, could not be read.
	failed bool
}

// IdentityImport declares the identities of files in lapwing.identities, or in
// an inventory file, after showing what would change.
func IdentityImport(ctx context.Context, cfg Config, o IdentityImportOptions, files []string, std IO) error {
	if o.Yes && o.DryRun {
		return Usagef("--yes and --dry-run contradict each other: give one of them")
	}
	got, err := readImports(&cfg, o, files, std)
	if err != nil {
		return err
	}
	if got.broken > 0 {
		fmt.Fprintf(std.Err, "%s of %d left out\n", count(got.broken, "record"), got.records)
	}
	if len(got.byID) == 0 && (got.broken > 0 || got.failed) {
		fmt.Fprintln(std.Err, "nothing to import")
		return errReported
	}
	var to target
	if o.Out != "" {
		to, err = openFileTarget(o.Out)
	} else {
		to, err = openTopicTarget(ctx, &cfg)
	}
	if err != nil {
		return err
	}
	defer to.close()
	return importInto(ctx, to, &cfg, o, got, std)
}

func importInto(ctx context.Context, to target, cfg *Config, o IdentityImportOptions, got *imported, std IO) error {
	before, after := to.declared(), got.byID
	if o.From != "" {
		after = maps.Clone(after)
		for id, it := range after {
			if old, ok := before[id]; ok {
				after[id] = overlay(&old, &it)
			}
		}
	}
	scope := importScope(o)
	prune := o.Prune
	if prune && (got.broken > 0 || got.failed) {
		fmt.Fprintln(std.Err, "nothing is removed: what could not be read may be what is declared")
		prune = false
	}
	accounts := awsAccounts(got.byID)
	changes, unchanged, err := diffIdentities(before, after, func(id string) bool {
		return prune && (o.Out != "" || to.importedBy(id) == scope) && ofAccounts(id, accounts)
	})
	if err != nil {
		return err
	}
	if err := showDiff(std, changes, o.JSON); err != nil {
		return err
	}
	n := map[string]int{}
	for i := range changes {
		n[changes[i].Change]++
	}
	fmt.Fprintf(std.Err, "%d added, %d changed, %d removed, %d unchanged in %s\n", n[changeAdded], n[changeChanged], n[changeRemoved], unchanged, to.name())
	if len(changes) == 0 {
		return nil
	}
	if o.Out == "" {
		noteFile(cfg, changes, std)
	}
	switch {
	case o.DryRun:
		fmt.Fprintln(std.Err, "dry run: nothing was declared")
		return nil
	case o.Yes, o.Out != "" && len(before) == 0:
	case !interactive(std):
		fmt.Fprintln(std.Err, "dry run: nothing was declared, since nobody can be asked here; --yes applies it")
		return nil
	case !confirm(std, "Declare this?"):
		fmt.Fprintln(std.Err, "nothing was declared")
		return nil
	}
	if err := to.apply(ctx, scope, changes); err != nil {
		return err
	}
	fmt.Fprintf(std.Err, "%s written to %s\n", count(len(changes), "change"), to.name())
	return nil
}

func showDiff(std IO, changes []identityChange, asJSON bool) error {
	w := bufio.NewWriter(std.Out)
	if asJSON {
		enc := newEncoder(w)
		for i := range changes {
			if err := enc.Encode(&changes[i]); err != nil {
				return err
			}
		}
	} else if err := writeDiff(w, changes); err != nil {
		return err
	}
	return w.Flush()
}

// noteFile says that the inventory file has the last word.
func noteFile(cfg *Config, changes []identityChange, std IO) {
	file := cfg.Inventory.file()
	if file.Path == "" {
		return
	}
	inv, err := file.Load()
	if err != nil {
		return // `lapwing check` and run say what is wrong with it
	}
	in := map[string]bool{}
	for i := range inv.Identities {
		in[enrich.Canonical(inv.Identities[i].ID)] = true
	}
	n := 0
	for i := range changes {
		if in[changes[i].ID] {
			n++
		}
	}
	if n > 0 {
		fmt.Fprintf(std.Err, "%s of these also in %s, which wins field by field\n", count(n, "identity"), file.Path)
	}
}

// importScope names an import, so that a later one knows what this one declared.
func importScope(o IdentityImportOptions) string {
	scope := o.From
	if scope == "" {
		scope = "inventory"
	}
	for _, part := range []string{o.Cluster, o.Mount} {
		if part != "" {
			scope += " " + part
		}
	}
	return scope
}

// awsAccounts lists the AWS accounts of identities: a credential report is of
// one account, and says nothing of the others.
func awsAccounts(byID map[string]schemas.Identity) map[string]bool {
	out := map[string]bool{}
	for id := range byID {
		if rest, ok := strings.CutPrefix(id, "aws:"); ok {
			account, _, _ := strings.Cut(rest, ":")
			out[account] = true
		}
	}
	return out
}

func ofAccounts(id string, accounts map[string]bool) bool {
	rest, ok := strings.CutPrefix(id, "aws:")
	account, _, _ := strings.Cut(rest, ":")
	return !ok || accounts[account]
}

// interactive reports whether a person sits there who can be asked.
func interactive(std IO) bool {
	in, ok := std.In.(*os.File)
	return ok && terminal(in) && terminal(std.Err)
}

func confirm(std IO, question string) bool {
	fmt.Fprintf(std.Err, "%s [y/N] ", question)
	line, err := bufio.NewReader(std.In).ReadString('\n')
	if err != nil {
		return false
	}
	return slices.Contains([]string{"y", "yes"}, strings.ToLower(strings.TrimSpace(line)))
}

// readImports reads the files. What is wrong with an export is said, and what is
// good in it is kept; an inventory file is all or nothing, but for CSV rows.
func readImports(cfg *Config, o IdentityImportOptions, files []string, std IO) (*imported, error) {
	if err := checkImport(o, files); err != nil {
		return nil, err
	}
	opts := importer.Options{Cluster: o.Cluster, Mount: o.Mount}
	var csvMap *enrich.CSVMap
	var err error
	if o.Map != "" {
		if csvMap, err = enrich.LoadCSVMap(o.Map); err != nil {
			return nil, Usage(err)
		}
	}
	if opts.Hash, err = importHash(cfg); err != nil {
		return nil, err
	}
	got := &imported{byID: map[string]schemas.Identity{}}
	var refused []error
	for _, f := range files {
		data, err := enrich.ReadImport(f)
		if err != nil {
			fmt.Fprintf(std.Err, "%s: %s\n", oneLine(f), oneLine(rootCause(err)))
			got.failed = true
			continue
		}
		var ids []schemas.Identity
		var problem error
		switch {
		case o.From != "":
			res, err := importer.Read(o.From, f, data, opts)
			if err != nil {
				return nil, Usage(err)
			}
			ids, problem = res.Identities, res.Err()
			got.records, got.broken = got.records+res.Records, got.broken+res.Broken
		case strings.EqualFold(filepath.Ext(f), ".csv"):
			res := enrich.ImportCSV(f, data, csvMap)
			ids, problem = res.Identities, res.Err
			got.records, got.broken = got.records+res.Records, got.broken+res.Broken
		default:
			inv, err := enrich.ParseInventory(f, data)
			if err != nil {
				refused = append(refused, err)
				continue
			}
			if besideIdentities(inv) {
				fmt.Fprintf(std.Err, "%s: policies, networks, targets and watch are taken from inventory.file only; its identities are imported\n", oneLine(f))
			}
			ids = inv.Identities
			got.records += len(ids)
		}
		if problem != nil {
			for line := range strings.SplitSeq(problem.Error(), "\n") {
				fmt.Fprintln(std.Err, oneLine(line))
			}
			got.failed = true
		}
		for i := range ids {
			id := enrich.Canonical(ids[i].ID)
			if have, ok := got.byID[id]; ok {
				got.byID[id] = overlay(&have, &ids[i])
				continue
			}
			got.byID[id] = ids[i]
		}
	}
	return got, Usage(errors.Join(refused...))
}

// besideIdentities reports whether an inventory holds what can't be declared in
// the topic.
func besideIdentities(inv *schemas.Inventory) bool {
	return len(inv.Policies) > 0 || len(inv.Networks) > 0 || len(inv.Targets) > 0 || len(inv.Watch) > 0
}

func checkImport(o IdentityImportOptions, files []string) error {
	if o.From != "" && !slices.Contains(importer.Names(), o.From) {
		return Usagef("--from %q: want %s", o.From, oneOf(importer.Names()))
	}
	if o.Prune && o.Out != "" && o.From != "" {
		return Usagef("--prune with --out: a file does not say what an earlier import declared in it; import into Kafka, or remove by hand")
	}
	if o.Map != "" && o.From != "" {
		return Usagef("--map is for inventory files in CSV; the columns of --from %s are known", o.From)
	}
	for _, f := range files {
		if o.Map != "" && !strings.EqualFold(filepath.Ext(f), ".csv") {
			return Usagef("%s: --map is for files whose name ends in .csv", f)
		}
	}
	if o.Out != "" && !slices.Contains([]string{".yaml", ".yml"}, strings.ToLower(filepath.Ext(o.Out))) {
		return Usagef("--out %s: want a name that ends in .yaml", o.Out)
	}
	return nil
}

// importHash gives the hash under which the parsers show secrets: under the
// configured key, or that of `lapwing up`; nil when there is none.
func importHash(cfg *Config) (func(string) string, error) {
	if cfg.Secrets.HMACKey == "" {
		if _, err := os.Stat(filepath.Join(cfg.DataDir, hmacFile)); err != nil {
			return nil, nil // no data directory, no key: what needs one says so
		}
		key, err := ensureHMACKey(cfg.DataDir)
		if err != nil {
			return nil, err
		}
		s := cfg.Secrets
		s.HMACKey = key
		return s.newHasher().Hash, nil
	}
	return cfg.Secrets.newHasher().Hash, nil
}
