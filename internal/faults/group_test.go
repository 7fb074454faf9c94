package faults

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Scenario 4. Processes join and leave, some without a word, every second while
// records flow; one stays.
func rebalanceStorm(t *testing.T, r *Result, o options) *verdict {
	o.cells, o.partitions = 4, 4
	return inWorld(t, r, o, func(w *world) {
		steady := w.start(everything())
		var guests []*process
		for range 12 {
			w.send(w.traffic.burst(20+r.Rand.IntN(30), time.Now(), time.Minute))
			if len(guests) < 3 && (len(guests) == 0 || r.Rand.IntN(2) == 0) {
				guests = append(guests, w.start(everything()))
			} else {
				i := r.Rand.IntN(len(guests))
				if r.Rand.IntN(3) == 0 {
					guests[i].kill()
				} else {
					guests[i].stop()
				}
				w.ended(guests[i])
				guests = append(guests[:i], guests[i+1:]...)
			}
			r.Faults(1)
			pass(time.Second)
		}
		for _, g := range guests {
			g.stop()
			w.ended(g)
		}
		w.finishWith(steady)
		w.ended(steady)
	})
}

// stalls are points at which a process that stands still has something in hand.
var stalls = []string{
	"produce events, before", "produce events, before", "produce events, before", "commit enrich, before", "enrich",
	"snapshot chunk, before", "snapshot end, before", "produce alerts, before", "apply", "fetch events, after",
	"insert, before", "deliver siem, before", "produce alert-state, before",
}

// Scenario 5. A process stands still past its session with something in hand;
// another does its work; then it wakes up and goes on where it was.
func zombies(t *testing.T, r *Result, o options) *verdict {
	o.cells, o.snapshotEvents = 1+r.Rand.IntN(2), 40
	return inWorld(t, r, o, func(w *world) {
		w.send(w.traffic.burst(100+r.Rand.IntN(100), time.Now(), 10*time.Minute))
		point, nth := stalls[r.Rand.IntN(len(stalls))], 1+r.Rand.IntN(3)
		paused := make(chan func(), 1)
		var stands atomic.Bool // it does so once: nobody would wake it a second time
		zombie := w.startWith(everything(), func(wr *wire) {
			wr.at = func(at string, visit int) {
				if at == point && visit == nth && stands.CompareAndSwap(false, true) {
					paused <- wr.pause()
				}
			}
		})
		var resume func()
		select {
		case resume = <-paused:
			w.t.Logf("stands still at %q, visit %d", point, nth)
		case <-time.After(session):
			if stands.CompareAndSwap(false, true) {
				resume = zombie.wire.pause()
				w.t.Logf("%q has not come, stands still at rest", point)
			} else {
				resume = <-paused
			}
		}
		r.Faults(1)
		successor := w.start(everything())
		w.send(w.traffic.burst(50+r.Rand.IntN(50), time.Now(), time.Minute))
		if !w.settled(5 * time.Minute) {
			w.v.lost("nobody took over from a process that stands still")
		}
		r.Died(standStill)
		resume()
		w.send(w.traffic.burst(20+r.Rand.IntN(50), time.Now(), time.Minute))
		pass(session)
		if r.Rand.IntN(2) == 0 {
			zombie, successor = successor, zombie // either may be left over
		}
		zombie.stop()
		w.ended(zombie)
		w.finishWith(successor)
		w.ended(successor)
	})
}

// Scenario 6. The broker appends a batch, and the process does not hear of it:
// the answer is lost with its connection, or it says that time ran out.
func produceTimeout(t *testing.T, r *Result, o options) *verdict {
	o.cells = 1 + r.Rand.IntN(2)
	return inWorld(t, r, o, func(w *world) {
		lost := 0
		p := w.startWith(everything(), func(wr *wire) {
			wr.lose = func(point string, _ int) bool {
				switch point {
				case "produce events, after", "produce alerts, after", "produce alert-state, after", "produce deadletter, after",
					"fence events, after", "fence state, after", "snapshot chunk, after", "snapshot end, after":
				default:
					return false
				}
				if lost >= 40 || r.Rand.IntN(3) != 0 {
					return false
				}
				lost++
				return true
			}
		})
		for range 4 {
			w.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: "lapwing.events", Err: kerr.RequestTimedOut, Count: 1 + r.Rand.IntN(3)})
			r.Faults(1)
			w.send(w.traffic.burst(40+r.Rand.IntN(60), time.Now(), time.Minute))
			pass(5 * time.Second)
		}
		w.finishWith(p)
		w.ended(p)
		r.Faults(lost)
		if lost == 0 {
			w.t.Error("no answer was lost")
		}
	})
}

// Scenario 7. Partitions change their leaders and groups their coordinators,
// brokers leave and come back, and all of them restart at once.
func brokerMoves(t *testing.T, r *Result, o options) *verdict {
	o.cells, o.brokers, o.dir = 2, 3, t.TempDir()
	return inWorld(t, r, o, func(w *world) {
		p := w.start(everything())
		topics := []string{rawTopic, "lapwing.events", "lapwing.alerts", "lapwing.state", "lapwing.alert-state"}
		for range 6 {
			w.send(w.traffic.burst(30+r.Rand.IntN(40), time.Now(), time.Minute))
			pass(time.Duration(r.Rand.IntN(1500)) * time.Millisecond)
			switch what := r.Rand.IntN(5); what {
			case 0:
				for range 3 {
					w.must(w.cluster.MoveTopicPartition(topics[r.Rand.IntN(len(topics))], 0, int32(r.Rand.IntN(3))))
				}
			case 1:
				w.cluster.ShufflePartitionLeaders()
			case 2:
				w.cluster.RehashCoordinators()
			case 3:
				w.restart()
			case 4:
				p.wire.drop()
			}
			r.Faults(1)
			pass(2 * time.Second)
		}
		w.finishWith(p)
		w.ended(p)
	})
}

// restart stops all brokers and starts them again on what they had on disk.
func (w *world) restart() {
	w.t.Helper()
	w.mu.Lock()
	w.down = true
	w.mu.Unlock()
	w.cluster.Close()
	pass(time.Second)
	w.must(w.startCluster())
	w.mu.Lock()
	w.down = false
	w.mu.Unlock()
}

func (w *world) startCluster() error {
	ports := make([]int, w.o.brokers)
	for i := range ports {
		ports[i] = 9092 + i
	}
	opts := []kfake.Opt{kfake.Ports(ports...), kfake.ListenFn(w.n.listen), kfake.GroupMinSessionTimeout(time.Second)}
	if len(w.o.settings) > 0 {
		opts = append(opts, kfake.BrokerConfigs(w.o.settings))
	}
	if w.o.dir != "" {
		opts = append(opts, kfake.DataDir(w.o.dir))
	}
	cluster, err := kfake.NewCluster(opts...)
	if err != nil {
		return fmt.Errorf("start the brokers: %w", err)
	}
	w.cluster, w.brokers = cluster, cluster.ListenAddrs()
	return nil
}
