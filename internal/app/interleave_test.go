package app

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/detect"
	"github.com/lapwing-sec/lapwing/enrich"
	"github.com/lapwing-sec/lapwing/ingest"
	"github.com/lapwing-sec/lapwing/internal/simulate"
	"github.com/lapwing-sec/lapwing/internal/stream"
	"github.com/lapwing-sec/lapwing/schemas"
)

// lane is one raw partition of a replay: its events in order.
type lane struct {
	set    *ingest.Set
	topic  string
	part   int32
	times  []int64
	ends   []int
	buf    []byte
	at     int // next event
	newest int64
}

func (l *lane) event(i int, ev *schemas.Event) {
	from := 0
	if i > 0 {
		from = l.ends[i-1]
	}
	ev.ResetVT()
	if err := ev.UnmarshalVTUnsafe(l.buf[from:l.ends[i]]); err != nil {
		panic(err)
	}
}

// disorder is what the lane's watermark trails by: as given, or with a negative
// one the format's own.
func (l *lane) disorder(given int64) int64 {
	if given >= 0 {
		return given
	}
	return int64(RawTopicConfig{Format: l.topic}.disorder(l.set))
}

type laneHandler struct {
	e    *enrich.Enricher
	lane *lane
}

func (h *laneHandler) Event(_ int, ev *schemas.Event) {
	h.e.Enrich(ev)
	ev.RawTopic, ev.RawPartition, ev.Raw = h.lane.topic, h.lane.part, ""
	if ev.Id == "" {
		ev.Id = h.lane.topic + strconv.Itoa(len(h.lane.times))
	}
	b, err := ev.MarshalVT()
	if err != nil {
		panic(err)
	}
	h.lane.buf = append(h.lane.buf, b...)
	h.lane.times = append(h.lane.times, ev.Time)
	h.lane.ends = append(h.lane.ends, len(h.lane.buf))
	ev.ReturnToVTPool()
}

func (h *laneHandler) Bad(_ int, sub []byte, err error) { panic(fmt.Sprintf("%s: %v", sub, err)) }

// lanesOf parses a fleet's records into raw partitions, as the demo does.
func lanesOf(t *testing.T, fleet *simulate.Fleet, parts int) []*lane {
	t.Helper()
	cfg := Defaults()
	cfg.Enrich.KeepRaw = false
	cfg.Secrets.HMACKey = fileKey
	hasher := cfg.Secrets.newHasher()
	set, err := cfg.formatSet()
	require.NoError(t, err)
	parsers, err := newParsers(&cfg, set, hasher)
	require.NoError(t, err)
	e, err := newEnricher(&cfg, hasher, prometheus.NewRegistry(), nopLogger())
	require.NoError(t, err)
	inv := t.TempDir() + "/inventory.yaml"
	require.NoError(t, writeInventoryFile(fleet, inv))
	declared, err := enrich.LoadInventory(inv)
	require.NoError(t, err)
	e.SetInventory(enrich.SourceFile, declared)
	byName := map[string]*lane{}
	var lanes []*lane
	h := &laneHandler{e: e}
	require.NoError(t, fleet.Records(func(r simulate.Record) error {
		p := stream.Murmur2Partition(r.Key, parts)
		name := r.Format + "/" + strconv.Itoa(p)
		l := byName[name]
		if l == nil {
			l = &lane{set: set, topic: r.Format, part: int32(p)}
			byName[name] = l
			lanes = append(lanes, l)
		}
		h.lane = l
		parsers[r.Format].Parse(r.Value, h)
		return nil
	}))
	return lanes
}

// judgeLanes runs the lanes through an engine, interleaved by rng within hold
// of each other (nil: in order of time), and gives the opening of each alert.
func judgeLanes(t *testing.T, lanes []*lane, disorder, hold int64, rng *rand.Rand) map[string]string {
	t.Helper()
	cfg := Defaults()
	engine, err := detect.New(engineConfig(&cfg, nil, 0))
	require.NoError(t, err)
	var out detect.Output
	opened := map[string]string{}
	take := func() {
		for i := range out.Alerts {
			a := &out.Alerts[i]
			if _, ok := opened[a.ID()]; !ok {
				opened[a.ID()] = fmt.Sprintf("%s %s %s %s", time.UnixMilli(a.FindingInfo.FirstSeenTime).UTC().Format(time.DateTime), a.FindingInfo.Analytic.UID, a.Actor.User.UID, a.FindingInfo.Title)
			}
		}
		out.Alerts, out.Discovered = out.Alerts[:0], out.Discovered[:0]
	}
	control := func(l *lane, kind schemas.ControlKind, mark int64) {
		engine.Control(&schemas.Control{Kind: kind, RawTopic: l.topic, RawPartition: l.part, Watermark: mark}, &out)
		take()
	}
	for _, l := range lanes {
		l.at, l.newest = 0, 0
		control(l, schemas.ControlKind_CONTROL_KIND_FENCE, 0)
	}
	var ev schemas.Event
	alive := slices.Clone(lanes)
	for len(alive) > 0 {
		slowest := int64(math.MaxInt64)
		first := 0
		for i, l := range alive {
			if l.times[l.at] < slowest {
				slowest, first = l.times[l.at], i
			}
		}
		pick, limit, n := first, slowest, 1
		if rng != nil {
			limit, n = slowest+hold, 1+rng.IntN(200)
			for range 8 {
				if p := rng.IntN(len(alive)); alive[p].times[alive[p].at] <= limit {
					pick = p
					break
				}
			}
		}
		l := alive[pick]
		for ; n > 0 && l.at < len(l.times) && l.times[l.at] <= limit; n-- {
			l.event(l.at, &ev)
			l.newest = max(l.newest, ev.Time)
			ev.Watermark = l.newest - l.disorder(disorder)
			engine.Event(&ev, &out)
			take()
			l.at++
		}
		if l.at == len(l.times) {
			control(l, schemas.ControlKind_CONTROL_KIND_END, l.newest+int64(endLead))
			alive = slices.Delete(alive, pick, pick+1)
		}
	}
	return opened
}

// apart is how far the partitions are let drift: far beyond what a replay holds.
const apart = 30 * time.Minute

// However the partitions of a replay are interleaved in the log, the same
// alerts come out.
func TestInterleavingChangesNoAlert(t *testing.T) {
	days, identities, rounds := 10, 80, 3
	if os.Getenv("LAPWING_INTERLEAVE_FULL") != "" {
		days, identities, rounds = 28, 300, 6
	}
	fleet, err := simulate.New(simulate.Config{Seed: 1, Days: days, Identities: identities})
	require.NoError(t, err)
	lanes := lanesOf(t, fleet, 4)
	want := judgeLanes(t, lanes, -1, 0, nil)
	require.NotEmpty(t, want)
	for seed := range rounds {
		rng := rand.New(rand.NewPCG(uint64(seed), 7))
		got := judgeLanes(t, lanes, -1, int64(apart), rng)
		for id, what := range want {
			if got[id] == "" {
				t.Errorf("round %d: lost %s %s", seed, id, what)
			}
		}
		for id, what := range got {
			if want[id] == "" {
				t.Errorf("round %d: new %s %s", seed, id, what)
			}
		}
	}
}
