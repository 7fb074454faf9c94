// Package enrich attaches to an event all that is known of its identity: the
// canonical id, what the inventory declares, the credential's life, the
// network and the place. It does no I/O per event and reads no clock.
package enrich

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/lapwing-sec/lapwing/schemas"
)

// Source is where a part of the inventory came from. A lower value is stronger:
// a field that it states wins.
type Source int

// The sources of an inventory, the strongest first.
const (
	SourceFile Source = iota
	SourceAPI
	SourceTopic
	sources
)

// String names the source in metrics and logs.
func (s Source) String() string {
	switch s {
	case SourceFile:
		return "file"
	case SourceAPI:
		return "api"
	case SourceTopic:
		return "topic"
	case sources:
	}
	return "unknown"
}

// Config of an Enricher.
type Config struct {
	// Tenant is written to every event; empty means "default".
	Tenant string
	Geo    GeoConfig
	// Lists are lists of networks with a class: of two that hold the same
	// prefix the first one stands; declared networks win over all.
	Lists []ListConfig
	// TrustedProxies are prefixes or addresses of proxies that are believed
	// about whom they forward for; TrustPrivatePeers adds every peer with a
	// private or loopback address.
	TrustedProxies    []string
	TrustPrivatePeers bool
	// Hash gives the keyed hashes, one for each key in use, under which the
	// parsers show a credential that logs hold in plain. With it, the
	// inventory may declare such a credential by the plain id. It may be nil.
	Hash func(ref string) []string
	// APIs are the documents that describe the APIs behind gateways.
	APIs []APIDocument
	// Former gives, for the hash under which a parser has just shown a credential,
	// its hashes under the keys before, the oldest last. While old keys are kept,
	// a credential goes by its oldest hash, so that no key that nobody declared
	// becomes a new identity, and none a new credential of its identity, by a
	// change of the hash key. It may be nil.
	Former func(hash string) []string
}

// Sizes of the caches, as powers of two.
const (
	placeBits  = 15
	nameBits   = 15
	clientBits = 12
)

// Enricher completes events. It is safe for concurrent use; a new inventory or
// geo database takes effect for whole events only.
type Enricher struct {
	tenant  string
	geoConf GeoConfig
	apiConf []APIDocument
	lists   []ListConfig
	hash    func(ref string) []string
	former  func(hash string) []string
	log     zerolog.Logger
	clients *cache[clientInfo]
	shared  sharing
	state   atomic.Pointer[state]
	metrics metrics

	mu        sync.Mutex // serialises changes of state
	inventory [sources]*schemas.Inventory
}

// state is everything that an event is looked up in, swapped as one.
type state struct {
	index  *index
	lists  *listSet
	atlas  atlas
	places *cache[place]
	apis   *apiSet
	names  []*cache[named] // one a family that has sole, else nil
}

type clientInfo struct {
	family string
	group  clientGroup
}

type metrics struct {
	managed, unmanaged, anonymous prometheus.Counter
	violations                    map[string]prometheus.Counter
	identities, prefixes          *prometheus.GaugeVec
	loads                         *prometheus.CounterVec
}

// New opens the geo databases and registers the metrics. It fails when a
// database can't be read or the registerer refuses a metric.
func New(cfg Config, reg prometheus.Registerer, log zerolog.Logger) (*Enricher, error) {
	geo, err := openGeo(cfg.Geo)
	if err != nil {
		return nil, err
	}
	apis, err := openAPIs(cfg.APIs)
	if err != nil {
		return nil, err
	}
	lists, err := openLists(cfg.Lists, nil)
	if err != nil {
		return nil, err
	}
	trusted, err := newProxies(cfg.TrustedProxies, cfg.TrustPrivatePeers)
	if err != nil {
		return nil, err
	}
	e := &Enricher{tenant: cfg.Tenant, geoConf: cfg.Geo, apiConf: cfg.APIs, lists: cfg.Lists, hash: cfg.Hash, former: cfg.Former, log: log, clients: newCache[clientInfo](clientBits)}
	if e.tenant == "" {
		e.tenant = "default"
	}
	if err := e.metrics.register(reg); err != nil {
		return nil, err
	}
	e.swap(state{index: buildIndex(nil), lists: lists, atlas: atlas{geo: geo, proxies: trusted}, apis: apis})
	return e, nil
}

func (m *metrics) register(reg prometheus.Registerer) error {
	events := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "lapwing_enrich_events_total", Help: "Events by whether their identity is in the inventory.",
	}, []string{"identity"})
	violations := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "lapwing_enrich_violations_total", Help: "Declared policies broken by events, by the detector that reports them.",
	}, []string{"detector"})
	m.identities = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "lapwing_inventory_identities", Help: "Declared identities in use, by source.",
	}, []string{"source"})
	m.prefixes = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "lapwing_network_list_prefixes", Help: "Prefixes in use of each list of networks.",
	}, []string{"file"})
	m.loads = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "lapwing_inventory_loads_total", Help: "Loads of inventories, geo databases and network lists by what was loaded and result (ok, error).",
	}, []string{"what", "result"})
	for _, c := range []prometheus.Collector{events, violations, m.identities, m.prefixes, m.loads} {
		if err := reg.Register(c); err != nil {
			return fmt.Errorf("enrich metrics: %w", err)
		}
	}
	m.managed, m.unmanaged, m.anonymous = events.WithLabelValues("managed"), events.WithLabelValues("unmanaged"), events.WithLabelValues("anonymous")
	m.violations = make(map[string]prometheus.Counter, len(policyDetectors))
	for _, d := range policyDetectors {
		m.violations[d] = violations.WithLabelValues(d)
	}
	return nil
}

// SetInventory replaces what one source declares; nil takes it away. The
// inventory must not be changed afterwards. Sources are merged field by
// field: the file wins over the API, which wins over the topic.
func (e *Enricher) SetInventory(source Source, inv *schemas.Inventory) {
	if source < 0 || source >= sources {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.inventory[source] = inv
	ix := buildIndex(e.hash, e.inventory[:]...)
	if ix.ignored > 0 {
		e.log.Warn().Stringer("source", source).Int("identities", ix.ignored).Msg("policies that can't be read are ignored")
	}
	next := *e.state.Load()
	if ix.hashed > 0 && (next.index == nil || next.index.hashed != ix.hashed) {
		e.log.Info().Stringer("source", source).Int("credentials", ix.hashed).Msg("credentials are declared by hmac:…: such a reference matches only under the secrets.hmac_key, or an old one, that it was made under")
	}
	next.index = ix
	e.swap(next)
	n := 0
	if inv != nil {
		n = len(inv.Identities)
	}
	e.metrics.identities.WithLabelValues(source.String()).Set(float64(n))
	e.metrics.loads.WithLabelValues(source.String(), "ok").Inc()
}

// Refused counts and logs that what a source states now could not be read; what
// it stated before stays in use.
func (e *Enricher) Refused(source Source, err error) {
	e.metrics.loads.WithLabelValues(source.String(), "error").Inc()
	e.log.Error().Err(err).Stringer("source", source).Msg("inventory not loaded; the one in use stays")
}

// ReloadGeo reads the geo databases again; after an error the old ones stay.
func (e *Enricher) ReloadGeo() error {
	geo, err := openGeo(e.geoConf)
	if err != nil {
		e.metrics.loads.WithLabelValues("geo", "error").Inc()
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	next := *e.state.Load()
	next.atlas.geo = geo
	e.swap(next)
	e.metrics.loads.WithLabelValues("geo", "ok").Inc()
	return nil
}

// ReloadAPIs reads the API documents again; after an error the old ones stay.
func (e *Enricher) ReloadAPIs() error {
	apis, err := openAPIs(e.apiConf)
	if err != nil {
		e.metrics.loads.WithLabelValues("apis", "error").Inc()
		return err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	next := *e.state.Load()
	next.apis = apis
	e.state.Store(&next)
	e.metrics.loads.WithLabelValues("apis", "ok").Inc()
	return nil
}

// ReloadLists reads the lists of networks again; of one that is wrong the
// content in use stays. The error says what is wrong with which.
func (e *Enricher) ReloadLists() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	next := *e.state.Load()
	lists, err := openLists(e.lists, next.lists)
	result := "ok"
	if err != nil {
		result = "error"
	}
	e.metrics.loads.WithLabelValues("list", result).Inc()
	next.lists = lists
	e.swap(next)
	return err
}

// swap puts a changed state into use, without what was remembered of addresses.
func (e *Enricher) swap(s state) {
	s.atlas.declared, s.atlas.lists = s.index.networks, s.lists.table
	s.places, s.names = newCache[place](placeBits), newNames()
	e.state.Store(&s)
	for i := range s.lists.lists {
		l := &s.lists.lists[i].loaded
		e.metrics.prefixes.WithLabelValues(l.File).Set(float64(l.Entries))
	}
}

// Loaded describes the databases and lists in use, in the order in which they
// were configured.
func (e *Enricher) Loaded() []Loaded {
	st := e.state.Load()
	var out []Loaded
	for i := range st.atlas.geo.databases {
		out = append(out, st.atlas.geo.databases[i].loaded)
	}
	for i := range st.lists.lists {
		out = append(out, st.lists.lists[i].loaded)
	}
	return out
}

// Lookup gives what is declared of an identity, by canonical id or any alias.
// The result is shared and must not be changed.
func (e *Enricher) Lookup(name string) (schemas.Identity, bool) {
	ix := e.state.Load().index
	at, ok := ix.byName[name]
	if !ok {
		if at, ok = ix.byName[Canonical(name)]; !ok {
			return schemas.Identity{}, false
		}
	}
	return *ix.entries[at].it, true
}

// Identities gives every declared identity, merged over the sources, in the
// order in which they were declared. The results are shared and must not be
// changed.
func (e *Enricher) Identities() []schemas.Identity {
	ix := e.state.Load().index
	out := make([]schemas.Identity, len(ix.entries))
	for i := range ix.entries {
		out[i] = *ix.entries[i].it
	}
	return out
}

// Enrich completes an event in place: canonical identity, declared facts and
// broken policies, network, place, client family. It never fails; what is
// unknown stays empty. Strings and ev.Declared may be shared between events and
// must not be written to.
func (e *Enricher) Enrich(ev *schemas.Event) {
	st := e.state.Load()
	ev.Tenant = e.tenant
	pl := st.forward(ev, st.place(ev.SrcIp))
	ev.SrcPrefix, ev.Country, ev.GeoPrecision = pl.prefix, pl.country, pl.precision
	ev.GeoRadiusKm = pl.radius
	ev.Latitude, ev.Longitude, ev.Asn, ev.AsOrg = pl.latitude, pl.longitude, pl.asn, pl.asOrg
	ev.NetworkClass, ev.NetworkName = pl.class, pl.name
	client := e.client(ev.UserAgent)
	ev.Client = client.family
	// By whichever hash it was declared: the current one or an older one.
	cred, declared := st.index.byRef[ev.CredentialId]
	if e.former != nil {
		for _, older := range e.rename(ev) {
			if declared {
				break
			}
			cred, declared = st.index.byRef[older]
		}
	}
	who := st.resolve(ev)
	// It stays here; the event gets a copy that is shared when it can be.
	d := &schemas.Declared{}
	st.apis.judge(ev, d)
	if !declared {
		e.declare(st.index, ev, d, pl, client.group, who, nil)
		return
	}
	e.declare(st.index, ev, d, pl, client.group, who, &cred)
}

// rename calls a hashed credential, and a principal that is one, by its hash
// under the oldest key that is kept. It returns the credential's older hashes.
func (e *Enricher) rename(ev *schemas.Event) []string {
	oldest := func(of *string) []string {
		older := e.former(*of)
		if len(older) > 0 {
			*of = older[len(older)-1]
		}
		return older
	}
	oldest(&ev.Principal)
	return oldest(&ev.CredentialId)
}

// place describes an address, from the cache when it can.
func (st *state) place(ip string) *place {
	if p := st.places.get(ip); p != nil {
		return p
	}
	ip = strings.Clone(ip)
	return st.places.put(ip, st.atlas.locate(ip))
}

func (e *Enricher) client(userAgent string) *clientInfo {
	if c := e.clients.get(userAgent); c != nil {
		return c
	}
	family, group := clientOf(userAgent)
	return e.clients.put(strings.Clone(userAgent), clientInfo{family, group})
}

// declare attaches what the inventory says.
func (e *Enricher) declare(ix *index, ev *schemas.Event, d *schemas.Declared, pl *place, group clientGroup, who *named, cred *credential) {
	d.TargetEnvironment = ix.targetEnvironment(ev)
	ix.own(ev)
	if cred != nil {
		d.Credential = e.shared.credential(cred.known)
		judgeCredential(cred.known, ev, d)
	}
	ix.judgeBinding(ev, cred, d)
	var ent *entry
	if who != nil && who.ent != nil {
		ent = who.ent
	} else {
		ent = ix.find(ev)
	}
	if ent == nil && cred != nil {
		ent = &ix.entries[cred.owner]
	}
	if ent == nil {
		e.unmanaged(ev, group)
	} else {
		e.metrics.managed.Inc()
		if who != nil && who.plain {
			who.attach(ev, d)
		} else {
			ent.attach(ev, d, pl)
		}
		if ev.IdentityKind == "" {
			e.infer(ev, group)
		}
	}
	ix.watch.judge(ev, pl, d)
	judgeParameters(ev, d)
	for _, v := range d.Violations {
		e.metrics.violations[v.Detector].Inc()
	}
	ev.Declared = e.shared.declare(d)
}

func (e *Enricher) unmanaged(ev *schemas.Event, group clientGroup) {
	// Nothing of an earlier life of a pooled event may stay.
	ev.IdentityKind, ev.IdentityName, ev.Owner, ev.Team, ev.Environment, ev.Criticality = "", "", "", "", "", ""
	ev.Vendor, ev.Route, ev.Runbook, ev.Dependants = "", "", "", ev.Dependants[:0]
	if ev.Anonymous {
		e.metrics.anonymous.Inc()
	} else {
		e.metrics.unmanaged.Inc()
	}
	e.infer(ev, group)
}

// attach copies the declaration to the event and judges its policies.
func (ent *entry) attach(ev *schemas.Event, d *schemas.Declared, pl *place) {
	it := ent.it
	d.Managed = true
	ev.IdentityId, ev.Anonymous = ent.id, false
	f := factsOf(it)
	f.state(ev)
	// A pooled event keeps its list's memory, so it must be its own.
	ev.Dependants = append(ev.Dependants[:0], it.Dependants...)
	d.LastUsed = unixNano(it.LastUsed)
	for i := range it.Exceptions {
		if x := &it.Exceptions[i]; unixNano(x.Until) > ev.Time {
			d.Exceptions = append(d.Exceptions, &schemas.Exception{Detector: x.Detector, Until: unixNano(x.Until), Reason: x.Reason, By: x.By})
		}
	}
	ent.judgeOffboarding(ev, d)
	judgeEnvironment(it.Environment, ent.pol, d)
	if ent.pol != nil {
		d.Policy = ent.pol.inForce
		ent.pol.judge(ev, pl, d)
	}
}

func (e *Enricher) infer(ev *schemas.Event, group clientGroup) {
	kind, reason := inferKind(ev, group)
	if kind == "" {
		return
	}
	ev.IdentityKind = kind
	if ev.Attributes == nil {
		ev.Attributes = make(map[string]string, 1)
	}
	ev.Attributes["kind_reason"] = reason
}
