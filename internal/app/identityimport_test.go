package app

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/enrich"
	"github.com/lapwing-sec/lapwing/internal/embedded"
	"github.com/lapwing-sec/lapwing/internal/kafka"
	"github.com/lapwing-sec/lapwing/internal/stream"
	"github.com/lapwing-sec/lapwing/schemas"
)

// withBroker gives a configuration and a client on an embedded broker that has
// our topics.
func withBroker(t *testing.T) (Config, *kafka.Client) {
	t.Helper()
	broker, err := embedded.StartBroker(t.Context(), embedded.BrokerConfig{Dir: t.TempDir(), Log: zerolog.Nop()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, broker.Close()) })
	cfg := Defaults()
	cfg.DataDir = t.TempDir()
	cfg.Kafka.Brokers = []string{broker.Addr()}
	kc, err := kafka.Connect(t.Context(), kafka.Config{Brokers: cfg.Kafka.Brokers, Prefix: "lapwing."}, prometheus.NewRegistry(), zerolog.Nop())
	require.NoError(t, err)
	t.Cleanup(kc.Close)
	require.NoError(t, kc.EnsureTopics(t.Context(), kafka.Topics("lapwing.", 1, nil)))
	return cfg, kc
}

func fileOf(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

// imports runs one import and gives what it said.
func imports(t *testing.T, cfg Config, o IdentityImportOptions, files ...string) (out, said string, err error) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	err = IdentityImport(t.Context(), cfg, o, files, IO{In: strings.NewReader(""), Out: &stdout, Err: &stderr})
	return stdout.String(), stderr.String(), err
}

func TestImportShowsADiffAndAppliesWhenTold(t *testing.T) {
	cfg, kc := withBroker(t)
	declared := func() map[string]schemas.Identity {
		state, err := scanIdentities(t.Context(), kc)
		require.NoError(t, err)
		return state.declared
	}
	first := fileOf(t, "inventory.yaml", `identities:
  - {id: k8s:prod/a/one, owner: alice, criticality: high, credentials: [{ref: r1, rotate_every: 90d}]}
  - {id: kong:consumer/x}
`)
	out, said, err := imports(t, cfg, IdentityImportOptions{}, first)
	require.NoError(t, err)
	require.Equal(t, "+ k8s:prod/a/one\n    credentials[r1].ref           r1\n    credentials[r1].rotate_every  90d\n    criticality                   high\n    owner                         alice\n+ kong:consumer/x\n", out)
	require.Contains(t, said, "2 added, 0 changed, 0 removed, 0 unchanged in lapwing.identities")
	require.Contains(t, said, "dry run: nothing was declared, since nobody can be asked here; --yes applies it")
	require.Empty(t, declared())

	_, said, err = imports(t, cfg, IdentityImportOptions{Yes: true}, first)
	require.NoError(t, err)
	require.Contains(t, said, "2 changes written to lapwing.identities")
	require.Len(t, declared(), 2)

	// An export completes: what it is silent about stays.
	export := fileOf(t, "sa.json", `{"items":[
		{"metadata":{"name":"one","namespace":"a","labels":{"team":"core"},"annotations":{"owner":"bob"}}},
		{"metadata":{"name":"two","namespace":"a"}},
		{"metadata":{"name":"three"}}]}`)
	o := IdentityImportOptions{From: "kubernetes", Cluster: "prod", JSON: true, DryRun: true}
	out, said, err = imports(t, cfg, o, export)
	require.NoError(t, err)
	require.Contains(t, said, "items[2].metadata.namespace: is missing")
	require.Contains(t, said, "1 record of 3 left out")
	require.Contains(t, said, "dry run: nothing was declared\n")
	lines := strings.Split(strings.TrimSpace(out), "\n")
	require.Len(t, lines, 2)
	require.Contains(t, lines[0], `{"change":"changed","id":"k8s:prod/a/one","fields":[`)
	require.Contains(t, lines[0], `{"field":"owner","old":"alice","new":"bob"}`)
	require.Contains(t, lines[0], `{"field":"team","new":"core"}`)
	require.NotContains(t, lines[0], "criticality")
	require.Len(t, declared(), 2)
	o.DryRun, o.Yes = false, true
	_, _, err = imports(t, cfg, o, export)
	require.NoError(t, err)
	one := declared()["k8s:prod/a/one"]
	require.Equal(t, "high", one.Criticality)
	require.Equal(t, "r1", one.Credentials[0].Ref)
	_, said, err = imports(t, cfg, o, export)
	require.NoError(t, err)
	require.Contains(t, said, "0 added, 0 changed, 0 removed, 2 unchanged")

	// Pruning takes away what this kind declared, and nothing else.
	o.Prune = true
	_, said, err = imports(t, cfg, o, export)
	require.NoError(t, err)
	require.Contains(t, said, "nothing is removed: what could not be read may be what is declared")
	fewer := fileOf(t, "fewer.json", `{"items":[{"metadata":{"name":"one","namespace":"a"}}]}`)
	out, _, err = imports(t, cfg, o, fewer)
	require.NoError(t, err)
	require.Contains(t, out, `{"change":"removed","id":"k8s:prod/a/two"}`)
	require.Len(t, declared(), 2)
	require.Contains(t, declared(), "kong:consumer/x")
}

func TestImportFailsOnlyWhenNothingWasGood(t *testing.T) {
	cfg, kc := withBroker(t)
	good := fileOf(t, "good.json", `{"entries":[{"spiffe_id":"spiffe://example.org/a"}]}`)
	bad := fileOf(t, "bad.json", `{"entries":[{"spiffe_id":"x"}]}`)
	o := IdentityImportOptions{From: "spiffe", Yes: true}
	_, said, err := imports(t, cfg, o, bad, filepath.Join(t.TempDir(), "none.json"))
	require.ErrorIs(t, err, errReported)
	require.Contains(t, said, `bad.json:1: entries[0].spiffe_id: "x": want a SPIFFE ID`)
	require.Contains(t, said, "none.json: no such file")
	require.Contains(t, said, "nothing to import")
	_, _, err = imports(t, cfg, o, bad, good)
	require.NoError(t, err)
	state, err := scanIdentities(t.Context(), kc)
	require.NoError(t, err)
	require.Len(t, state.declared, 1)

	csv := fileOf(t, "some.csv", "id,kind\nkong:consumer/a,integration\nkong:consumer/b,robot\n")
	_, said, err = imports(t, cfg, IdentityImportOptions{Yes: true}, csv)
	require.NoError(t, err)
	require.Contains(t, said, `some.csv:3: kind: unknown value "robot"`)
	require.Contains(t, said, "1 record of 2 left out")
}

func TestImportUsage(t *testing.T) {
	yamlFile, csvFile := fileOf(t, "i.yaml", "identities: [{id: a:b, knd: x}]"), fileOf(t, "i.csv", "A\nx\n")
	badMap := fileOf(t, "map.yaml", "columns: {A: ower}\n")
	for _, c := range []struct {
		name  string
		o     IdentityImportOptions
		files []string
		want  string
	}{
		{"an unknown kind", IdentityImportOptions{From: "ldap"}, []string{yamlFile}, `--from "ldap": want one of aws-credential-report`},
		{"a cluster that is missing", IdentityImportOptions{From: "kubernetes"}, []string{yamlFile}, "give --cluster NAME"},
		{"an inventory file that is wrong", IdentityImportOptions{}, []string{yamlFile}, `i.yaml:1: unknown key "knd"`},
		{"a map of an unknown key", IdentityImportOptions{Map: badMap}, []string{csvFile}, `map.yaml:1: columns: unknown key "ower"`},
		{"a map for another kind of file", IdentityImportOptions{Map: badMap}, []string{yamlFile}, "--map is for files whose name ends in .csv"},
		{"a map beside a kind", IdentityImportOptions{Map: badMap, From: "kong"}, []string{csvFile}, "--map is for inventory files in CSV"},
		{"yes and no", IdentityImportOptions{Yes: true, DryRun: true}, []string{yamlFile}, "contradict each other"},
		{"an output that is no YAML", IdentityImportOptions{Out: "x.csv"}, []string{csvFile}, "ends in .yaml"},
		{"pruning a file by an export", IdentityImportOptions{Out: "x.yaml", From: "kong", Prune: true}, []string{yamlFile}, "--prune with --out"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := imports(t, Defaults(), c.o, c.files...)
			require.ErrorContains(t, err, c.want)
			var usage *UsageError
			require.ErrorAs(t, err, &usage)
		})
	}
}

func TestImportWritesAnInventoryFile(t *testing.T) {
	out := filepath.Join(t.TempDir(), "inventory.yaml")
	export := fileOf(t, "apps.json", `[{"id":"0oa1","label":"Sync","credentials":{"oauthClient":{"client_id":"0oa1"}}}]`)
	cfg := Defaults()
	cfg.DataDir = t.TempDir()
	_, said, err := imports(t, cfg, IdentityImportOptions{From: "okta-apps", Out: out}, export)
	require.NoError(t, err, "a new file needs no consent")
	require.Contains(t, said, "1 change written to "+out)
	require.NoError(t, os.WriteFile(out, []byte("identities:\n  - {id: okta:app/0oa1, team: hr}\n  - {id: a:b}\nnetworks: [{cidr: 10.0.0.0/8, name: vpn}]\nwatch: [{address: 203.0.113.9, reason: seen}]\n"), 0o600))
	require.NoError(t, os.Chmod(out, 0o644)) //nolint:gosec // as a daemon of another user needs it
	_, said, err = imports(t, cfg, IdentityImportOptions{From: "okta-apps", Out: out}, export)
	require.NoError(t, err)
	require.Contains(t, said, "nobody can be asked here")
	_, _, err = imports(t, cfg, IdentityImportOptions{From: "okta-apps", Out: out, Yes: true}, export)
	require.NoError(t, err)
	inv, err := enrich.LoadInventory(out)
	require.NoError(t, err)
	require.Len(t, inv.Identities, 2)
	require.Equal(t, "hr", inv.Identities[0].Team)
	require.Equal(t, "Sync", inv.Identities[0].Name)
	require.Equal(t, "vpn", inv.Networks[0].Name, "what is no identity stays")
	require.Equal(t, []schemas.Watched{{Address: "203.0.113.9", Reason: "seen"}}, inv.Watch)
	info, err := os.Stat(out)
	require.NoError(t, err)
	require.Equal(t, fs.FileMode(0o644), info.Mode(), "its readers stay too")

	// A name that the file gives to another identity can't be written into it.
	require.NoError(t, os.WriteFile(out, []byte("identities: [{id: a:b, aliases: [\"okta:app/0oa1\"]}]\n"), 0o600))
	_, _, err = imports(t, cfg, IdentityImportOptions{From: "okta-apps", Out: out, Yes: true}, export)
	require.ErrorContains(t, err, "stays as it is")
	inv, err = enrich.LoadInventory(out)
	require.NoError(t, err)
	require.Len(t, inv.Identities, 1)
}

func TestWhatOnlyTheFileDeclaresIsNamedByAnImport(t *testing.T) {
	cfg := Defaults()
	cfg.DataDir = t.TempDir()
	o := IdentityImportOptions{Out: filepath.Join(t.TempDir(), "out.yaml")}
	for _, section := range []string{"policies: [{for: {team: a}, allowed: {countries: [DE]}}]", "networks: [{cidr: 10.0.0.0/8}]", "targets: [{account: a, environment: sandbox}]", "watch: [{agent: x, reason: y}]"} {
		_, said, err := imports(t, cfg, o, fileOf(t, "in.yaml", "identities: [{id: a:b}]\n"+section+"\n"))
		require.NoError(t, err)
		require.Contains(t, said, "policies, networks, targets and watch are taken from inventory.file only", section)
	}
}

func TestImportedKongKeysAreTheHashesThatEventsShow(t *testing.T) {
	cfg := Defaults()
	cfg.Secrets.HMACKey = Secret(strings.Repeat("k", minHMACKey))
	const key = "QmFkS2V5Rm9yVGVzdHNPbmx5"
	got, err := readImports(&cfg, IdentityImportOptions{From: "kong"}, []string{fileOf(t, "kong.yaml", "consumers:\n- username: p\n  keyauth_credentials: [{key: "+key+"}]\n")}, IO{Err: os.Stderr})
	require.NoError(t, err)
	require.Equal(t, cfg.Secrets.newHasher().Hash(key), got.byID["kong:consumer/p"].Credentials[0].Ref)
}

// The file wins over PUT, which wins over imports; a broken record of the topic
// changes nothing and is counted.
func TestTheTopicIsFollowed(t *testing.T) {
	cfg, kc := withBroker(t)
	reg := prometheus.NewRegistry()
	e, err := enrich.New(enrich.Config{}, reg, zerolog.Nop())
	require.NoError(t, err)
	cfg.Inventory.File = fileOf(t, "inventory.yaml", "identities: [{id: kong:consumer/a, owner: file}]\n")
	p := newProcess(t.Context(), cfg, zerolog.Nop())
	p.kafka = kc
	produce := func(key, value string) {
		rec := stream.Record{Key: []byte(key)}
		if value != "" {
			rec.Value = []byte(value)
		}
		require.NoError(t, kc.Produce(t.Context(), kc.Topic("identities"), []stream.Record{rec}))
	}
	produce("kong:consumer/a", `{"id":"kong:consumer/a","owner":"import","team":"import","name":"import"}`)
	produce("api/kong:consumer/a", `{"id":"kong:consumer/a","owner":"put","team":"put"}`)
	produce("discovered/kong:consumer/a", `{"id":"kong:consumer/a","vendor":"seen","discovered":true}`)
	require.NoError(t, p.loadInventory(e))
	t.Cleanup(func() { p.fail(nil); require.NoError(t, p.group.Wait()) })
	got, ok := e.Lookup("kong:consumer/a")
	require.True(t, ok)
	require.Equal(t, "file put import ", got.Owner+" "+got.Team+" "+got.Name+" "+got.Vendor)

	becomes := func(why string, holds func(schemas.Identity, bool) bool) {
		t.Helper()
		require.Eventually(t, func() bool { return holds(e.Lookup("kong:consumer/a")) }, 30*time.Second, 20*time.Millisecond, why)
	}
	produce("kong:consumer/a", `{"id":"kong:consumer/a","kind":"robot"}`)
	produce("api/kong:consumer/a", "")
	becomes("a deleted PUT uncovers the import, which a broken record did not replace", func(it schemas.Identity, ok bool) bool { return ok && it.Team == "import" })
	require.InDelta(t, 1, loads(t, reg, "topic", "error"), 0)

	path := cfg.Inventory.File
	require.NoError(t, os.WriteFile(path, []byte("identities: [{id: kong:consumer/a, kind: robot}]\n"), 0o600))
	require.Eventually(t, func() bool { return loads(t, reg, "file", "error") > 0 }, 30*time.Second, 20*time.Millisecond, "a bad file is counted")
	got, _ = e.Lookup("kong:consumer/a")
	require.Equal(t, "file", got.Owner, "and the one before stays")
	require.NoError(t, os.WriteFile(path, []byte("identities: [{id: kong:consumer/a, owner: mended}]\n"), 0o600))
	becomes("a mended file is taken up", func(it schemas.Identity, _ bool) bool { return it.Owner == "mended" })
}

// loads reads lapwing_inventory_loads_total.
func loads(t *testing.T, reg *prometheus.Registry, what, result string) float64 {
	t.Helper()
	families, err := reg.Gather()
	require.NoError(t, err)
	for _, f := range families {
		if f.GetName() != "lapwing_inventory_loads_total" {
			continue
		}
		for _, m := range f.GetMetric() {
			labels := map[string]string{}
			for _, l := range m.GetLabel() {
				labels[l.GetName()] = l.GetValue()
			}
			if labels["what"] == what && labels["result"] == result {
				return m.GetCounter().GetValue()
			}
		}
	}
	return 0
}
