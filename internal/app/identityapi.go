package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/lapwing-sec/lapwing/enrich"
	"github.com/lapwing-sec/lapwing/internal/stream"
	"github.com/lapwing-sec/lapwing/schemas"
)

// Limits of a request to /identities. One is handled at a time.
const (
	maxIdentitiesBody = 16 << 20
	identitiesTimeout = time.Minute
)

// identityAPI serves /identities: what PUT states is kept in lapwing.identities
// under keys of its own, so that it survives restarts, and every enricher that
// follows the topic takes it up. It keeps what was stated in memory.
type identityAPI struct {
	produce  func(ctx context.Context, recs []stream.Record) error
	log      zerolog.Logger
	requests *prometheus.CounterVec

	mu     sync.Mutex // one change at a time
	table  sync.RWMutex
	byID   map[string]schemas.Identity
	synced bool // the topic was read to its end
}

func newIdentityAPI(produce func(context.Context, []stream.Record) error, reg prometheus.Registerer, log zerolog.Logger) (*identityAPI, error) {
	a := &identityAPI{produce: produce, log: log, byID: map[string]schemas.Identity{}}
	a.requests = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "lapwing_identities_requests_total", Help: "Requests to /identities by method and HTTP status.",
	}, []string{"method", "code"})
	if err := reg.Register(a.requests); err != nil {
		return nil, fmt.Errorf("identities metrics: %w", err)
	}
	return a, nil
}

// startIdentityAPI follows the topic for what PUT stated, by whichever process,
// and gives the handler of /identities.
func (p *process) startIdentityAPI() (http.Handler, error) {
	topic := p.kafka.Topic("identities")
	a, err := newIdentityAPI(func(ctx context.Context, recs []stream.Record) error {
		return p.kafka.Produce(ctx, topic, recs)
	}, p.reg, p.log)
	if err != nil {
		return nil, err
	}
	p.group.Go(func() error {
		if err := p.kafka.Follow(p.roles, topic, a.record, a.reached); err != nil && p.roles.Err() == nil {
			return fmt.Errorf("identities of the API: %w", err)
		}
		return nil
	})
	return withToken(p.cfg.Inventory.Token.Reveal(), a), nil
}

// monitorHandler is what the monitor listener serves; /identities has a token of
// its own, since whoever may read metrics may not declare identities.
func (p *process) monitorHandler() (http.Handler, error) {
	mux := http.NewServeMux()
	mux.Handle("/", withToken(p.cfg.Monitor.Token.Reveal(), newMonitor(p.reg, p.ready)))
	var api http.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "/identities is off: set inventory.token to turn it on", http.StatusForbidden)
	})
	if p.cfg.Inventory.Token != "" {
		var err error
		if api, err = p.startIdentityAPI(); err != nil {
			return nil, err
		}
	}
	mux.Handle("/identities", api)
	mux.Handle("/identities/", api)
	return mux, nil
}

// record takes one record of the topic.
func (a *identityAPI) record(key, value []byte) {
	source, id, ok := topicKey(string(key))
	if !ok || source != enrich.SourceAPI {
		return
	}
	a.table.Lock()
	defer a.table.Unlock()
	if value == nil {
		delete(a.byID, id)
		return
	}
	// What can't be read is reported where it is used, by the enricher.
	if ident, err := readIdentity(value); err == nil {
		a.byID[id] = ident
	}
}

func (a *identityAPI) reached() {
	a.table.Lock()
	defer a.table.Unlock()
	a.synced = true
}

// statusWriter remembers the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	code int
}

// WriteHeader implements http.ResponseWriter.
func (w *statusWriter) WriteHeader(code int) {
	w.code = code
	w.ResponseWriter.WriteHeader(code)
}

// Unwrap serves http.ResponseController.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// ServeHTTP implements http.Handler.
func (a *identityAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	sw := &statusWriter{w, http.StatusOK}
	a.serve(sw, r)
	method := r.Method
	if !slices.Contains([]string{http.MethodGet, http.MethodPut, http.MethodDelete}, method) {
		method = "other"
	}
	a.requests.WithLabelValues(method, fmt.Sprint(sw.code)).Inc()
}

func (a *identityAPI) serve(w http.ResponseWriter, r *http.Request) {
	a.table.RLock()
	synced := a.synced
	a.table.RUnlock()
	if !synced {
		w.Header().Set("Retry-After", "1")
		http.Error(w, "the identities topic is still being read: try again in a moment", http.StatusServiceUnavailable)
		return
	}
	// ServeMux would clean the // of a SPIFFE ID away if it cut the id out.
	id, one := strings.CutPrefix(r.URL.Path, "/identities/")
	one = one && id != ""
	switch {
	case r.Method == http.MethodGet && one:
		a.getOne(w, enrich.Canonical(id))
	case r.Method == http.MethodGet:
		a.getAll(w, r)
	case r.Method == http.MethodPut && !one:
		a.put(w, r)
	case r.Method == http.MethodDelete && one:
		a.remove(w, r, enrich.Canonical(id))
	default:
		allow := "GET, PUT"
		if one {
			allow = "GET, DELETE"
		}
		w.Header().Set("Allow", allow)
		http.Error(w, "want one of "+allow, http.StatusMethodNotAllowed)
	}
}

func (a *identityAPI) getOne(w http.ResponseWriter, id string) {
	a.table.RLock()
	ident, ok := a.byID[id]
	a.table.RUnlock()
	if !ok {
		http.Error(w, fmt.Sprintf("no PUT has stated %q", id), http.StatusNotFound)
		return
	}
	a.answer(w, ident)
}

// getAll gives what was stated as an inventory, which can be PUT again.
func (a *identityAPI) getAll(w http.ResponseWriter, r *http.Request) {
	a.table.RLock()
	inv := inventoryOf(a.byID)
	a.table.RUnlock()
	if strings.Contains(r.Header.Get("Accept"), "yaml") {
		w.Header().Set("Content-Type", "application/yaml")
		if err := enrich.WriteInventory(w, inv); err != nil {
			a.log.Warn().Err(err).Msg("identities not sent")
		}
		return
	}
	a.answer(w, struct {
		Identities []schemas.Identity `json:"identities"`
	}{inv.Identities})
}

func (a *identityAPI) answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(v); err != nil {
		a.log.Warn().Err(err).Msg("identities not sent")
	}
}

// putCounts is the answer to PUT.
type putCounts struct {
	Added     int `json:"added"`
	Changed   int `json:"changed"`
	Unchanged int `json:"unchanged"`
}

// put states identities. All or nothing is taken: one broken record refuses the
// request, and so can't replace a good one.
func (a *identityAPI) put(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(identitiesTimeout)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		http.Error(w, "no deadline: "+err.Error(), http.StatusInternalServerError)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), identitiesTimeout)
	defer cancel()
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxIdentitiesBody))
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		http.Error(w, fmt.Sprintf("the body has more than %s: send it in parts", Bytes(maxIdentitiesBody)), http.StatusRequestEntityTooLarge)
		return
	case err != nil:
		http.Error(w, "the body could not be read: "+err.Error(), http.StatusBadRequest)
		return
	}
	after, err := bodyIdentities(r.Header.Get("Content-Type"), body)
	if err != nil {
		http.Error(w, err.Error()+"\nnothing was changed", http.StatusBadRequest)
		return
	}
	a.table.RLock()
	before := make(map[string]schemas.Identity, len(after))
	for id := range after {
		if ident, ok := a.byID[id]; ok {
			before[id] = ident
		}
	}
	total := len(a.byID) + len(after) - len(before)
	a.table.RUnlock()
	if total > enrich.MaxIdentities {
		http.Error(w, fmt.Sprintf("too many identities: at most %d are kept; nothing was changed", enrich.MaxIdentities), http.StatusBadRequest)
		return
	}
	changes, unchanged, err := diffIdentities(before, after, func(string) bool { return false })
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	counts := putCounts{Unchanged: unchanged}
	for i := range changes {
		if changes[i].Change == changeAdded {
			counts.Added++
		} else {
			counts.Changed++
		}
	}
	if err := a.store(ctx, changes); err != nil {
		a.refuse(w, err)
		return
	}
	a.log.Info().Int("added", counts.Added).Int("changed", counts.Changed).Int("unchanged", counts.Unchanged).Msg("identities stated")
	a.answer(w, counts)
}

// bodyIdentities reads a request: YAML, so JSON too, or CSV.
func bodyIdentities(contentType string, body []byte) (map[string]schemas.Identity, error) {
	name := "body"
	if contentType != "" {
		media, _, err := mime.ParseMediaType(contentType)
		if err != nil {
			return nil, fmt.Errorf("content type %q: %w", contentType, err)
		}
		if media == "text/csv" {
			name = "body.csv"
		}
	}
	inv, err := enrich.ParseInventory(name, body)
	if err != nil {
		return nil, err
	}
	if besideIdentities(inv) {
		return nil, errors.New("policies, networks, targets and watch are taken from inventory.file only: send identities alone")
	}
	out := make(map[string]schemas.Identity, len(inv.Identities))
	for i := range inv.Identities {
		out[enrich.Canonical(inv.Identities[i].ID)] = inv.Identities[i]
	}
	return out, nil
}

// store writes changes to the topic, and then to memory.
func (a *identityAPI) store(ctx context.Context, changes []identityChange) error {
	const batch = 500
	for part := range slices.Chunk(changes, batch) {
		recs := make([]stream.Record, 0, len(part))
		for i := range part {
			value, err := json.Marshal(&part[i].now)
			if err != nil {
				return fmt.Errorf("identity %s: %w", part[i].ID, err)
			}
			recs = append(recs, stream.Record{Key: []byte(schemas.StatedKey + part[i].ID), Value: value})
		}
		if err := a.produce(ctx, recs); err != nil {
			return err
		}
		a.table.Lock()
		for i := range part {
			a.byID[part[i].ID] = part[i].now
		}
		a.table.Unlock()
	}
	return nil
}

// remove takes back what PUT stated of an identity.
func (a *identityAPI) remove(w http.ResponseWriter, r *http.Request, id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.table.RLock()
	_, ok := a.byID[id]
	a.table.RUnlock()
	if !ok {
		http.Error(w, fmt.Sprintf("no PUT has stated %q", id), http.StatusNotFound)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), identitiesTimeout)
	defer cancel()
	if err := a.produce(ctx, []stream.Record{{Key: []byte(schemas.StatedKey + id)}}); err != nil {
		a.refuse(w, err)
		return
	}
	a.table.Lock()
	delete(a.byID, id)
	a.table.Unlock()
	a.log.Info().Str("identity", id).Msg("identity no longer stated by PUT")
	w.WriteHeader(http.StatusNoContent)
}

// refuse says that Kafka did not take a change; sending it again is safe.
func (a *identityAPI) refuse(w http.ResponseWriter, err error) {
	a.log.Error().Err(err).Msg("identities not stored")
	w.Header().Set("Retry-After", "5")
	http.Error(w, "Kafka did not take it, or not all of it: send the same request again", http.StatusServiceUnavailable)
}
