package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/schemas"
)

// envOf is an environment for LoadConfig.
func envOf(kv map[string]string) func(string) (string, bool) {
	return func(k string) (string, bool) {
		v, ok := kv[k]
		return v, ok
	}
}

func writeConfig(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "lapwing.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestDefaultsRun(t *testing.T) {
	cfg, err := LoadConfig("", envOf(nil))
	require.NoError(t, err)
	require.Equal(t, Defaults(), cfg)
}

func TestLoadConfig(t *testing.T) {
	mapping := filepath.Join(t.TempDir(), "billing.yaml")
	require.NoError(t, os.WriteFile(mapping, []byte("name: billing\ntime: t\nevent: {operation: op}\n"), 0o600))
	for _, tc := range []struct {
		name, file string
		env        map[string]string
		want       func(*Config)
	}{
		{name: "an empty file is the defaults", file: ""},
		{name: "a file of comments is the defaults", file: "# nothing\n"},
		{
			name: "a key in the file wins over its default",
			file: "tenant: acme\ndetect:\n  cells: 4\n",
			want: func(c *Config) { c.Tenant, c.Detect.Cells = "acme", 4 },
		},
		{
			name: "the environment wins over the file",
			file: "tenant: acme\n",
			env:  map[string]string{"LAPWING_TENANT": "other"},
			want: func(c *Config) { c.Tenant = "other" },
		},
		{
			name: "a list in the environment is split at commas",
			env:  map[string]string{"LAPWING_KAFKA_BROKERS": "a:9092,b:9092"},
			want: func(c *Config) { c.Kafka.Brokers = []string{"a:9092", "b:9092"} },
		},
		{
			name: "a list of secrets in the environment too",
			env:  map[string]string{"LAPWING_SECRETS_OLD_HMAC_KEYS": "a,b"},
			want: func(c *Config) { c.Secrets.OldHMACKeys = []Secret{"a", "b"} },
		},
		{
			name: "a list of objects in the environment is JSON",
			env:  map[string]string{"LAPWING_RAW_TOPICS": `[{"topic":"edge","format":"kong","disorder":"1m"}]`},
			want: func(c *Config) {
				c.RawTopics = []RawTopicConfig{{Topic: "edge", Format: "kong", Disorder: schemas.Duration(time.Minute)}}
			},
		},
		{
			name: "a list in the file replaces the default list",
			file: "raw_topics:\n  - {topic: edge, format: nginx}\n",
			want: func(c *Config) { c.RawTopics = []RawTopicConfig{{Topic: "edge", Format: "nginx"}} },
		},
		{
			name: "a format of one's own has a topic as the others have",
			file: "ingest:\n  custom:\n    - {file: " + mapping + "}\n",
			want: func(c *Config) {
				c.Ingest.Custom = []CustomFormat{{File: mapping}}
				c.RawTopics = append(c.RawTopics, RawTopicConfig{Topic: "raw.billing", Format: "billing"})
			},
		},
		{
			name: "but none beside a list of topics",
			file: "ingest:\n  custom:\n    - {file: " + mapping + "}\nraw_topics:\n  - {topic: edge, format: nginx}\n",
			want: func(c *Config) {
				c.Ingest.Custom = []CustomFormat{{File: mapping}}
				c.RawTopics = []RawTopicConfig{{Topic: "edge", Format: "nginx"}}
			},
		},
		{
			name: "trusted proxies in the environment are split at commas",
			env:  map[string]string{"LAPWING_NETWORKS_TRUSTED_PROXIES": "10.0.0.0/8,192.0.2.1", "LAPWING_NETWORKS_TRUST_PRIVATE_PEERS": "true"},
			want: func(c *Config) {
				c.Networks.TrustedProxies, c.Networks.TrustPrivatePeers = []string{"10.0.0.0/8", "192.0.2.1"}, true
			},
		},
		{
			name: "sizes and durations are read with their units",
			file: "ingest:\n  max_body: 1MiB\nstore:\n  max_wait: 250ms\n",
			want: func(c *Config) {
				c.Ingest.MaxBody = 1 << 20
				c.Store.MaxWait = schemas.Duration(250 * time.Millisecond)
			},
		},
		{
			name: "a plain number is a size in bytes",
			file: "ingest:\n  max_record: 4096\n",
			want: func(c *Config) { c.Ingest.MaxRecord = 4096 },
		},
		{
			name: "false in the environment is not an empty value",
			env:  map[string]string{"LAPWING_ENRICH_KEEP_RAW": "false"},
			want: func(c *Config) { c.Enrich.KeepRaw = false },
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := ""
			if tc.file != "" {
				path = writeConfig(t, tc.file)
			}
			got, err := LoadConfig(path, envOf(tc.env))
			require.NoError(t, err)
			want := Defaults()
			if tc.want != nil {
				tc.want(&want)
			}
			require.Equal(t, want, got)
		})
	}
}

func TestLoadConfigRefuses(t *testing.T) {
	for _, tc := range []struct {
		name, file string
		env        map[string]string
		want       []string // every part stands in the message; FILE is the path
	}{
		{"an unknown key names the line, the key and what was meant", "tennant: x\n", nil, []string{"FILE:1: tennant: unknown key; did you mean tenant?"}},
		{"a key in the wrong place is told where it belongs", "false_alerts_per_day: 1\n", nil, []string{"FILE:1: false_alerts_per_day: unknown key; did you mean budget.false_alerts_per_day?"}},
		{"also in another section", "detect: {false_alerts_per_day: 1}\n", nil, []string{"FILE:1: detect.false_alerts_per_day: unknown key; did you mean budget.false_alerts_per_day?"}},
		{"and below a section that does not exist", "detection: {snapshot_events: 1}\n", nil, []string{"FILE:1: detection: unknown key; did you mean detect.snapshot_events?"}},
		{"a name of several keys suggests none of them", "max: {url: x}\n", nil, []string{"FILE:1: max: unknown key. Accepted here"}},
		{"an unknown key below a section lists what is accepted there", "kafka:\n  brokers: []\n  qos: 1\n", nil, []string{"FILE:3: kafka.qos: unknown key", "brokers, client_id"}},
		{"an unknown key in a list element", "raw_topics:\n  - {topic: a, fmt: kong}\n", nil, []string{"FILE:2: raw_topics[0].fmt: unknown key"}},
		{"a key given twice", "tenant: a\ntenant: b\n", nil, []string{"FILE:2: tenant: is given twice"}},
		{"a section that is a value", "kafka: here\n", nil, []string{"FILE:1: kafka: want keys below it"}},
		{"a text where a number belongs", "detect:\n  cells: many\n", nil, []string{"FILE:2: detect.cells: want a whole number"}},
		{"a detector that is none lists those there are", "detect:\n  disabled: [foo]\n", nil, []string{"FILE:2: detect.disabled: \"foo\": want one of", "call-rate"}},
		{"a bad duration", "store:\n  max_wait: soon\n", nil, []string{"FILE:2: store.max_wait: want a duration such as 15m"}},
		{"a bad size", "ingest:\n  max_body: 1TB\n", nil, []string{"FILE:2: ingest.max_body: want a size such as 8MiB"}},
		{"a bad value in the environment names the variable", "", map[string]string{"LAPWING_DETECT_CELLS": "many"}, []string{"LAPWING_DETECT_CELLS: detect.cells: want a whole number"}},
		{"a value outside the accepted ones", "log:\n  level: loud\n", nil, []string{`FILE:2: log.level: "loud": want one of trace, debug, info, warn, error`}},
		{"an unknown format of a raw topic lists the formats", "raw_topics:\n  - {topic: a, format: syslog}\n", nil, []string{`FILE:2: raw_topics[0].format: "syslog": want one of`, "cloudtrail"}},
		{"a mapping that is not there", "ingest:\n  custom:\n    - {name: billing, file: /nowhere/m.yaml}\n", nil, []string{"ingest.custom[0]: /nowhere/m.yaml: "}},
		{"a cluster with a slash", "raw_topics:\n  - {topic: a, format: kong, cluster: a/b}\n", nil, []string{"FILE:2: raw_topics[0].cluster"}},
		{"a raw topic with a name of Lapwing's own", "raw_topics:\n  - {topic: lapwing.events, format: kong}\n", nil, []string{"Lapwing's own"}},
		{"a short hash key, without printing it", "secrets:\n  hmac_key: hunter2\n", nil, []string{"secrets.hmac_key: has 7 characters: want 32 or more"}},
		{"a listener open to the network without a token", "ingest:\n  listen: 0.0.0.0:8088\n", nil, []string{"ingest.listen: 0.0.0.0:8088 is reachable from other machines: set ingest.token"}},
		{"half a certificate", "monitor:\n  tls:\n    cert_file: config_test.go\n", nil, []string{"monitor.tls.cert_file: cert_file and key_file belong together"}},
		{"a file that is not there", "inventory:\n  file: nowhere.yaml\n", nil, []string{"FILE:2: inventory.file: nowhere.yaml: no such file or directory"}},
		{"a secret file that is not there", "ingest:\n  token_file: nowhere\n", nil, []string{"ingest.token_file: nowhere: no such file or directory"}},
		{"a login without a password", "kafka:\n  sasl: {mechanism: plain, user: a}\n", nil, []string{"kafka.sasl.mechanism: plain needs"}},
		{"a destination of an unknown kind lists the kinds", "destinations:\n  - {name: a, kind: carrier-pigeon}\n", nil, []string{"FILE:2: destinations[0]:", "webhook"}},
		{"two faults are both reported", "tenant: \"\"\ndetect:\n  cells: 0\n", nil, []string{"tenant: want a name", "detect.cells: 0: want 1 to"}},
		{"an unknown key, a value of the wrong form, a missing file and a value that is not accepted are reported at once", "tennant: x\ndetect:\n  cells: many\ningest:\n  token_file: nowhere\n  listen: 0.0.0.0:8088\n", map[string]string{"LAPWING_LOG_LEVEL": "loud", "LAPWING_RAW_TOPICS": "x"}, []string{"FILE:1: tennant: unknown key", "FILE:3: detect.cells: want a whole number", "ingest.token_file: nowhere", "LAPWING_LOG_LEVEL: log.level", "LAPWING_RAW_TOPICS: raw_topics: want a JSON list"}},
		{"a tab says so", "detect:\n\tcells: 1\n", nil, []string{"FILE:2: is not YAML: the line is indented with a tab: YAML wants spaces"}},
		{"a list of networks that is not there", "networks:\n  lists:\n    - {file: nowhere.txt, class: tor}\n", nil, []string{"FILE:3: networks.lists[0].file: nowhere.txt: no such file or directory"}},
		{"a class of networks that is none", "networks:\n  lists:\n    - {file: config_test.go, class: evil}\n", nil, []string{`networks.lists[0].class: "evil": want one of tor, vpn`}},
		{"a format of networks that is none", "networks:\n  lists:\n    - {file: config_test.go, format: xml}\n", nil, []string{`networks.lists[0].format: "xml": want one of aws, gcp`}},
		{"a trusted proxy that is a name", "networks:\n  trusted_proxies: [10.0.0.0/8, lb.example.com]\n", nil, []string{`FILE:2: networks.trusted_proxies: "lb.example.com": want an address or prefix`}},
		{"no YAML", "a: [\n", nil, []string{"FILE: is not YAML"}},
		{"a list at the top", "- a\n", nil, []string{"FILE:1: want keys and values"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := ""
			if tc.file != "" {
				path = writeConfig(t, tc.file)
			}
			_, err := LoadConfig(path, envOf(tc.env))
			require.Error(t, err)
			for _, part := range tc.want {
				require.Contains(t, err.Error(), strings.ReplaceAll(part, "FILE", path))
			}
			require.NotContains(t, err.Error(), "hunter2")
			code, _ := ExitCode(err)
			require.Equal(t, ExitUsage, code)
		})
	}
}

func TestAKeyIsCalledWrongOnce(t *testing.T) {
	path := writeConfig(t, "kafka: here\nlog:\n  level: [loud]\ningest:\n  token_file: nowhere\n  listen: 0.0.0.0:8088\n")
	_, err := LoadConfig(path, envOf(nil))
	require.Error(t, err)
	for _, key := range []string{"kafka", "log.level", "ingest.token_file"} {
		require.Equal(t, 1, strings.Count(err.Error(), ": "+key+": "), "%s in\n%v", key, err)
	}
	require.NotContains(t, err.Error(), "ingest.listen", "a token was named, though its file is not there")
}

func TestUnknownVariablesAreRefused(t *testing.T) {
	for _, tc := range []struct{ name, variable, want string }{
		{"a slip of the pen", "LAPWING_INGEST_TOKN", "LAPWING_INGEST_TOKN: no key has this variable; did you mean LAPWING_INGEST_TOKEN?"},
		{"a key that there never was", "LAPWING_TURBO", "LAPWING_TURBO: no key has this variable (docs/configuration.md lists the keys: kafka.brokers is LAPWING_KAFKA_BROKERS)"},
		{"a key", "LAPWING_INGEST_TOKEN", ""},
		{"a key of a list of objects", "LAPWING_DESTINATIONS", ""},
		{"where the engine is", "LAPWING_CHDB", ""},
		{"where what was fetched is", "LAPWING_CACHE", ""},
		{"the data directory", "LAPWING_DATA_DIR", ""},
		{"what steers the fault suite", "LAPWING_FAULTS_SEEDS_KFAKE", ""},
		{"what steers a test", "LAPWING_TEST_AS_COMMAND", ""},
		{"what Kubernetes makes of a service called lapwing", "LAPWING_PORT_8088_TCP_ADDR", ""},
		{"or lapwing-ingest", "LAPWING_INGEST_SERVICE_PORT_HTTP", ""},
		{"what only begins alike", "LAPWINGX", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			errs := unknownVariables([]string{"HOME=/root", tc.variable + "=hunter2"})
			if tc.want == "" {
				require.Empty(t, errs)
				return
			}
			require.Len(t, errs, 1)
			require.EqualError(t, errs[0], tc.want)
		})
	}
}

func TestAMissingConfigFileIsNoBadUsage(t *testing.T) {
	_, err := LoadConfig("nowhere.yaml", envOf(nil))
	require.EqualError(t, err, "nowhere.yaml: cannot be read: no such file or directory")
	code, told := ExitCode(err)
	require.Equal(t, ExitFailed, code)
	require.True(t, told)
}

func TestSecretsComeFromFiles(t *testing.T) {
	key := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(key, []byte(strings.Repeat("k", 32)+"\n"), 0o600))
	cfg, err := LoadConfig("", envOf(map[string]string{"LAPWING_SECRETS_HMAC_KEY_FILE": key}))
	require.NoError(t, err)
	require.Equal(t, strings.Repeat("k", 32), cfg.Secrets.HMACKey.Reveal())
}

func TestCheckMasksSecrets(t *testing.T) {
	cfg := Defaults()
	cfg.Secrets.HMACKey = Secret(strings.Repeat("s3cret", 6))
	cfg.Secrets.OldHMACKeys = []Secret{"s3cret-old"}
	cfg.Destinations = []Destination{{Name: "a", Kind: "webhook", Secret: "s3cret"}}
	var out, errOut strings.Builder
	require.NoError(t, Check(t.Context(), cfg, "", CheckOptions{Offline: true, ShowConfig: true}, IO{Out: &out, Err: &errOut}))
	require.NotContains(t, out.String(), "s3cret")
	require.Contains(t, out.String(), "hmac_key: '********'")
}

func TestCheckSaysWhatItKnowsOfNetworks(t *testing.T) {
	list := filepath.Join(t.TempDir(), "tor.txt")
	require.NoError(t, os.WriteFile(list, []byte("192.0.2.1\n192.0.2.7\n"), 0o600))
	old := time.Now().Add(-72*time.Hour - time.Minute)
	require.NoError(t, os.Chtimes(list, old, old))
	cfg := Defaults()
	cfg.Networks.Lists = []NetworkList{{File: list, Class: "tor"}}
	var out, errOut strings.Builder
	require.NoError(t, Check(t.Context(), cfg, "", CheckOptions{Offline: true}, IO{Out: &out, Err: &errOut}))
	require.Contains(t, out.String(), "ok    "+list+": tor (tor), text, 2 networks, 20 bytes, of "+old.UTC().Format(time.DateOnly)+", 3 days old")
	require.Contains(t, out.String(), "no database: countries come from the table in the binary")

	require.NoError(t, os.WriteFile(list, []byte("192.0.2.1\nhello\n"), 0o600))
	err := Check(t.Context(), cfg, "", CheckOptions{Offline: true}, IO{Out: &out, Err: &errOut})
	require.ErrorContains(t, err, list+`:2: "hello" is no address or prefix`)
	code, _ := ExitCode(err)
	require.Equal(t, ExitUsage, code)
}

func TestEveryKeyIsDocumentedAndCanBeSet(t *testing.T) {
	seen := map[string]bool{}
	for _, k := range Keys() {
		require.NotEmpty(t, k.Doc, "key %s has no documentation", k.Name)
		env := EnvName(k.Name)
		require.False(t, seen[env], "%s names two keys", env)
		seen[env] = true
		for _, f := range k.Fields {
			require.NotEmpty(t, f.Doc, "key %s[].%s has no documentation", k.Name, f.Name)
		}
	}
}
