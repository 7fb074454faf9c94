package app

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/lapwing-sec/lapwing/detect"
	"github.com/lapwing-sec/lapwing/enrich"
	"github.com/lapwing-sec/lapwing/schemas"
)

// maxProfileLine bounds a line of an export.
const maxProfileLine = 4 << 20

// errEnough ends the reading of a file whose rest is of no interest.
var errEnough = errors.New("enough was read")

// profilesWrittenBy names what writes files of profiles.
const profilesWrittenBy = "as lapwing profile export and lapwing backtest --profiles-out write it"

// eachProfile hands the profiles of a file to fn, in the file's order, until fn fails.
// "-" is standard input. A view is fn's to keep.
func eachProfile(name string, stdin io.Reader, fn func(v *detect.ProfileView) error) error {
	src := stdin
	if name == stdinName {
		name = "stdin"
	} else {
		f, err := os.Open(name)
		if err != nil {
			return Usagef("%s: %w", name, cause(err))
		}
		defer f.Close() //nolint:errcheck // opened for reading
		src = f
	}
	in := bufio.NewScanner(src)
	in.Buffer(nil, maxProfileLine)
	line, found := 0, 0
	for in.Scan() {
		line++
		if len(bytes.TrimSpace(in.Bytes())) == 0 {
			continue
		}
		var v detect.ProfileView
		err := json.Unmarshal(in.Bytes(), &v)
		var misfit *json.UnmarshalTypeError
		if errors.As(err, &misfit) && misfit.Field != "" && v.Identity != "" {
			return Usagef("%s: line %d: %s: %s, want %s", name, line, misfit.Field, misfit.Value, misfit.Type)
		}
		if err != nil || v.Identity == "" {
			return Usagef("%s: line %d: no profile, %s", name, line, profilesWrittenBy)
		}
		if err := checkProfile(&v); err != nil {
			return Usagef("%s: line %d: %w", name, line, err)
		}
		found++
		switch err := fn(&v); {
		case errors.Is(err, errEnough):
			return nil
		case err != nil:
			return err
		}
	}
	switch err := in.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return Usagef("%s: line %d: longer than %d MB: no profile, %s", name, line+1, maxProfileLine>>20, profilesWrittenBy)
	case err != nil:
		return Usagef("%s: %w", name, cause(err))
	case found == 0:
		return Usagef("%s: no profile in it: want a file %s", name, profilesWrittenBy)
	}
	return nil
}

// orFile adds, where no Lapwing runs, that the command needs none with --file.
func orFile(err error) error {
	if none := (*notRunningError)(nil); errors.As(err, &none) {
		return fmt.Errorf("%w; or give --file, a file of profiles that lapwing backtest --profiles-out wrote", err)
	}
	return err
}

// loadProfiles gives the profiles of a file by identity, without their states.
func loadProfiles(name string, stdin io.Reader) (map[string]*detect.ProfileView, error) {
	out := map[string]*detect.ProfileView{}
	err := eachProfile(name, stdin, func(v *detect.ProfileView) error {
		v.State = nil
		out[v.Identity] = v
		return nil
	})
	return out, err
}

// declaredIn are the identities of the inventory file that the configuration names,
// by id; none where it names none.
func declaredIn(cfg *Config) (map[string]knownIdentity, error) {
	out := map[string]knownIdentity{}
	f := cfg.Inventory.file()
	if f.Path == "" {
		return out, nil
	}
	inv, err := f.Load()
	if err != nil {
		return nil, Usage(err)
	}
	for _, ident := range enrich.Merge(inv) {
		out[ident.ID] = knownIdentity{ident, true}
	}
	return out, nil
}

// identitiesOfFile gathers what a file of profiles and the inventory file know of
// identities, with no service.
func identitiesOfFile(cfg *Config, name string, stdin io.Reader) (map[string]knownIdentity, error) {
	all, err := declaredIn(cfg)
	if err != nil {
		return nil, err
	}
	return all, eachProfile(name, stdin, func(v *detect.ProfileView) error {
		k, declared := all[v.Identity]
		if !declared {
			k = knownIdentity{schemas.Identity{ID: v.Identity, Kind: v.Kind}, v.Managed}
		}
		k.FirstSeen, k.LastSeen = v.FirstSeen, v.LastSeen
		all[v.Identity] = k
		return nil
	})
}

// profileInFile finds the profile of an identity in a file, by its id, an alias of the
// inventory file, or the spelling in a log.
func profileInFile(cfg *Config, file, name string, stdin io.Reader) (v detect.ProfileView, err error) {
	declared, err := declaredIn(cfg)
	if err != nil {
		return v, err
	}
	id, _ := findIdentity(declared, name)
	have := map[string]knownIdentity{}
	err = eachProfile(file, stdin, func(x *detect.ProfileView) error {
		if x.Identity != id && x.Identity != name {
			have[x.Identity] = knownIdentity{}
			return nil
		}
		v = *x
		return errEnough
	})
	if err == nil && v.Identity == "" {
		err = Usagef("%s: %s in it, none of %q: %slapwing identity list --file %s shows whose they are", file, count(len(have), "profile"), id, similar(have, name), file)
	}
	return v, err
}

// exportFromFile hands the profiles of a file to fn, all or those of the identities
// that are named.
func exportFromFile(name string, stdin io.Reader, want map[string]bool, fn func(v *detect.ProfileView) error) error {
	seen := map[string]bool{}
	return eachProfile(name, stdin, func(v *detect.ProfileView) error {
		if len(want) > 0 && !want[v.Identity] {
			return nil
		}
		if err := fn(v); err != nil {
			return err
		}
		if seen[v.Identity] = true; len(want) > 0 && len(seen) == len(want) {
			return errEnough
		}
		return nil
	})
}

// namesOf lists values by name, as far as names are known, at most a few.
func namesOf(values []detect.Value) string {
	const few = 3
	var names []string
	for i := range values {
		if n := oneLine(values[i].Name); n != "" && len(names) < few {
			names = append(names, clipText(n, 60))
		}
	}
	if len(names) == 0 {
		return ""
	}
	slices.Sort(names)
	if len(names) < len(values) {
		names = append(names, "…")
	}
	return " (" + strings.Join(names, ", ") + ")"
}

// newValues gives what is in b and not in a.
func newValues(a, b *detect.SetView) (out []detect.Value) {
	if b == nil {
		return nil
	}
	for _, x := range b.Values {
		if a == nil || !slices.ContainsFunc(a.Values, func(y detect.Value) bool { return y.Fingerprint == x.Fingerprint }) {
			out = append(out, x)
		}
	}
	return out
}

// missingProfiles says which of the identities that were named have no profile.
func missingProfiles(want, got map[string]bool) error {
	var missing []string
	for _, id := range sortedNames(want) {
		if !got[id] {
			missing = append(missing, oneLine(id))
		}
	}
	if len(missing) == 0 {
		return nil
	}
	more := ""
	if n := len(missing) - maxSimilar; n > 0 {
		missing, more = missing[:maxSimilar], fmt.Sprintf(" and %d more", n)
	}
	return fmt.Errorf("no profile of %s%s", strings.Join(missing, ", "), more)
}
