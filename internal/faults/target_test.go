package faults

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lapwing-sec/lapwing/internal/embedded"
	"github.com/lapwing-sec/lapwing/internal/stream"
	"github.com/lapwing-sec/lapwing/schemas"
)

// hosts are the names that HTTP sinks may dial in these tests: a sink's own
// transport is a copy of the default one, whose network TestMain replaces.
var hosts sync.Map // host:port -> func(context.Context) (net.Conn, error)

func TestMain(m *testing.M) {
	if asked, err := embedded.ServeIfAsked(os.Args); asked { // this binary is the engine's process as well
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	if tr, ok := http.DefaultTransport.(*http.Transport); ok {
		tr.DialContext = func(ctx context.Context, _, addr string) (net.Conn, error) {
			dial, ok := hosts.Load(addr)
			if !ok {
				return nil, fmt.Errorf("no such host: %s", addr)
			}
			f, ok := dial.(func(context.Context) (net.Conn, error))
			if !ok {
				return nil, errors.New("not a dialer")
			}
			return f(ctx)
		}
		tr.Proxy = nil
	}
	os.Exit(m.Run())
}

// rollupKey and sums are what a materialised view keeps by the hour.
type rollupKey struct {
	identity string
	hour     int64
}

type sums struct{ calls, bytes uint64 }

// warehouse takes events as ClickHouse does: what comes under a token that it
// has seen is acknowledged and not stored, whatever it is.
type warehouse struct {
	mu     sync.Mutex
	tokens map[string]bool
	rows   map[string]int
	rollup map[rollupKey]sums
	// down: the server does not answer.
	down bool
	// fail decides what goes wrong with an insert, before or after it is stored.
	fail func() (before, after error)
	// stored counts inserts that were not repetitions.
	stored, repeated int
	// maxHeld is the most rows that came in one insert.
	maxHeld int
}

func newWarehouse() *warehouse {
	return &warehouse{tokens: map[string]bool{}, rows: map[string]int{}, rollup: map[rollupKey]sums{}}
}

func (h *warehouse) insert(token string, recs []stream.Record) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.down {
		return errors.New("connection refused")
	}
	var after error
	if h.fail != nil {
		var before error
		if before, after = h.fail(); before != nil {
			return before
		}
	}
	h.maxHeld = max(h.maxHeld, len(recs))
	if h.tokens[token] {
		h.repeated++
		return after
	}
	h.tokens[token] = true
	h.stored++
	for i := range recs {
		ev := new(schemas.Event)
		if err := ev.UnmarshalVT(recs[i].Value); err != nil {
			return err
		}
		h.rows[coordinates(ev)]++
		addTo(h.rollup, ev)
	}
	return after
}

func (h *warehouse) setDown(down bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.down = down
}

func (h *warehouse) count() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.rows)
}

type rollup = map[rollupKey]sums

func addTo(r rollup, ev *schemas.Event) {
	k := rollupKey{ev.IdentityId, ev.Time / int64(time.Hour)}
	s := r[k]
	s.calls++
	s.bytes += ev.GetBytesOut()
	r[k] = s
}

// coordinates name an event by where it came from.
func coordinates(ev *schemas.Event) string {
	return fmt.Sprintf("%s/%d/%d/%d", ev.RawTopic, ev.RawPartition, ev.RawOffset, ev.RawIndex)
}

// message is one alert version as a receiver got it.
type message struct {
	id      string
	version int
	action  string
}

func (m message) String() string { return fmt.Sprintf("%s.%d %s", m.id, m.version, m.action) }

// receiver is a destination: a SIEM that appends what it gets, or a pager that
// keeps one incident for each dedup key.
type receiver struct {
	name string
	mu   sync.Mutex
	got  []message
	at   []time.Time
	down bool
	// incidents by dedup key: how often each was opened, and whether it is open.
	opened map[string]int
	open   map[string]bool
	// until is when the alert manager takes each alert to end.
	until  map[string]time.Time
	server *http.Server
}

func newReceiver(name string) *receiver {
	return &receiver{name: name, opened: map[string]int{}, open: map[string]bool{}, until: map[string]time.Time{}}
}

// serve answers on a listener of the world's network.
func (r *receiver) serve(l net.Listener) {
	r.server = &http.Server{Handler: r, ReadHeaderTimeout: time.Minute}
	go func() { _ = r.server.Serve(l) }() // ends with the listener
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.down {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	switch r.name {
	case "pager":
		err = r.incident(body)
	case "manager":
		err = r.manage(body)
	default:
		err = r.append(body)
	}
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
	}
}

func (r *receiver) append(body []byte) error {
	var a schemas.Alert
	if err := json.Unmarshal(body, &a); err != nil {
		return err
	}
	r.note(message{a.ID(), a.Version(), ""})
	return nil
}

func (r *receiver) note(m message) {
	r.got = append(r.got, m)
	r.at = append(r.at, time.Now())
}

// incident is Events API v2: a trigger opens an incident unless one is open
// under its dedup key, a resolve closes it.
func (r *receiver) incident(body []byte) error {
	var ev struct {
		Action  string `json:"event_action"`
		Key     string `json:"dedup_key"`
		Payload struct {
			Details struct {
				Version int `json:"alert_version"`
			} `json:"custom_details"`
		} `json:"payload"`
	}
	if err := json.Unmarshal(body, &ev); err != nil {
		return err
	}
	r.note(message{ev.Key, ev.Payload.Details.Version, ev.Action})
	switch ev.Action {
	case "trigger":
		if !r.open[ev.Key] {
			r.opened[ev.Key]++
			r.open[ev.Key] = true
		}
	case "resolve":
		r.open[ev.Key] = false
	}
	return nil
}

// manage is Alertmanager's API v2: an alert is active until its end, and the
// last word about the end counts.
func (r *receiver) manage(body []byte) error {
	var alerts []struct {
		Labels map[string]string `json:"labels"`
		EndsAt time.Time         `json:"endsAt"`
	}
	if err := json.Unmarshal(body, &alerts); err != nil {
		return err
	}
	for _, a := range alerts {
		r.until[a.Labels["alert_id"]] = a.EndsAt
	}
	return nil
}

// forget is a restart of the alert manager.
func (r *receiver) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	clear(r.until)
}

func (r *receiver) setDown(down bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.down = down
}

func (r *receiver) messages() []message {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]message(nil), r.got...)
}

// table is the destination that keeps the last version of each alert, as
// ClickHouse's does.
type table struct {
	mu       sync.Mutex
	versions map[string]int
	values   map[string]string
}

func newTable() *table { return &table{versions: map[string]int{}, values: map[string]string{}} }

// Write implements alerting.Sink.
func (d *table) Write(_ context.Context, batch []schemas.Alert) []error {
	d.mu.Lock()
	defer d.mu.Unlock()
	errs := make([]error, len(batch))
	for i := range batch {
		b, err := json.Marshal(&batch[i])
		if err != nil {
			errs[i] = err
			continue
		}
		if id := batch[i].ID(); batch[i].Version() >= d.versions[id] {
			d.versions[id], d.values[id] = batch[i].Version(), string(b)
		}
	}
	return errs
}

// Close implements alerting.Sink.
func (d *table) Close() error { return nil }

func host(name string) string { return strings.ToLower(name) + ".test" }
