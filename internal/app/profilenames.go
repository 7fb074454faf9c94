package app

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/lapwing-sec/lapwing/detect"
	"github.com/lapwing-sec/lapwing/schemas"
)

// maxProfileNames bounds the values that a backtest finds names for, at about 100
// bytes each; the others are written with their fingerprint alone.
const maxProfileNames = 2_000_000

// namedDimensions are those whose values a call has in one field. A profile keeps
// fingerprints; profileNamesSQL asks ClickHouse for the same.
var namedDimensions = []struct {
	name string
	of   func(ev *schemas.Event) string
}{
	{"operation", (*schemas.Event).GetOperation},
	{"refused operation", (*schemas.Event).GetOperation},
	{"service", (*schemas.Event).GetService},
	{"resource", firstResource},
	{"secret", firstResource},
	{"address", (*schemas.Event).GetSrcIp},
	{"prefix", (*schemas.Event).GetSrcPrefix},
	{"network class", (*schemas.Event).GetNetworkClass},
	{"country", (*schemas.Event).GetCountry},
	{"client", (*schemas.Event).GetClient},
	{"credential", (*schemas.Event).GetCredentialId},
	{"credential type", (*schemas.Event).GetCredentialType},
	{"account", func(ev *schemas.Event) string {
		if ev.TargetAccount != "" {
			return ev.TargetAccount
		}
		return ev.Account
	}},
	{"region", (*schemas.Event).GetRegion},
	{"host", (*schemas.Event).GetHost},
	{"environment", func(ev *schemas.Event) string { return ev.GetDeclared().GetTargetEnvironment() }},
	{"impersonated identity", (*schemas.Event).GetActingAs},
}

func firstResource(ev *schemas.Event) string {
	if len(ev.Resources) == 0 {
		return ""
	}
	return ev.Resources[0]
}

// profileNames finds the values of profiles in the events that they were learned
// from.
type profileNames struct {
	identities map[string]uint32
	dimensions map[string]uint8
	names      map[profileValue]string
	// left are values that nothing has named yet.
	left int
}

// profileValue is one value of one identity.
type profileValue struct {
	identity, fingerprint uint32
	dimension             uint8
}

func newProfileNames() *profileNames {
	n := &profileNames{identities: map[string]uint32{}, dimensions: map[string]uint8{}, names: map[profileValue]string{}}
	for i := range namedDimensions {
		n.dimensions[namedDimensions[i].name] = uint8(i) //nolint:gosec // a short table
	}
	return n
}

// want notes the values of a profile that a name is looked for.
func (n *profileNames) want(v *detect.ProfileView) {
	id := uint32(len(n.identities)) //nolint:gosec // below maxProfileNames
	n.identities[v.Identity] = id
	n.each(v, id, func(key profileValue, _ *detect.Value) {
		if len(n.names) < maxProfileNames {
			n.names[key] = ""
			n.left = len(n.names)
		}
	})
}

// see takes an event, whose texts it does not keep.
func (n *profileNames) see(ev *schemas.Event) {
	id, ok := n.identities[ev.IdentityId]
	if !ok || n.left == 0 {
		return
	}
	for d := range namedDimensions {
		value := namedDimensions[d].of(ev)
		if value == "" {
			continue
		}
		key := profileValue{id, detect.FingerprintOf(namedDimensions[d].name, value), uint8(d)} //nolint:gosec // a short table
		if name, wanted := n.names[key]; wanted && name == "" {
			n.names[key] = strings.Clone(value)
			n.left--
		}
	}
}

// name puts the names that were found into a profile.
func (n *profileNames) name(v *detect.ProfileView) {
	if id, ok := n.identities[v.Identity]; ok {
		n.each(v, id, func(key profileValue, x *detect.Value) {
			if name := n.names[key]; name != "" {
				x.Name = name
			}
		})
	}
}

func (n *profileNames) each(v *detect.ProfileView, id uint32, fn func(key profileValue, x *detect.Value)) {
	for i := range v.Sets {
		d, ok := n.dimensions[v.Sets[i].Dimension]
		for k := range v.Sets[i].Values {
			if x := &v.Sets[i].Values[k]; ok && x.Name == "" {
				fn(profileValue{id, x.Fingerprint, d}, x)
			}
		}
	}
}

// writeProfiles writes every profile of an engine as NDJSON, by identity, with the
// names of what the events hold, which each hands out.
func writeProfiles(path string, e *detect.Engine, each func(fn func(ev *schemas.Event) error) error) error {
	names := newProfileNames()
	err := e.Profiles(func(v *detect.ProfileView) error {
		names.want(v)
		return nil
	})
	if err != nil {
		return err
	}
	err = each(func(ev *schemas.Event) error {
		names.see(ev)
		return nil
	})
	if err != nil {
		return fmt.Errorf("names of values: %w", err)
	}
	return writeFile("--profiles-out", path, nil, func(w io.Writer) error {
		b := bufio.NewWriterSize(w, 1<<16)
		enc := newEncoder(b)
		err := e.Profiles(func(v *detect.ProfileView) error {
			names.name(v)
			v.State, _ = e.ProfileState(v.Identity)
			return enc.Encode(v)
		})
		if err != nil {
			return err
		}
		return b.Flush()
	})
}
