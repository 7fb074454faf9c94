package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/lapwing-sec/lapwing/schemas"
)

const alertRole = "alert"

// destinations are those that withReceivers configures.
var destinations = []string{"siem", "other", "pager"}

// version is one version of an alert.
type version struct {
	id string
	n  int
}

// receiver is a destination: a SIEM that appends what it gets, or a pager that keeps
// one incident for each dedup key.
type receiver struct {
	url  string
	down atomic.Bool

	mu     sync.Mutex
	got    []version
	opened map[string]int
	open   map[string]bool
}

func newReceiver(w *world, take func(r *receiver, body []byte) error) *receiver {
	r := &receiver{opened: map[string]int{}, open: map[string]bool{}}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if r.down.Load() {
			rw.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		if err != nil || take(r, body) != nil {
			rw.WriteHeader(http.StatusBadRequest)
			return
		}
		rw.WriteHeader(http.StatusAccepted)
	}))
	w.t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

// ticket takes an alert as a SIEM does.
func ticket(r *receiver, body []byte) error {
	var a schemas.Alert
	if err := json.Unmarshal(body, &a); err != nil {
		return err
	}
	r.got = append(r.got, version{a.ID(), a.Version()})
	return nil
}

// incident takes an event of PagerDuty's Events API v2.
func incident(r *receiver, body []byte) error {
	var ev struct {
		Action string `json:"event_action"`
		Key    string `json:"dedup_key"`
	}
	if err := json.Unmarshal(body, &ev); err != nil {
		return err
	}
	switch ev.Action {
	case "trigger":
		if !r.open[ev.Key] {
			r.opened[ev.Key]++
		}
		r.open[ev.Key] = true
	case "resolve":
		r.open[ev.Key] = false
	}
	r.got = append(r.got, version{ev.Key, 0})
	return nil
}

func (r *receiver) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.got)
}

// guests is how many identities may do little: a call of one outside of that is an
// alert and a page.
const guests = 200

// alarm sends such a call of some of them, each its only one.
func (w *world) alarm(n int) {
	w.t.Helper()
	var recs []*kgo.Record
	for range n {
		line := strings.Replace(kongLine, "1767225600000", strconv.Itoa(1781568000000+1000*w.alarms), 1) // within the fleet's days
		line = strings.Replace(line, `"method":"GET","uri":"/v1/orders/17?x=1"`, fmt.Sprintf(`"method":"DELETE","uri":"/admin/area%d"`, w.alarms), 1)
		// Each from elsewhere with a key of its own: what identities share makes one incident.
		line = strings.Replace(line, "203.0.113.9", fmt.Sprintf("203.0.%d.9", 1+w.alarms), 1)
		line = strings.Replace(line, "eaa330c0", fmt.Sprintf("%08x", 1+w.alarms), 1)
		line = strings.Replace(line, "partner-7", "guest-"+strconv.Itoa(w.alarms), 1)
		recs = append(recs, &kgo.Record{Topic: w.raw("kong"), Partition: int32(w.alarms % 2), Value: []byte(line)}) //nolint:gosec // two partitions
		w.alarms++
	}
	require.LessOrEqual(w.t, w.alarms, guests)
	for _, res := range w.oracle.ProduceSync(w.t.Context(), recs...) {
		require.NoError(w.t, res.Err)
		w.acked[coordinates{res.Record.Topic, res.Record.Partition, res.Record.Offset}] = true
	}
}

// withReceivers configures two SIEMs and a pager, and starts everything but the alert
// role.
func (w *world) withReceivers() {
	w.siem, w.other, w.pager = newReceiver(w, ticket), newReceiver(w, ticket), newReceiver(w, incident)
	secret := "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
	w.more = fmt.Sprintf(`destinations:
  - {name: siem, kind: webhook, url: %q, secret: %q}
  - {name: other, kind: webhook, url: %q, secret: %q}
  - {name: pager, kind: pagerduty, url: %q, token: "0123456789abcdef0123456789abcdef"}
`, w.siem.url, secret, w.other.url, secret, w.pager.url)
	text, err := os.ReadFile(w.inventory)
	require.NoError(w.t, err)
	const head = "identities:\n"
	list := []byte(head)
	for i := range guests {
		list = fmt.Appendf(list, `  - {id: kong:consumer/guest-%d, kind: integration, owner: team@example.com, criticality: high, allowed: {operations: [GET /v1/*], networks: [198.51.100.0/24]}}`+"\n", i)
	}
	require.Contains(w.t, string(text), head)
	text = bytes.Replace(text, []byte(head), list, 1)
	require.NoError(w.t, os.WriteFile(w.inventory, text, 0o600))
	w.configure()
	w.start()
	w.run(enrichRole)
	w.run(detectRole)
	w.run("store")
}

// alertsSaid are the versions in lapwing.alerts, each alert's in order, and what is
// known of each alert. An alert is told by one cell.
func (w *world) alertsSaid() (all []version, pages, closed map[string]bool) {
	w.t.Helper()
	pages, closed = map[string]bool{}, map[string]bool{}
	cell := map[string]int32{}
	seen := map[version]bool{}
	for _, recs := range w.readAll(w.prefix + "alerts") {
		for _, rec := range recs {
			var a schemas.Alert
			require.NoError(w.t, json.Unmarshal(rec.Value, &a))
			v := version{a.ID(), a.Version()}
			if was, ok := cell[v.id]; ok {
				require.Equal(w.t, was, rec.Partition, "one cell tells of %s", v.id)
			}
			cell[v.id] = rec.Partition
			if !seen[v] {
				all = append(all, v)
			}
			seen[v] = true
			pages[v.id] = pages[v.id] || a.Unmapped.Lapwing.Page
			closed[v.id] = closed[v.id] || a.ActivityID == schemas.ActivityClose
		}
	}
	return all, pages, closed
}

func ended(closed map[string]bool) (n int) {
	for _, is := range closed {
		if is {
			n++
		}
	}
	return n
}

// told waits until a destination has taken all of lapwing.alerts.
func (w *world) told(name string) {
	w.t.Helper()
	topic := w.prefix + "alerts"
	ends, err := w.kc.Ends(w.t.Context(), topic)
	require.NoError(w.t, err)
	w.await(name+" at the end of "+topic, func() bool {
		at, err := w.kc.Committed(w.t.Context(), w.group("alert-"+name), topic)
		if err != nil {
			return false
		}
		for i := range ends {
			if at[i] < ends[i] {
				return false
			}
		}
		return true
	})
}

// compareReceivers expects every version at the SIEMs, an alert's in order, and one
// incident for each alert that pages, open as long as the alert is. once: none of the
// alert role's processes died, so nothing came twice.
func (w *world) compareReceivers(once bool) {
	t := w.t
	t.Helper()
	all, pages, closed := w.alertsSaid()
	require.NotEmpty(t, all)
	for name, r := range map[string]*receiver{"siem": w.siem, "other": w.other} {
		r.mu.Lock()
		newest, times := map[string]int{}, map[version]int{}
		for _, v := range r.got {
			if times[v] == 0 {
				require.Greater(t, v.n, newest[v.id], "%s got the versions of %s in order", name, v.id)
			}
			newest[v.id] = max(newest[v.id], v.n)
			times[v]++
		}
		r.mu.Unlock()
		for _, v := range all {
			if times[v] == 0 {
				w.result.Lost(1)
				t.Errorf("%s never got %v", name, v)
			}
			if once && times[v] > 1 {
				w.result.Duplicated(1)
				t.Errorf("%s got %v %d times", name, v, times[v])
			}
			delete(times, v)
		}
		require.Empty(t, times, "%s got what is in no log", name)
	}
	w.pager.mu.Lock()
	defer w.pager.mu.Unlock()
	paged := 0
	for id, page := range pages {
		switch n := w.pager.opened[id]; {
		case page && n == 0:
			w.result.Lost(1)
			t.Errorf("alert %s paged nobody", id)
		case n > 1:
			w.result.Duplicated(1)
			t.Errorf("alert %s opened %d incidents", id, n)
		case page:
			paged++
		}
		require.Equal(t, page && !closed[id], w.pager.open[id], "whether the incident of %s is open", id)
	}
	require.Positive(t, paged, "the fleet pages somebody")
	t.Logf("%d versions of %d alerts, %d of them paged, %d closed", len(all), len(pages), paged, ended(closed))
}

// allTold brings the world to rest, and expects of every destination what
// compareReceivers says.
func (w *world) allTold(once bool) {
	w.t.Helper()
	w.rest()
	w.caughtUp()
	for _, name := range destinations {
		w.told(name)
	}
	w.compareReceivers(once)
	w.judge(nil)
}

// fed feeds some traffic, with alarms in it, and waits until it was judged, so that
// its alerts are said.
func (w *world) fed(n int) {
	w.alarm(2 + w.rng.IntN(6))
	w.feed(n)
	w.caughtUp()
}

// One destination of three is down while alerts come; the others have all of them
// before it is up again.
func (w *world) oneDestinationDown() {
	w.withReceivers()
	p := w.run(alertRole).up(w.t)
	w.fed(600)
	bad := destinations[w.rng.IntN(len(destinations))]
	down := map[string]*receiver{"siem": w.siem, "other": w.other, "pager": w.pager}[bad]
	down.down.Store(true)
	w.fault("%s is down", bad)
	had := down.count()
	w.fed(2 * w.slice())
	w.fed(2 * w.slice())
	for _, name := range destinations {
		if name != bad {
			w.told(name)
		}
	}
	require.Equal(w.t, had, down.count(), "it was down")
	w.await("its lag", func() bool { return p.metric("lapwing_stage_lag_records", w.group("alert-"+bad)) > 0 })
	down.down.Store(false)
	w.healed = time.Now()
	w.allTold(true)
}

// The pager is down for longer than alerts last, and the alert role dies meanwhile.
func (w *world) pagerDown() {
	w.withReceivers()
	w.pager.down.Store(true)
	p := w.run(alertRole)
	w.fault("the pager is down")
	over := 0
	for i := 0; i < 4 || i < 12 && over == 0; i++ {
		w.fed(2 * w.slice())
		_, _, closed := w.alertsSaid()
		over = ended(closed)
	}
	require.Positive(w.t, over, "alerts that have ended")
	w.drop(p)
	p = w.run(alertRole).up(w.t)
	require.Zero(w.t, w.pager.count())
	w.pager.down.Store(false)
	w.pause(700 * time.Millisecond)
	w.drop(p) // while it catches up, or after
	w.run(alertRole)
	w.allTold(false)
}

// Processes of the alert role die while alerts open and close.
func (w *world) killAlerts() {
	w.withReceivers()
	procs := []*lapwingProcess{w.run(alertRole), w.run(alertRole)}
	for range 8 {
		w.alarm(1 + w.rng.IntN(6))
		w.feed(w.slice())
		w.pause(time.Second)
		i := w.rng.IntN(len(procs))
		w.drop(procs[i])
		procs[i] = w.run(alertRole)
	}
	w.allTold(false)
}

// ClickHouse is away while events come: the store holds a batch and no more, its lag
// shows, and it drains once ClickHouse is back.
func (w *world) clickHouseAway() {
	w.start()
	w.run(enrichRole)
	w.run(detectRole)
	s := w.run(sinkRoles)
	w.allUp()
	w.feed(600)
	w.caughtUp()
	w.await("the first rows", func() bool { return w.query("SELECT count() FROM events") >= 600 })
	before := s.peak(w)
	w.db.net.cut()
	w.fault("ClickHouse is cut off")
	for range 5 {
		w.feed(2 * w.slice())
		w.caughtUp()
	}
	waiting := float64(len(w.acked) - 600)
	w.await("the lag", func() bool { return s.metric("lapwing_stage_lag_records", `stage="store"`) >= waiting })
	grown := s.peak(w) - before
	require.Less(w.t, grown, 64<<20, "the store's memory is bounded")
	w.db.net.mend(w.t)
	w.healed = time.Now()
	w.rest()
	w.judge(nil)
}
