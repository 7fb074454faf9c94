package simulate

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/lapwing-sec/lapwing/enrich"
	"github.com/lapwing-sec/lapwing/ingest"
	"github.com/lapwing-sec/lapwing/schemas"
)

// collector takes what a parser finds in one record.
type collector struct {
	events []*schemas.Event
	bad    error
}

func (c *collector) Event(_ int, ev *schemas.Event) { c.events = append(c.events, ev) }
func (c *collector) Bad(_ int, _ []byte, err error) { c.bad = err }
func (c *collector) reset()                         { c.events, c.bad = c.events[:0], nil }
func reading(t testing.TB, f *Fleet, each func(Record, *schemas.Event)) {
	t.Helper()
	e, err := enrich.New(enrich.Config{}, prometheus.NewRegistry(), zerolog.Nop())
	require.NoError(t, err)
	// The inventory goes through its file's form and back.
	text, err := yaml.Marshal(f.Inventory())
	require.NoError(t, err)
	inv, err := enrich.ParseInventory("inventory.yaml", text)
	require.NoError(t, err)
	e.SetInventory(enrich.SourceFile, inv)
	parsers := make(map[string]ingest.Parser)
	for _, form := range []string{CloudTrail, Kong, NGINX} {
		parsers[form], err = ingest.New(form, ingest.Options{Hasher: ingest.NewHasher(bytes.Repeat([]byte{7}, 32))})
		require.NoError(t, err)
	}
	var c collector
	require.NoError(t, f.Records(func(r Record) error {
		c.reset()
		parsers[r.Format].Parse(r.Value, &c)
		if c.bad != nil || len(c.events) != 1 {
			return fmt.Errorf("%d events, %w: %s", len(c.events), c.bad, r.Value)
		}
		e.Enrich(c.events[0])
		each(r, c.events[0])
		return nil
	}))
}

func TestParsersAndInventoryAgreeWithTheSimulator(t *testing.T) {
	f := fleet(t, Config{Days: 10, LearnDays: 3})
	attacked, touched := make(map[string]string), make(map[string]bool)
	for _, l := range f.Labels() {
		switch l.Kind {
		case KindAttack:
			attacked[l.Identity] = l.Name
		case KindHard:
			touched[l.Identity] = true
		}
	}
	broken := make(map[string][]string) // violations by attack
	operations := make(map[string]map[string]int)
	wrong := 0
	reading(t, f, func(r Record, ev *schemas.Event) {
		if ev.Time != r.Time.UnixNano() {
			t.Fatalf("time %d, want %d", ev.Time, r.Time.UnixNano())
		}
		if !ev.Anonymous && ev.IdentityId != r.Key {
			t.Fatalf("identity %s, want %s", ev.IdentityId, r.Key)
		}
		if operations[r.Key] == nil {
			operations[r.Key] = make(map[string]int)
		}
		operations[r.Key][ev.Operation]++
		for _, v := range ev.GetDeclared().GetViolations() {
			name := attacked[r.Key]
			if name == "" && v.Detector != "stale-credential" {
				if wrong++; wrong < 20 {
					t.Errorf("clean traffic of %s breaks %s: %s, allowed %s (%s)", r.Key, v.Detector, v.Observed, v.Expected, ev.Operation)
				}
			}
			if !slices.Contains(broken[name], v.Detector) {
				broken[name] = append(broken[name], v.Detector)
			}
		}
	})
	for name, want := range map[string]string{
		"key-from-unapproved-country": "region-policy", "unapproved-cloud-region": "region-policy", "revoked-access-key": "dead-credential", "revoked-gateway-key-refused": "dead-credential",
		"expired-gateway-key": "dead-credential", "offboarded-integration": "dead-credential", "job-outside-its-window": "off-schedule", "call-out-of-scope": "scope-policy", "call-out-of-scope-refused": "scope-policy",
		"reader-writes-declared": "scope-policy", "staging-role-in-production": "cross-environment", "staging-consumer-in-production": "cross-environment",
	} {
		if got := slices.DeleteFunc(broken[name], func(s string) bool { return s == "stale-credential" }); !slices.Equal(got, []string{want}) {
			t.Errorf("%s breaks %v, want only %s", name, got, want)
		}
	}
	for who, ops := range operations {
		if len(ops) > 70 {
			t.Errorf("%s has %d operations", who, len(ops))
		}
	}
}

// TestLabelsTellTheTruth looks at the events of each attack as a reader of the
// log would: what the label calls visible must be there, and new.
func TestLabelsTellTheTruth(t *testing.T) {
	f := fleet(t, Config{Days: 16, LearnDays: 8, HardCases: Selection{None: true}})
	type past struct {
		prefixes, agents, operations, countries map[string]bool
		bytes                                   uint64
	}
	labels := make(map[string]*Label)
	all := f.Labels()
	for i := range all {
		if all[i].Kind == KindAttack {
			labels[all[i].Identity] = &all[i]
		}
	}
	before := make(map[string]*past)
	checked := make(map[string]int)
	news := make(map[string]bool) // attacks with an operation that is new
	big := make(map[string]uint64)
	reading(t, f, func(r Record, ev *schemas.Event) {
		l := labels[r.Key]
		if l == nil {
			return
		}
		p := before[r.Key]
		if p == nil {
			p = &past{prefixes: make(map[string]bool), agents: make(map[string]bool), operations: make(map[string]bool), countries: make(map[string]bool)}
			before[r.Key] = p
		}
		if _, ours := slices.BinarySearch(l.Times, r.Time.UnixMilli()); !ours {
			p.prefixes[ev.SrcPrefix], p.agents[ev.UserAgent], p.operations[ev.Operation], p.countries[ev.Country] = true, true, true, true
			p.bytes = max(p.bytes, ev.BytesOut)
			return
		}
		checked[l.Name]++
		if l.Refused && ev.Outcome != schemas.Outcome_OUTCOME_DENIED {
			t.Errorf("%s: refused, but %s was %s", l.Name, ev.Operation, ev.Outcome)
		}
		// Two places take turns: every other call is from home.
		if l.Network != "usual" && l.Name != "two-far-places" && p.prefixes[ev.SrcPrefix] {
			t.Errorf("%s: network %s, but it comes from %s as ever", l.Name, l.Network, ev.SrcPrefix)
		}
		if l.Client == "other" && p.agents[ev.UserAgent] {
			t.Errorf("%s: client %s is its own", l.Name, ev.UserAgent)
		}
		if l.Client == "own" && len(p.agents) > 0 && !p.agents[ev.UserAgent] {
			t.Errorf("%s: client %s is not its own, which are %v", l.Name, ev.UserAgent, p.agents)
		}
		if l.Case == 16 && l.Name != "two-far-places" && p.countries[ev.Country] {
			t.Errorf("%s: it was in %s before", l.Name, ev.Country)
		}
		if !p.operations[ev.Operation] {
			news[l.Name] = true
		}
		if l.Case == 24 {
			big[l.Name] = max(big[l.Name], ev.BytesOut/max(1, p.bytes))
		}
	})
	require.Greater(t, len(checked), 40)
	for _, l := range labels {
		if l.Case == 13 && !news[l.Name] {
			t.Errorf("%s: no operation of it is new to %s", l.Name, l.Identity)
		}
		if l.Case == 24 && big[l.Name] < 20 {
			t.Errorf("%s: largest answer is %d times what was seen", l.Name, big[l.Name])
		}
	}
}
