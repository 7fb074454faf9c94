package faults

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lapwing-sec/lapwing/alerting"
	"github.com/lapwing-sec/lapwing/schemas"
)

// mutation breaks one mechanism from the outside: on the wire between the
// process and the broker, at the inserter, at the sink. The zero value breaks
// none.
type mutation struct {
	name string
	// scenarios that may notice it.
	scenarios []int
	wire      func(w *world, wire *wire)
	token     func(token string) string
	sink      func(ctx context.Context, p *process, name string, s alerting.Sink) alerting.Sink
}

// mutations are those that Mutations names.
func mutations() []mutation {
	var tries int
	var mu sync.Mutex
	return []mutation{
		{name: "no fence", scenarios: []int{5}, wire: func(_ *world, wire *wire) {
			wire.mutate = func(c *wireConn, r *request) bool {
				// Without its name a producer gets an id that fences nobody.
				if req, ok := r.req.(*kmsg.InitProducerIDRequest); ok && req.TransactionalID != nil {
					req.TransactionalID = nil
					r.encode()
				}
				return false
			}
		}},
		{name: "no read-back", scenarios: []int{1}, wire: func(_ *world, wire *wire) {
			wire.mutate = func(c *wireConn, r *request) bool {
				// A position that claims to know the ends of all cells leaves
				// nothing to read back.
				req, ok := r.req.(*kmsg.OffsetCommitRequest)
				if !ok || req.Group != "lapwing-enrich" {
					return false
				}
				for _, t := range req.Topics {
					for i := range t.Partitions {
						if m := t.Partitions[i].Metadata; m != nil {
							parts := strings.Split(*m, ";")
							ends := strings.Split(parts[len(parts)-1], ",")
							for j := range ends {
								ends[j] = "zzzzzz"
							}
							parts[len(parts)-1] = strings.Join(ends, ",")
							text := strings.Join(parts, ";")
							t.Partitions[i].Metadata = &text
						}
					}
				}
				r.encode()
				return false
			}
		}},
		{name: "position moved before produce is acknowledged", scenarios: []int{1}, wire: func(w *world, wire *wire) {
			holdBack(w, wire, "produce events", "commit enrich", false)
		}},
		{name: "snapshot's end record before its chunks", scenarios: []int{1}, wire: func(w *world, wire *wire) {
			holdBack(w, wire, "snapshot chunk", "snapshot end", true)
		}},
		{name: "snapshot before the alerts it covers", scenarios: []int{1}, wire: func(w *world, wire *wire) {
			holdBack(w, wire, "produce alerts", "snapshot end", false)
		}},
		{name: "a deduplication token that varies", scenarios: []int{8, 1}, token: func(token string) string {
			mu.Lock()
			defer mu.Unlock()
			tries++
			return fmt.Sprint(token, " ", tries)
		}},
		{name: "delivery memory written before delivery", scenarios: []int{12, 1}, sink: func(ctx context.Context, p *process, name string, s alerting.Sink) alerting.Sink {
			return &hastySink{s, ctx, p, name}
		}},
	}
}

// hastySink remembers what it has yet to deliver.
type hastySink struct {
	alerting.Sink
	ctx  context.Context // the life of its process
	p    *process
	name string
}

// Write implements alerting.Sink.
func (s *hastySink) Write(ctx context.Context, batch []schemas.Alert) []error {
	errs := make([]error, len(batch))
	mem, err := s.p.client.Memory(ctx, s.name)
	for i := range batch {
		if errs[i] = err; err == nil {
			errs[i] = mem.Remember(ctx, batch[i].ID(), batch[i].Version())
		}
	}
	if errors.Join(errs...) != nil {
		return errs
	}
	return s.Sink.Write(ctx, batch)
}

// holdBack turns two writes round: what should come first is acknowledged at
// once and sent only when the other has been acknowledged, or after a while.
// plain strips the producer's id, so that a sequence of numbers may be broken.
func holdBack(w *world, wire *wire, first, second string, plain bool) {
	var mu sync.Mutex
	var held [][]byte
	flush := func() {
		mu.Lock()
		defer mu.Unlock()
		for _, frame := range held {
			if wire.isDead() {
				return
			}
			w.sendFrame(frame)
		}
		held = nil
	}
	wire.mutate = func(c *wireConn, r *request) bool {
		if r.point != first && (r.point != second || !plain) {
			return false
		}
		req, ok := r.req.(*kmsg.ProduceRequest)
		if !ok {
			return false
		}
		if plain {
			withoutProducer(req)
			r.encode()
		}
		if r.point != first {
			return false
		}
		mu.Lock()
		held = append(held, r.frame)
		mu.Unlock()
		time.AfterFunc(3*time.Second, flush)
		c.answer(r, acknowledged(w, req))
		return true
	}
	wire.passed = func(point string) {
		if point == second+", after" {
			flush()
		}
	}
}

// acknowledged is the answer to a produce request that was not sent.
func acknowledged(w *world, req *kmsg.ProduceRequest) kmsg.Response {
	res := req.ResponseKind().(*kmsg.ProduceResponse) //nolint:errcheck // its own kind
	for _, t := range req.Topics {
		rt := kmsg.NewProduceResponseTopic()
		rt.Topic = t.Topic
		for _, p := range t.Partitions {
			rp := kmsg.NewProduceResponseTopicPartition()
			rp.Partition = p.Partition
			if info := w.cluster.PartitionInfo(t.Topic, p.Partition); info != nil {
				rp.BaseOffset = info.HighWatermark
			}
			rt.Partitions = append(rt.Partitions, rp)
		}
		res.Topics = append(res.Topics, rt)
	}
	return res
}

// answer gives the client an answer that no broker sent. The caller holds mu.
func (c *wireConn) answer(r *request, res kmsg.Response) {
	b := make([]byte, 8)
	if res.IsFlexible() {
		b = append(b, 0)
	}
	b = res.AppendTo(b)
	binary.BigEndian.PutUint32(b, uint32(len(b)-4))
	binary.BigEndian.PutUint32(b[4:], uint32(r.corr))
	c.pending = append(c.pending, r.point)
	_, _ = c.in.write(b)
}

// sendFrame sends a request over a connection of its own and waits for the
// answer, whatever it says.
func (w *world) sendFrame(frame []byte) { w.sendFrameTo(w.brokers[0], frame) }

// sendFrameTo does so to one broker, if it is there.
func (w *world) sendFrameTo(addr string, frame []byte) {
	conn, err := w.n.dial(context.Background(), addr)
	if err != nil {
		return
	}
	defer conn.Close() //nolint:errcheck // in memory
	if _, err := conn.Write(frame); err == nil {
		_, _ = conn.Read(make([]byte, 1))
	}
}

// withoutProducer makes batches of nobody's.
func withoutProducer(req *kmsg.ProduceRequest) {
	for _, t := range req.Topics {
		for i := range t.Partitions {
			b := t.Partitions[i].Records
			// Batch header: producer id at 43, epoch at 51, sequence at 53;
			// checksum at 17 of everything from 21 on.
			for j := 43; j < 57; j++ {
				b[j] = 0xff
			}
			binary.BigEndian.PutUint32(b[17:], crc32.Checksum(b[21:], crc32.MakeTable(crc32.Castagnoli)))
		}
	}
}

// Breaking any one mechanism makes a scenario fail: the suite bites.
func TestMutations(t *testing.T) {
	const seeds = 20 // most are noticed by the first five
	for _, m := range mutations() {
		t.Run(strings.ReplaceAll(m.name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			if used := time.Since(processStart); InProcess.quick() && used > QuickBudget {
				t.Skipf("the quick subset's %s are used up: `make faults` runs all", QuickBudget)
			}
			caught := Mutation{Mutation: m.name}
			for seed := uint64(1); seed <= seeds && caught.Caught == ""; seed++ {
				for _, n := range m.scenarios {
					run := inProcess[n]
					if run == nil {
						continue
					}
					v := run(t, New(seed), options{mutate: m})
					if len(v.all) > 0 {
						caught.Caught = fmt.Sprintf("%s, seed %d", Find(n), seed)
						caught.Why = v.all[0].text
						break
					}
				}
			}
			if err := caught.Record(); err != nil {
				t.Error(err)
			}
			if caught.Caught == "" {
				t.Errorf("%s: no scenario noticed", m.name)
				return
			}
			t.Logf("%s: noticed by %s: %s", m.name, caught.Caught, caught.Why)
		})
	}
}
