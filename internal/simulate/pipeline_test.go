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
