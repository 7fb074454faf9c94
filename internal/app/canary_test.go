package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"

	"github.com/lapwing-sec/lapwing/internal/embedded"
)

// canary stands in every place of the configuration where a secret may stand.
const canary = "canary-9f2c41d8a07b5e10e0e-canary"

// plantSecrets puts the canary into every secret below v, and counts them.
func plantSecrets(v reflect.Value) (n int) {
	switch {
	case v.Type() == reflect.TypeFor[Secret]():
		v.SetString(canary)
		return 1
	case v.Type() == reflect.TypeFor[[]Secret]():
		v.Set(reflect.ValueOf([]Secret{canary, canary + "-2"}))
		return 2
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				n += plantSecrets(v.Field(i))
			}
		}
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			n += plantSecrets(v.Index(i))
		}
	}
	return n
}

// everything is all that the test's processes print.
type everything struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (e *everything) Write(p []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.buf.Write(p)
}

func (e *everything) say(format string, args ...any) { fmt.Fprintf(e, format+"\n", args...) }

func TestNoSecretIsPrinted(t *testing.T) {
	broker, err := embedded.StartBroker(t.Context(), embedded.BrokerConfig{Dir: t.TempDir(), Log: zerolog.Nop()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, broker.Close()) })
	cfg := Defaults()
	cfg.DataDir = t.TempDir()
	cfg.Kafka.Brokers, cfg.Kafka.Replication = []string{broker.Addr()}, 1
	cfg.Monitor.Listen, cfg.Ingest.Listen = "127.0.0.1:0", "127.0.0.1:0"
	cfg.RawTopics = []RawTopicConfig{{Topic: "raw.kong", Format: "kong", Partitions: 1}}
	cfg.ClickHouse.Addr = []string{"127.0.0.1:1"}
	cfg.Destinations = []Destination{
		{Name: "hook", Kind: "webhook", URL: "https://127.0.0.1:1/"}, {Name: "hec", Kind: "splunk-hec", URL: "https://127.0.0.1:1/"}, {Name: "page", Kind: "pagerduty"},
	}
	n := plantSecrets(reflect.ValueOf(&cfg).Elem())
	require.Greater(t, n, 12)
	out := new(everything)
	std := IO{Out: out, Err: out}

	// The configuration, however it is printed.
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q"} {
		out.say(verb, cfg)
		out.say(verb, &cfg.Kafka.SASL)
		out.say(verb, cfg.Destinations)
	}
	asJSON, err := json.Marshal(cfg)
	require.NoError(t, err)
	asYAML, err := yaml.Marshal(cfg)
	require.NoError(t, err)
	out.say("%s\n%s", asJSON, asYAML)
	_, err = LoadConfig("", envOf(map[string]string{
		"LAPWING_SECRETS_HMAC_KEY": canary[:31], "LAPWING_INVENTORY_TOKEN": canary[:6], "LAPWING_KAFKA_SASL_MECHANISM": "scram-sha-1024", "LAPWING_KAFKA_SASL_PASSWORD": canary,
		"LAPWING_CLICKHOUSE_PASSWORD_FILE": "/nowhere/" + "x",
	}))
	require.Error(t, err)
	require.NotContains(t, err.Error(), canary[:31])
	out.say("%v", err)

	// check, and processes that cannot connect: a login that nobody wants, then a
	// ClickHouse that is not there.
	cfg.Kafka.SASL.Mechanism, cfg.Kafka.SASL.User = "scram-sha-512", "lapwing"
	short, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	out.say("%v", Check(short, cfg, "", CheckOptions{ShowConfig: true, JSON: true}, std))
	loud := cfg
	loud.Log = LogConfig{Level: "trace", Format: "json"}
	out.say("%v", Run(short, loud, RunOptions{Roles: []string{RoleEnrich}}, std))
	cfg.Kafka.SASL = SASLConfig{}
	loud.Kafka.SASL = SASLConfig{Password: canary}
	require.NoError(t, func() error {
		kc, err := newServices(&cfg).openKafka(t.Context())
		if err != nil {
			return err
		}
		defer kc.Close()
		return kc.EnsureTopics(t.Context(), cfg.topics())
	}())
	out.say("%v", Check(t.Context(), loud, "", CheckOptions{}, std))
	out.say("%v", Run(t.Context(), loud, RunOptions{Roles: []string{RoleStore}}, std))

	// Running roles: logs, metrics, /readyz, and what a stranger is told.
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	log, err := NewLogger(loud.Log, out)
	require.NoError(t, err)
	p := newProcess(ctx, loud, log)
	require.NoError(t, p.connect(ctx, false))
	require.NoError(t, p.start([]string{RoleIngest, RoleEnrich, RoleDetect}))
	require.Eventually(t, func() bool { return len(p.ready.missing()) == 0 }, time.Minute, 10*time.Millisecond)
	ask := func(method, url, token, body string) int {
		req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
		require.NoError(t, err)
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		res, err := http.DefaultClient.Do(req)
		require.NoError(t, err)
		var b bytes.Buffer
		_, err = b.ReadFrom(res.Body)
		require.NoError(t, err)
		require.NoError(t, res.Body.Close())
		out.say("%s %s: %d %v\n%s", method, url, res.StatusCode, res.Header, b.String())
		return res.StatusCode
	}
	record := `{"request":{"method":"GET","uri":"/?api_key=` + canary + `","headers":{"authorization":"Bearer ` + canary + `"}},"broken":`
	require.Equal(t, http.StatusAccepted, ask(http.MethodPost, p.ingestURL()+"/ingest/kong", canary, record))
	require.Equal(t, http.StatusUnauthorized, ask(http.MethodPost, p.ingestURL()+"/ingest/kong", "guess", "{}"))
	for _, path := range []string{"/metrics", "/readyz", "/healthz", "/debug/pprof/cmdline", "/nothing", "/identities"} {
		ask(http.MethodGet, "http://"+p.monitorAddr+path, canary, "")
		ask(http.MethodGet, "http://"+p.monitorAddr+path, "guess", "")
	}
	var letter bytes.Buffer
	require.Eventually(t, func() bool {
		letter.Reset()
		return DeadLetterShow(ctx, cfg, DeadLetterShowOptions{Which: "0"}, IO{Out: &letter, Err: &letter}) == nil
	}, time.Minute, 20*time.Millisecond, "the record that does not parse")
	out.say("%s", letter.String())
	require.NoError(t, DeadLetterList(ctx, cfg, DeadLetterOptions{}, std))
	stop()
	require.NoError(t, p.wait())

	all := out.buf.String()
	require.Greater(t, len(all), 10_000)
	if i := strings.Index(all, canary); i >= 0 {
		t.Errorf("a secret is printed: …%s…", all[max(0, i-300):min(len(all), i+100)])
	}
}
