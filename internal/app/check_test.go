package app

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"
	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/internal/embedded"
	"github.com/lapwing-sec/lapwing/internal/kafka"
)

// kafkaFindings are the findings of check about Kafka.
func kafkaFindings(t *testing.T, cfg Config, roles ...string) map[string]checkFinding {
	t.Helper()
	var r checkReport
	s := newServices(&cfg)
	s.checkKafka(t.Context(), roles, &r)
	out := map[string]checkFinding{}
	for _, f := range r.findings {
		out[f.What] = f
	}
	return out
}

func TestCheckSaysWhatToChange(t *testing.T) {
	broker, err := embedded.StartBroker(t.Context(), embedded.BrokerConfig{Dir: t.TempDir(), Log: zerolog.Nop()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, broker.Close()) })
	cfg := Defaults()
	cfg.Kafka.Brokers = []string{broker.Addr()}
	cfg.RawTopics = []RawTopicConfig{{Topic: "raw.kong", Format: "kong", Partitions: 1}}
	kc, err := kafka.Connect(t.Context(), kafka.Config{Brokers: cfg.Kafka.Brokers}, nil, zerolog.Nop())
	require.NoError(t, err)
	t.Cleanup(kc.Close)

	got := kafkaFindings(t, cfg, Roles()...)
	require.Equal(t, checkFinding{"topic lapwing.events", checkFail, "missing", "run `lapwing migrate`, which creates it"}, got["topic lapwing.events"])
	require.Equal(t, checkOK, got["kafka"].Result)

	topics := cfg.topics()
	i := slices.IndexFunc(topics, func(x kafka.Topic) bool { return x.Name == "lapwing.state" })
	topics[i].Config = map[string]string{"cleanup.policy": "delete"}
	require.NoError(t, kc.EnsureTopics(t.Context(), topics))
	got = kafkaFindings(t, cfg, Roles()...)
	require.Equal(t, checkFinding{
		"topic lapwing.state", checkFail, "cleanup.policy is delete, want compact",
		"kafka-configs.sh --alter --topic lapwing.state --add-config cleanup.policy=compact",
	}, got["topic lapwing.state"])
	require.Equal(t, checkOK, got["cells"].Result)

	cfg.Detect.Cells = 2
	got = kafkaFindings(t, cfg, Roles()...)
	require.Equal(t, "partitions is 1, want 2", got["topic lapwing.events"].Says)
	require.Contains(t, got["cells"].Says, "run `lapwing migrate --cells 2`")

	cfg.Kafka.Brokers = []string{"127.0.0.1:1"}
	require.Contains(t, kafkaFindings(t, cfg, RoleDetect)["kafka"].Says, "kafka at 127.0.0.1:1: no broker answers")
}

// A demo makes the raw topics of its fleet alone, which is no failure; of a Kafka
// that the configuration names it is one.
func TestCheckBesideADemoNotesTheTopicsThatItLeavesOut(t *testing.T) {
	dir := t.TempDir()
	broker, err := embedded.StartBroker(t.Context(), embedded.BrokerConfig{Dir: t.TempDir(), Log: zerolog.Nop()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, broker.Close()) })
	require.NoError(t, writeRunning(dir, running{PID: os.Getpid(), Kafka: []string{broker.Addr()}}))
	kc, err := kafka.Connect(t.Context(), kafka.Config{Brokers: []string{broker.Addr()}}, nil, zerolog.Nop())
	require.NoError(t, err)
	t.Cleanup(kc.Close)
	cfg := Defaults()
	cfg.DataDir = dir
	cfg.RawTopics = []RawTopicConfig{{Topic: "raw.kong", Format: "kong"}}
	require.NoError(t, kc.EnsureTopics(t.Context(), cfg.topics()))
	cfg.RawTopics = append(cfg.RawTopics, RawTopicConfig{Topic: "raw.nginx", Format: "nginx"})

	got := kafkaFindings(t, cfg, Roles()...)
	require.Equal(t, checkNote, got["raw topics"].Result)
	require.Contains(t, got["raw topics"].Says, "1 raw topic not there")
	require.Equal(t, checkOK, got["kafka topics"].Result)
	require.Contains(t, got["kafka topics"].Says, "7 topics")
	require.Equal(t, checkOK, got["cells"].Result)

	cfg.Kafka.Brokers = []string{broker.Addr()}
	require.Equal(t, checkFail, kafkaFindings(t, cfg, Roles()...)["topic raw.nginx"].Result)
}

func TestCheckIsShort(t *testing.T) {
	var out, errs bytes.Buffer
	require.NoError(t, Check(t.Context(), Defaults(), "", CheckOptions{Offline: true}, IO{Out: &out, Err: &errs}))
	require.Equal(t, "geo            ok    no database: countries come from the table in the binary, without cities, providers or impossible-travel\n"+
		"configuration  ok    defaults and environment\n", out.String())
	require.Empty(t, errs.String())

	out.Reset()
	require.NoError(t, Check(t.Context(), Defaults(), "", CheckOptions{Offline: true, JSON: true}, IO{Out: &out, Err: &errs}))
	for line := range strings.Lines(out.String()) {
		var f checkFinding
		require.NoError(t, json.Unmarshal([]byte(line), &f))
		require.Equal(t, checkOK, f.Result)
	}
}

// The writer of deploy/clickhouse/users.sql has what check asks for, and no more.
func TestTheWriterIsGrantedWhatCheckAsksFor(t *testing.T) {
	text, err := os.ReadFile("../../deploy/clickhouse/users.sql")
	require.NoError(t, err)
	var have []string
	for _, m := range regexp.MustCompile(`(?m)^GRANT (\w+) ON lapwing\.(\w+) TO lapwing_writer;`).FindAllStringSubmatch(string(text), -1) {
		have = append(have, m[1]+" "+m[2])
	}
	var want []string
	for _, g := range grants(Roles()) {
		want = append(want, g.Right+" "+g.Table)
	}
	require.ElementsMatch(t, want, have)
}
