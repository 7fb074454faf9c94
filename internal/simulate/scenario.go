package simulate

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/lapwing-sec/lapwing/schemas"
)

// declaration is what the inventory says of an identity beyond the ordinary.
type declaration struct {
	managed     bool // in the inventory whatever the draw
	plain       bool // without the policies that others draw
	allowed     schemas.Allowed
	credentials []schemas.KnownCredential
	exceptions  []schemas.KnownException
	lastUsed    time.Time
	offboarded  time.Time
}

// attack is one scenario that ought to be found.
type attack struct {
	name string
	no   int // the use case it belongs to
	// kinds are the archetypes that it happens to.
	kinds []string
	fits  func(*Fleet, *identity) bool
	// network and client fix the stratum; empty ones are drawn.
	network, client string
	// intrinsic says that place and client are what it is about: it is played in
	// no other stratum.
	intrinsic bool
	refused   bool
	title     string
	play      func(a *act)
}

// hardCase is one benign scenario that looks like more than it is.
type hardCase struct {
	name, title string
	play        func(s *stagehand) error
}

func attackNames() []string {
	out := make([]string, len(attacks))
	for i := range attacks {
		out[i] = attacks[i].name
	}
	return out
}

func hardNames() []string {
	out := make([]string, len(hardCases))
	for i := range hardCases {
		out[i] = hardCases[i].name
	}
	return out
}

// stage casts and plays every selected scenario.
func (f *Fleet) stage() error {
	f.declared = make(map[int]*declaration)
	window := f.end - f.judged - 30*hourMS
	if window < 12*hourMS {
		window = max(hourMS, f.end-f.judged-12*hourMS)
	}
	// Small fleets see fewer attacks: at most one identity in four is attacked.
	limit := max(1, len(f.ids)/4)
	var chosen []*attack
	for i := range attacks {
		if f.cfg.Attacks.has(attacks[i].name) {
			chosen = append(chosen, &attacks[i])
		}
	}
	// Which ones a small fleet gets, and when each happens, is drawn.
	order := slices.Clone(chosen)
	slices.SortStableFunc(order, func(a, b *attack) int { return cmp.Compare(f.draws(a.name, 1), f.draws(b.name, 1)) })
	order = f.turned(order, limit)
	slot := make(map[string]int)
	for i, a := range order {
		slot[a.name] = i
	}
	played := 0
	for _, at := range order {
		if played >= limit {
			break
		}
		id := f.castOne(at.name, at.kinds, at.fits)
		if id == nil {
			continue
		}
		id.cast = at.name
		a := &act{f: f, id: id, d: newDice(), at: at}
		a.d.seed(f.draws(at.name, 2), 0)
		a.t = f.judged + 6*hourMS + window*int64(slot[at.name])/int64(len(order)) + a.d.Int64N(max(1, window/int64(len(order))))
		a.t -= a.t % secMS
		a.begin()
		at.play(a)
		if a.err == nil && len(a.label.Times) == 0 && !a.label.Silence {
			a.err = errors.New("no calls")
		}
		if a.err != nil {
			return fmt.Errorf("attack %s: %w", at.name, a.err)
		}
		f.labels = append(f.labels, a.finish())
		played++
	}
	for i := range hardCases {
		h := &hardCases[i]
		if !f.cfg.HardCases.has(h.name) {
			continue
		}
		s := &stagehand{f: f, d: newDice(), hard: h}
		s.d.seed(f.draws(h.name, 3), 0)
		if err := h.play(s); err != nil {
			return fmt.Errorf("hard case %s: %w", h.name, err)
		}
	}
	f.housekeeping()
	slices.SortStableFunc(f.labels, func(a, b Label) int { return cmp.Or(a.Start.Compare(b.Start), cmp.Compare(a.ID, b.ID)) })
	for i := range f.ids {
		slices.SortStableFunc(f.ids[i].script, func(a, b scripted) int { return cmp.Compare(a.t, b.t) })
	}
	return nil
}

// draws is a number for a scenario that depends on nothing but the seed.
func (f *Fleet) draws(name string, what uint64) uint64 {
	return hash(f.cfg.Seed, hashString(name), what)
}

// castOne picks an identity of one of the kinds that no scenario uses yet.
func (f *Fleet) castOne(name string, kinds []string, fits func(*Fleet, *identity) bool) *identity {
	got := f.castMany(name, kinds, fits, 1)
	if len(got) == 0 {
		return nil
	}
	return got[0]
}

// castMany picks up to n identities, those with the lowest draws.
func (f *Fleet) castMany(name string, kinds []string, fits func(*Fleet, *identity) bool, n int) []*identity {
	var out []*identity
	for i := range f.ids {
		id := &f.ids[i]
		if id.cast != "" || !slices.Contains(kinds, f.kinds[id.kind].name) || fits != nil && !fits(f, id) {
			continue
		}
		out = append(out, id)
	}
	slices.SortFunc(out, func(a, b *identity) int {
		return cmp.Compare(hash(f.draws(name, 4), a.seed), hash(f.draws(name, 4), b.seed))
	})
	return out[:min(n, len(out))]
}

// declare returns what is said of an identity, to be added to.
func (f *Fleet) declare(id *identity) *declaration {
	if f.declared[id.index] == nil {
		f.declared[id.index] = &declaration{}
	}
	return f.declared[id.index]
}

// act is an attack being played.
type act struct {
	f     *Fleet
	id    *identity
	d     *dice
	at    *attack
	t     int64 // time of the next call
	first int64
	label Label
	ip    uint32
	agent string
	note  string
	err   error
}

// with is what a call of an attack sets.
type with struct {
	n       int  // calls; 0 is one
	gap     int  // seconds to the next call, about; 0 is 20
	dense   bool // gap is calls a second
	fault   fault
	params  string
	resp    string
	account string
	region  string
	bytes   uint64
	object  uint64
	walk    uint64 // adds to object with every call
	key     string
	ip      uint32
	agent   string
}

// begin settles from where and with what the attack is made.
func (a *act) begin() {
	k := &a.f.kinds[a.id.kind]
	network, client := a.f.stratum(a.at)
	if network == "" {
		network = [...]string{"usual", "known", "known", "foreign"}[a.d.IntN(4)]
	}
	if client == "" {
		client = [...]string{"own", "other"}[a.d.IntN(2)]
	}
	switch network {
	case "known":
		a.ip = a.knownAddress(k)
	case "foreign":
		a.ip = a.foreignAddress()
	}
	if client == "other" {
		a.agent = a.otherAgent(k)
	}
	a.f.declare(a.id).plain = true
	if network == "usual" {
		a.toWorkingHours()
	}
	a.first = a.t
	a.label = Label{ID: "attack/" + a.at.name, Kind: KindAttack, Case: a.at.no, Name: a.at.name, Title: a.at.title, Identity: a.id.id, Log: k.form.String(), Network: network, Client: client, Refused: a.at.refused}
}

// knownAddress is one that the organisation uses, but not this identity.
func (a *act) knownAddress(k *compiled) uint32 {
	candidates := []uint32{officeVPN[0], officeVPN[1], nat("us-east-1", "production", 0), nat("eu-west-1", "production", 1), nat("eu-central-1", "production", 0)}
	if k.form == formatCloudTrail {
		candidates = append(candidates, dataCentres...)
	}
	for range 32 {
		ip := candidates[a.d.IntN(len(candidates))]
		if !slices.ContainsFunc(a.id.nets, func(n netUse) bool { return n.base>>16 == ip>>16 }) {
			return ip
		}
	}
	return officeVPN[0]
}

// foreignAddress is one that nobody in the fleet uses: half of them rented
// servers or homes in the same country, the others abroad.
func (a *act) foreignAddress() uint32 {
	var p []uint32
	if a.d.chance(0.35) {
		p = pool(kindHosting, "US", "DE")
	} else {
		p = pool([...]blockKind{kindHosting, kindISP}[a.d.IntN(2)], "FR", "RO", "FI", "RU", "NG", "VN", "UA", "TR", "ID", "CN", "ZA", "KR")
	}
	return p[a.d.IntN(len(p))] + uint32(a.d.IntN(65000)) + 200 //nolint:gosec // below 65536
}

func (a *act) otherAgent(k *compiled) string {
	set := "tool"
	switch {
	case k.form == formatCloudTrail:
		set = [...]string{"cli", "laptop", "sdk"}[a.d.IntN(3)]
	case a.d.chance(0.4):
		set = "sdk"
	case a.d.chance(0.4):
		set = "browser"
	}
	return a.pick(foreignAgents[set])
}

func (a *act) pick(list []string) string { return list[a.d.IntN(len(list))] }

// toWorkingHours moves the attack into the identity's busy hours: who sits in
// the usual network works when the identity does.
func (a *act) toWorkingHours() {
	hour := (a.t-a.f.start)/hourMS + int64(a.id.tz)
	if h := ((hour % 24) + 24) % 24; h < 9 || h > 17 {
		a.t += (9 + int64(a.d.IntN(8)) - h) * hourMS
	}
	for a.t >= a.f.end-8*hourMS {
		a.t -= 24 * hourMS
	}
	for a.t < a.f.judged+hourMS {
		a.t += 24 * hourMS
	}
}

// do makes calls of one operation.
func (a *act) do(name string, w with) {
	o := a.f.lib.byName[name]
	if o == nil {
		a.err = fmt.Errorf("no operation %q", name)
		return
	}
	a.make(o, w)
}

// make appends the calls to the identity's script. Each operation begins in a
// second of its own; dense calls may share it with their like.
func (a *act) make(o *op, w with) {
	n, gap := max(1, w.n), w.gap
	if gap == 0 {
		gap = 20
	}
	params, resp := template(nil), template(nil)
	if w.params != "" {
		params = parseTemplate(w.params)
	}
	if w.resp != "" {
		resp = parseTemplate(w.resp)
	}
	ip, agent := a.ip, a.agent
	if w.ip != 0 {
		ip = w.ip
	}
	if w.agent != "" {
		agent = w.agent
	}
	object := w.object
	for i := 0; i < n; i++ {
		s := scripted{t: a.t, op: o, ip: ip, agent: agent, fault: w.fault, params: params, resp: resp, region: w.region, account: w.account, object: object, bytes: w.bytes, key: w.key}
		if w.bytes > 0 {
			s.bytes = uint64(float64(w.bytes) * (0.7 + 0.6*a.d.Float64()))
		}
		a.id.script = append(a.id.script, s)
		a.label.Times = append(a.label.Times, a.t)
		object += w.walk
		if w.dense {
			a.t += secMS / int64(gap) // gap calls a second, all of one kind
			continue
		}
		a.t += max(1, int64(float64(gap)*(0.5+a.d.Float64()))) * secMS
	}
	if w.dense {
		a.t += secMS + secMS - a.t%secMS
	}
}

// own are the operations that the identity uses anyway, reads or writes.
func (a *act) own(read bool) []*op {
	var out []*op
	k := &a.f.kinds[a.id.kind]
	for i := range k.flows {
		if a.id.rates[i] == 0 {
			continue
		}
		for j := range k.flows[i] {
			for l := range k.flows[i][j].steps {
				st := &k.flows[i][j].steps[l]
				if st.op.read == read && (st.share == 0 || !st.once || st.included(a.id.seed)) && !slices.Contains(out, st.op) {
					out = append(out, st.op)
				}
			}
		}
	}
	return out
}

// usual is an operation of the identity's own, a read where it has one.
func (a *act) usual() *op {
	ops := append(a.own(true), a.own(false)...)
	return ops[0]
}

// finish completes the label.
func (a *act) finish() Label {
	l := a.label
	res := a.f.kinds[a.id.kind].form.resolution()
	for i := range l.Times {
		l.Times[i] -= l.Times[i] % res
	}
	slices.Sort(l.Times)
	l.Times = slices.Compact(l.Times)
	if l.Start.IsZero() {
		l.Start = time.UnixMilli(l.Times[0]).UTC()
	}
	if l.End.IsZero() {
		l.End = time.UnixMilli(l.Times[len(l.Times)-1]).UTC()
	}
	l.Visible = visible(&l)
	if a.note != "" {
		l.Title += " " + a.note
	}
	return l
}

// stagehand sets up a hard case.
type stagehand struct {
	f    *Fleet
	d    *dice
	hard *hardCase
}

// cast picks identities for the case and marks them; without marking they
// stay free for others, as in changes that touch the whole fleet.
func (s *stagehand) cast(n int, fits func(*Fleet, *identity) bool, kinds ...string) []*identity {
	got := s.f.castMany(s.hard.name, kinds, fits, n)
	for _, id := range got {
		id.cast = s.hard.name
	}
	return got
}

// day is the start of a day of the judged part, in Unix ms: 0 is its first,
// taken modulo its length less the last one.
func (s *stagehand) day(n int) int64 {
	days := max(1, int((s.f.end-s.f.judged)/dayMS)-1)
	return s.f.judged + int64(n%days)*dayMS
}

// someDay draws one.
func (s *stagehand) someDay() int64 { return s.day(s.d.IntN(1000)) }

// label records the case for the identities, if there are any.
func (s *stagehand) label(no int, ids []*identity, from, to int64) {
	if len(ids) == 0 {
		return
	}
	l := Label{ID: "hard/" + s.hard.name, Kind: KindHard, Case: no, Name: s.hard.name, Title: s.hard.title, Identity: ids[0].id,
		Start: time.UnixMilli(from).UTC(), End: time.UnixMilli(min(to, s.f.end)).UTC()}
	if len(ids) > 1 {
		for _, id := range ids {
			l.Identities = append(l.Identities, id.id)
		}
	}
	s.f.labels = append(s.f.labels, l)
}

// visible names what sets an attack's calls apart.
func visible(l *Label) []string {
	var out []string
	switch l.Case {
	case 4, 5, 6, 7, 8, 9:
		out = append(out, "declared policy")
	case 13:
		out = append(out, "operation")
	case 14, 15:
		out = append(out, "rate")
	case 16:
		out = append(out, "country")
	case 19:
		out = append(out, "pause before")
	case 20:
		out = append(out, "silence")
	case 22:
		out = append(out, "denials")
	case 23:
		out = append(out, "objects")
	case 24:
		out = append(out, "bytes")
	}
	if l.Network != "usual" {
		out = append(out, "network")
	}
	if l.Client == "other" {
		out = append(out, "client")
	}
	return out
}
