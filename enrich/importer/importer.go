// Package importer reads what other systems export of their machine identities
// and states it as inventory: one system a file, listed in one table (Kinds).
// Importers do no I/O and read no clock. A record that can't be read is named
// and left out; it never keeps a good one from being imported.
package importer

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lapwing-sec/lapwing/enrich"
	"github.com/lapwing-sec/lapwing/schemas"
)

// Kind is a system whose exports can be read.
type Kind struct {
	// Name is what the command line calls it.
	Name string
	// Title says in words what is read.
	Title string
	// Command makes the file.
	Command string
	// NeedsCluster: the export does not say which cluster it is of.
	NeedsCluster bool
	read         func(r *reader, data []byte)
}

// Kinds is the table of importers.
func Kinds() []Kind {
	return []Kind{
		awsCredentialReport,
		kubernetesServiceAccounts,
		githubInstallations,
		oktaApps,
		entraApps,
		vaultRoles,
		spiffeEntries,
		kongConsumers,
	}
}

// Options say what a file does not.
type Options struct {
	// Cluster names the Kubernetes or Kong cluster that the file is of.
	Cluster string
	// Mount is the path of a Vault auth method, when it is not the usual one.
	Mount string
	// Hash gives the keyed hash under which events show a secret. It may be
	// nil when no file holds secrets.
	Hash func(secret string) string
}

// Result is what one file holds.
type Result struct {
	Identities []schemas.Identity
	// Records counts the records of the file. Each was imported (perhaps into
	// one identity with others) or is counted in Broken.
	Records, Broken int
	// Problems name what is wrong, with file, line, path and key. The first 50
	// are spelled out.
	Problems []error
}

// Err joins the problems; nil when there are none.
func (r *Result) Err() error { return errors.Join(r.Problems...) }

const maxReported = 50

// Read reads one export; file is its name in errors and, for Vault, may be the
// name of the role. It returns an error for options that don't fit only: what is
// wrong with the file is in the Result. The Result keeps no secret and no
// reference to data.
func Read(kind, file string, data []byte, o Options) (Result, error) {
	i := slices.IndexFunc(Kinds(), func(k Kind) bool { return k.Name == kind })
	if i < 0 {
		return Result{}, fmt.Errorf("unknown kind %q: want %s", kind, strings.Join(Names(), ", "))
	}
	k := Kinds()[i]
	if k.NeedsCluster && o.Cluster == "" {
		return Result{}, fmt.Errorf("%s: the file does not say which cluster it is of: give --cluster NAME, the name that your logs use", kind)
	}
	if err := enrich.CheckText(o.Cluster + o.Mount); err != nil {
		return Result{}, fmt.Errorf("--cluster, --mount: %w", err)
	}
	r := reader{file: file, o: o, byID: map[string]int{}, names: map[string]claim{}, refs: map[string]claim{}}
	if len(data) > enrich.MaxInventoryBytes {
		r.problem(1, "", fmt.Errorf("%d bytes, at most %d", len(data), enrich.MaxInventoryBytes))
	} else {
		k.read(&r, data)
	}
	if r.more > 0 {
		r.out.Problems = append(r.out.Problems, fmt.Errorf("%s: and %d more problems", file, r.more))
	}
	if len(r.out.Problems) == 0 && r.out.Records == 0 {
		r.out.Problems = append(r.out.Problems, fmt.Errorf("%s: no record in it; it is made with: %s", file, k.Command))
	}
	return r.out, nil
}

// Names lists the kinds by name.
func Names() []string {
	var out []string
	for _, k := range Kinds() {
		out = append(out, k.Name)
	}
	return out
}
