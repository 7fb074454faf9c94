package faults

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/lapwing-sec/lapwing/enrich"
	"github.com/lapwing-sec/lapwing/internal/stream"
	"github.com/lapwing-sec/lapwing/schemas"
)

const identities = 12

// inventory declares what the generator's identities may do.
func inventory() (*schemas.Inventory, error) {
	text := "identities:\n"
	for i := range identities + 8 { // some for live
		text += fmt.Sprintf(`  - id: kong:consumer/partner-%d
    kind: integration
    owner: owner-%d@example.com
    criticality: high
    allowed:
      operations: ["GET /v1/*", "POST /v1/*"]
      networks: [198.51.100.0/24]
`, i, i)
	}
	return enrich.ParseInventory("inventory.yaml", []byte(text))
}

// issued is one call that the generator made up: the oracle knows all of them.
type issued struct {
	n        int
	identity int
	at       time.Time
	// bad calls break the policy, so each must be told of.
	bad bool
}

// traffic issues calls of a gateway's log, each with a number of its own.
type traffic struct {
	rand  *rand.Rand
	calls []issued
}

// call issues the next call at a time of event.
func (g *traffic) call(at time.Time, bad bool) issued {
	c := issued{n: len(g.calls), identity: g.rand.IntN(identities), at: at.Truncate(time.Millisecond), bad: bad}
	g.calls = append(g.calls, c)
	return c
}

// line is the call as Kong logs it.
func (c issued) line() []byte {
	method, route := "GET", fmt.Sprintf("/v1/orders/%d", c.n%7)
	ip := fmt.Sprintf("198.51.100.%d", 1+c.identity)
	if c.bad {
		// A different breach each time, so that none is a repetition.
		method, route = "DELETE", fmt.Sprintf("/admin/area%d", c.n)
	}
	m := map[string]any{
		"service":   map[string]any{"name": "orders"},
		"request":   map[string]any{"method": method, "uri": fmt.Sprintf("%s?n=%d", route, c.n), "size": 100, "querystring": map[string]any{"n": fmt.Sprint(c.n)}, "headers": map[string]any{"host": "api.example.com", "user-agent": "partner/1"}},
		"response":  map[string]any{"status": 200, "size": 1000 + c.n%50},
		"latencies": map[string]any{"request": 12, "proxy": 10, "kong": 2},
		"client_ip": ip, "started_at": c.at.UnixMilli(),
		"consumer": map[string]any{"username": fmt.Sprintf("partner-%d", c.identity)},
	}
	if c.n%2 == 0 { // half of the calls come with an id of the source's
		if req, ok := m["request"].(map[string]any); ok {
			req["id"] = fmt.Sprintf("%032x", c.n)
		}
	}
	b, err := json.Marshal(m)
	if err != nil {
		panic(err) // plain maps always encode
	}
	return b
}

// records turns calls into raw records: one in four holds several.
func (g *traffic) records(calls []issued) []stream.Record {
	var recs []stream.Record
	for len(calls) > 0 {
		n := 1
		if g.rand.IntN(4) == 0 {
			n = min(len(calls), 2+g.rand.IntN(4))
		}
		value := calls[0].line()
		if n > 1 {
			value = append([]byte("["), value...)
			for _, c := range calls[1:n] {
				value = append(append(value, ','), c.line()...)
			}
			value = append(value, ']')
		}
		recs = append(recs, stream.Record{Value: value})
		calls = calls[n:]
	}
	return recs
}

// burst issues n calls, spread evenly over the time up to end, one in ten bad.
func (g *traffic) burst(n int, end time.Time, over time.Duration) []stream.Record {
	calls := make([]issued, n)
	for i := range calls {
		at := end.Add(-over + over*time.Duration(i+1)/time.Duration(n))
		calls[i] = g.call(at, g.rand.IntN(10) == 0)
	}
	return g.records(calls)
}

// backfill issues calls of the last days, one after the other, none bad: a year
// ago nobody could have been told.
func (w *world) backfill(n, days int) []stream.Record {
	calls := make([]issued, n)
	for i := range calls {
		ago := time.Duration(days) * 24 * time.Hour * time.Duration(n-i) / time.Duration(n)
		calls[i] = w.traffic.call(time.Now().Add(-ago), false)
	}
	return w.traffic.records(calls)
}
