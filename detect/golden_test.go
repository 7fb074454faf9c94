package detect_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"flag"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lapwing-sec/lapwing/detect"
	"github.com/lapwing-sec/lapwing/detect/sigma"
	"github.com/lapwing-sec/lapwing/schemas"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

var update = flag.Bool("update", false, "rewrite the alerts.yaml of every golden case")

// A golden case is a folder testdata/<detector>/<case>/ with events.yaml, the
// traffic in a form that a person can read, and alerts.yaml, what comes out.
// docs: testdata/README.md.
type goldenCase struct {
	Title string `yaml:"title"`
	// Expect is "fires" (this folder's detector pages, or reports), or "quiet"
	// (nothing pages). It holds whatever -update wrote.
	Expect     string                    `yaml:"expect"`
	Start      time.Time                 `yaml:"start"`
	End        span                      `yaml:"end"` // when the log ends, counted from start; default an hour after the last event
	Identities map[string]goldenIdentity `yaml:"identities"`
	Normal     []traffic                 `yaml:"normal"`
	Odd        []traffic                 `yaml:"odd"`
	Said       []said                    `yaml:"said"`
	Budget     float64                   `yaml:"false_alerts_per_day"`

	rules *sigma.Set // of rules.yaml beside it, if there is one
}

func readRules(t *testing.T, dir string) *sigma.Set {
	text, err := os.ReadFile(filepath.Join(dir, "rules.yaml")) //nolint:gosec // a test's own folder
	if os.IsNotExist(err) {
		return nil
	}
	require.NoError(t, err)
	set, err := sigma.Load([]sigma.File{{Name: "rules.yaml", Data: text}})
	require.NoError(t, err)
	require.Empty(t, set.Warnings())
	return set
}

// said is an analyst's verdict on an identity's newest alert.
type said struct {
	At      string `yaml:"at"` // counted from start
	Of      string `yaml:"of"` // an identity
	Verdict string `yaml:"verdict"`
	// Detector and Value narrow it; without Alert it is about them alone.
	Detector string `yaml:"detector"`
	Value    string `yaml:"value"`
	Alone    bool   `yaml:"alone"`
}

// goldenIdentity is one identity, or Count of them that are alike.
type goldenIdentity struct {
	ID          string `yaml:"id"`
	Kind        string `yaml:"kind"`
	Team        string `yaml:"team"`
	Criticality string `yaml:"criticality"`
	Environment string `yaml:"environment"`
	Unmanaged   bool   `yaml:"unmanaged"`
	Anonymous   bool   `yaml:"anonymous"`
	Count       int    `yaml:"count"`
	LastUsed    string `yaml:"last_used"`
	// Policy is that in force: "countries|identity|DE, US".
	Policy []string `yaml:"policy"`
	call   `yaml:",inline"`
}

// call is what an event says; each field left out is taken from the identity.
type call struct {
	Call      string            `yaml:"call"`
	Calls     []string          `yaml:"calls"`
	On        []string          `yaml:"on"`
	To        []string          `yaml:"to"` // grantees
	Outcome   string            `yaml:"outcome"`
	Error     string            `yaml:"error"`
	IP        string            `yaml:"ip"`
	IPs       int               `yaml:"ips"` // so many addresses of the /24
	Country   string            `yaml:"country"`
	City      []float64         `yaml:"city"`   // latitude, longitude: exact
	Centre    []float64         `yaml:"centre"` // latitude, longitude of the country
	Radius    uint32            `yaml:"radius"` // km around the city, 50 when left out
	ASN       uint32            `yaml:"asn"`
	Network   string            `yaml:"network"` // class
	Client    string            `yaml:"client"`
	Agent     string            `yaml:"agent"`
	TLS       string            `yaml:"tls"`
	Key       string            `yaml:"key"`
	KeyType   string            `yaml:"key_type"`
	Workload  string            `yaml:"workload"` // "none" takes the identity's away
	ActingAs  string            `yaml:"acting_as"`
	Scopes    []string          `yaml:"scopes"`
	Through   []string          `yaml:"through"` // delegation, outermost first
	Host      string            `yaml:"host"`
	Target    string            `yaml:"target"` // account that owns what is touched
	Tokens    uint64            `yaml:"tokens"`
	Cost      uint64            `yaml:"cost"` // millionths
	Records   uint64            `yaml:"records"`
	Spend     uint64            `yaml:"spend_per_day"`  // declared, in millionths
	TokenCap  uint64            `yaml:"tokens_per_day"` // declared
	Workloads uint32            `yaml:"workloads"`      // declared
	Principal string            `yaml:"principal"`
	Type      string            `yaml:"type"` // principal type
	Format    string            `yaml:"format"`
	With      map[string]string `yaml:"with"` // attributes
	Account   string            `yaml:"account"`
	Region    string            `yaml:"region"`
	Bytes     uint64            `yaml:"bytes"`
	Rate      float64           `yaml:"rate"`
	Burst     uint32            `yaml:"burst"`
	Breaks    []string          `yaml:"breaks"` // "region-policy: FR, allowed DE"
	Issued    string            `yaml:"issued"`
	Rotate    span              `yaml:"rotate_every"`
	Except    map[string]string `yaml:"except"` // detector: until
	Objects   int               `yaml:"objects"`
	Late      bool              `yaml:"late"`
	Backfill  bool              `yaml:"backfill"`
}

// traffic is one generator: calls of an identity over a stretch of time.
type traffic struct {
	As   string `yaml:"as"`
	From span   `yaml:"from"` // counted from start
	To   span   `yaml:"until"`
	// Every is the mean distance of calls; Times how many there are at each.
	Every span   `yaml:"every"`
	Times int    `yaml:"times"`
	Hours string `yaml:"hours"` // "8-18", UTC
	Week  string `yaml:"week"`  // "Mon-Fri"
	// Steady leaves out the jitter: a timer.
	Steady bool     `yaml:"steady"`
	At     []string `yaml:"at"` // single moments: "21d 02:13:05"
	Do     call     `yaml:",inline"`
}

// span is a duration: "21d", "21d 02:13:05", "90m".
type span time.Duration

func (s *span) UnmarshalYAML(n *yaml.Node) error {
	d, err := parseSpan(n.Value)
	*s = span(d)
	return err
}

func parseSpan(text string) (time.Duration, error) {
	days, clock, _ := strings.Cut(text, " ")
	d, err := schemas.ParseDuration(days)
	if err != nil {
		return 0, err
	}
	total := time.Duration(d)
	if clock != "" {
		t, err := time.Parse(time.TimeOnly, clock)
		if err != nil {
			if t, err = time.Parse("15:04", clock); err != nil {
				return 0, err
			}
		}
		total += time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute + time.Duration(t.Second())*time.Second
	}
	return total, nil
}

// goldenAlert is what is expected of one alert, in its final version.
type goldenAlert struct {
	Detector string   `yaml:"detector"`
	Identity string   `yaml:"identity"`
	At       string   `yaml:"at"` // first seen, counted from start
	Severity string   `yaml:"severity"`
	Way      string   `yaml:"way"`
	Pages    bool     `yaml:"pages"` // any version
	Also     []string `yaml:"also,omitempty"`
	Title    string   `yaml:"title"`
	Says     []string `yaml:"says"`
	// InForce is what the alert carries of policy, exceptions and the credential's life.
	InForce []string `yaml:"in_force,omitempty"`
}

func TestGolden(t *testing.T) {
	folders, err := filepath.Glob(filepath.Join("testdata", "*", "*", "events.yaml"))
	require.NoError(t, err)
	require.NotEmpty(t, folders)
	for _, file := range folders {
		dir := filepath.Dir(file)
		detector := filepath.Base(filepath.Dir(dir))
		t.Run(detector+"/"+filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			runGolden(t, detector, dir)
		})
	}
}

func runGolden(t *testing.T, detector, dir string) {
	c := readCase(t, dir)
	c.rules = readRules(t, dir)
	got := c.run(t)
	fired := false
	for _, a := range got {
		if c.Expect == "quiet" && a.Pages {
			t.Errorf("nothing must page here, but %s says: %s", a.Detector, a.Says[0])
		}
		if (a.Detector == detector || slices.Contains(a.Also, detector)) && (a.Pages || a.Way == "report") {
			fired = true
		}
	}
	if c.Expect == "fires" && !fired {
		t.Errorf("%s must fire here; alerts: %+v", detector, got)
	}
	file := filepath.Join(dir, "alerts.yaml")
	if *update {
		var b bytes.Buffer
		enc := yaml.NewEncoder(&b)
		enc.SetIndent(2)
		require.NoError(t, enc.Encode(got))
		require.NoError(t, os.WriteFile(file, b.Bytes(), 0o600))
		return
	}
	text, err := os.ReadFile(file) //nolint:gosec // a test's own folder
	require.NoError(t, err, "run the test with -update once")
	var want []goldenAlert
	require.NoError(t, yaml.Unmarshal(text, &want))
	require.Equal(t, shape(want), shape(got))
	for i := range want {
		for _, words := range want[i].Says {
			assert.Contains(t, strings.Join(got[i].Says, " "), words)
		}
	}
}

// shape is what must agree exactly: all but the words.
func shape(alerts []goldenAlert) []goldenAlert {
	out := []goldenAlert{}
	for _, a := range alerts {
		a.Says = nil
		if len(a.Also) == 0 {
			a.Also = nil
		}
		out = append(out, a)
	}
	return out
}

func readCase(t *testing.T, dir string) goldenCase {
	text, err := os.ReadFile(filepath.Join(dir, "events.yaml")) //nolint:gosec // a test's own folder
	require.NoError(t, err)
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	var c goldenCase
	require.NoError(t, dec.Decode(&c), dir)
	require.Contains(t, []string{"fires", "quiet"}, c.Expect)
	require.NotEmpty(t, c.Title)
	if c.Start.IsZero() {
		c.Start = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC) // a Monday
	}
	return c
}

// run gives the case's events to an engine, on event time, and tells what came
// out.
func (c *goldenCase) run(t *testing.T) []goldenAlert {
	e, err := detect.New(detect.Config{Tenant: "test", FalseAlertsPerDay: c.Budget, Sigma: c.rules})
	require.NoError(t, err)
	events := c.events(t)
	require.NotEmpty(t, events)
	var out detect.Output
	newest := int64(0)
	topics := map[string]bool{}
	verdicts := c.Said
	hear := func(upTo int64) {
		for ; len(verdicts) > 0 && c.moment(t, verdicts[0].At) <= upTo; verdicts = verdicts[1:] {
			e.Control(c.control(t, &verdicts[0], out.Alerts), &out)
		}
	}
	for i := range events {
		ev := events[i]
		hear(ev.Time)
		if !ev.Late && !ev.Backfill {
			newest = max(newest, ev.Time)
		}
		ev.Watermark = newest
		if !topics[ev.RawTopic] {
			topics[ev.RawTopic] = true
		}
		e.Event(ev, &out)
	}
	hear(1<<63 - 1)
	end := newest + int64(time.Hour)
	if c.End > 0 {
		end = c.Start.Add(time.Duration(c.End)).UnixNano()
	}
	for _, topic := range sortedKeys(topics) {
		e.Control(&schemas.Control{Kind: schemas.ControlKind_CONTROL_KIND_END, RawTopic: topic, Watermark: end}, &out)
	}
	for i := range out.Alerts {
		validates(t, &out.Alerts[i])
	}
	return c.summarise(out.Alerts)
}

func (c *goldenCase) moment(t *testing.T, text string) int64 {
	d, err := parseSpan(text)
	require.NoError(t, err)
	return c.Start.Add(d).UnixNano()
}

// control is the record of a verdict: on the identity's newest alert that has
// the detector, unless it is about a detector alone.
func (c *goldenCase) control(t *testing.T, s *said, alerts []schemas.Alert) *schemas.Control {
	at := c.moment(t, s.At)
	ctl := &schemas.Control{
		Kind: schemas.ControlKind_CONTROL_KIND_FEEDBACK, Time: at, IdentityId: s.Of, Verdict: s.Verdict, Detector: s.Detector, Value: s.Value, By: "ana",
	}
	for i := range alerts {
		if a := &alerts[i]; !s.Alone && a.Actor.User.UID == s.Of {
			ctl.AlertId = a.ID()
		}
	}
	require.True(t, s.Alone || ctl.AlertId != "", "no alert of %s to speak of at %s", s.Of, s.At)
	return ctl
}

// alertSchema is the public contract of an alert, compiled once.
var alertSchema = sync.OnceValues(func() (*jsonschema.Schema, error) {
	doc, err := jsonschema.UnmarshalJSON(schemas.AlertSchemaReader())
	if err != nil {
		return nil, err
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource(schemas.AlertSchemaURL, doc); err != nil {
		return nil, err
	}
	return c.Compile(schemas.AlertSchemaURL)
})

func validates(t *testing.T, a *schemas.Alert) {
	s, err := alertSchema()
	require.NoError(t, err)
	text, err := json.Marshal(a)
	require.NoError(t, err)
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	require.NoError(t, err)
	require.NoError(t, s.Validate(doc), "%s", text)
}

func sortedKeys(m map[string]bool) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// summarise folds the versions of each alert into one line.
func (c *goldenCase) summarise(alerts []schemas.Alert) []goldenAlert {
	last := map[string]*schemas.Alert{}
	paged := map[string]bool{}
	var order []string
	for i := range alerts {
		a := &alerts[i]
		if a.ActivityID == schemas.ActivityClose {
			continue
		}
		id := a.ID()
		if last[id] == nil {
			order = append(order, id)
		}
		last[id] = a
		paged[id] = paged[id] || a.Unmapped.Lapwing.Page
	}
	out := []goldenAlert{}
	for _, id := range order {
		a := last[id]
		g := goldenAlert{
			Detector: a.FindingInfo.Analytic.UID, Identity: a.Actor.User.UID,
			At:       c.since(a.FindingInfo.FirstSeenTime),
			Severity: a.Severity, Way: a.Unmapped.Lapwing.Way, Pages: paged[id], Title: a.FindingInfo.Title,
		}
		for _, f := range a.Unmapped.Lapwing.Findings {
			if f.Detector != g.Detector && !slices.Contains(g.Also, f.Detector) {
				g.Also = append(g.Also, f.Detector)
			}
			g.Says = append(g.Says, f.Sentence)
		}
		slices.Sort(g.Also)
		if len(g.Says) == 0 {
			g.Says = []string{a.FindingInfo.Desc}
		}
		g.InForce = c.inForce(&a.Unmapped.Lapwing.Identity)
		out = append(out, g)
	}
	return out
}

func (c *goldenCase) inForce(id *schemas.AlertIdentity) (out []string) {
	for _, p := range id.Policy {
		out = append(out, p.Key+"|"+p.Source+"|"+p.Allows)
	}
	for _, x := range id.Exceptions {
		out = append(out, "except "+x.Detector+" until "+c.since(x.Until))
	}
	if x := id.Issuance; x != nil {
		day := func(ms int64) string {
			if ms == 0 {
				return "?"
			}
			return time.UnixMilli(ms).UTC().Format(time.DateOnly)
		}
		out = append(out, strings.TrimSpace("issued "+day(x.Issued)+" expires "+day(x.Expires)+" rotated "+(time.Duration(x.RotateEvery)*time.Millisecond).String()+" "+x.Source))
		if x.MintedBy != "" {
			out = append(out, "made by "+x.MintedBy+" with "+x.MintedWith+" at "+c.since(x.MintedTime))
		}
	}
	return out
}

// since words a time in ms as the cases do: "21d 02:13:05".
func (c *goldenCase) since(ms int64) string {
	d := time.UnixMilli(ms).Sub(c.Start)
	days := d / (24 * time.Hour)
	return strconv.Itoa(int(days)) + "d " + time.Time{}.Add(d-days*24*time.Hour).Format(time.TimeOnly)
}

// events expands the case's traffic, in order of time.
func (c *goldenCase) events(t *testing.T) []*schemas.Event {
	var out []*schemas.Event
	for i, line := range append(slices.Clone(c.Normal), c.Odd...) {
		who, ok := c.Identities[line.As]
		require.True(t, ok, "line %d: no identity %q", i+1, line.As)
		for n := range max(1, who.Count) {
			out = append(out, c.expand(t, &line, &who, i, n)...)
		}
	}
	slices.SortStableFunc(out, func(a, b *schemas.Event) int {
		return cmp.Or(cmp.Compare(orderTime(a), orderTime(b)), cmp.Compare(a.Id, b.Id))
	})
	for i := range out {
		out[i].RawOffset = int64(i)
	}
	return out
}

// orderTime puts late events an hour after their time.
func orderTime(ev *schemas.Event) int64 {
	if ev.Late {
		return ev.Time + int64(time.Hour)
	}
	return ev.Time
}

// random is a fixed pseudo-random number for a call: FNV of where it stands.
func random(parts ...int) uint64 {
	h := fnv.New64a()
	fmt.Fprint(h, parts)
	x := h.Sum64()
	x ^= x >> 31
	x *= 0x9e3779b97f4a7c15
	return x ^ x>>29
}

func (c *goldenCase) expand(t *testing.T, line *traffic, who *goldenIdentity, index, n int) []*schemas.Event {
	var times []time.Time
	for _, at := range line.At {
		d, err := parseSpan(at)
		require.NoError(t, err)
		times = append(times, c.Start.Add(d))
	}
	if line.Every > 0 {
		require.Greater(t, line.To, line.From, "line %d: until", index+1)
		every, until := time.Duration(line.Every), c.Start.Add(time.Duration(line.To))
		at := c.Start.Add(time.Duration(line.From))
		if !line.Steady {
			at = at.Add(time.Duration(random(index, n) % uint64(every)))
		}
		for k := 0; at.Before(until); k++ {
			if inHours(line.Hours, at) && inWeek(line.Week, at) {
				times = append(times, at)
			}
			step := every
			if !line.Steady {
				step = every/2 + time.Duration(random(index, n, k, 1)%uint64(every))
			}
			at = at.Add(step)
		}
	}
	var out []*schemas.Event
	for _, at := range times {
		for j := range max(1, line.Times) {
			when := at.Add(time.Duration(j) * time.Second)
			ev := c.event(t, line, who, index, n, len(out), when)
			ev.Id = fmt.Sprintf("e%02d-%02d-%06d", index+1, n, len(out))
			out = append(out, ev)
		}
	}
	return out
}

func inHours(hours string, at time.Time) bool {
	if hours == "" {
		return true
	}
	from, to, _ := strings.Cut(hours, "-")
	a, _ := strconv.Atoi(from)
	b, _ := strconv.Atoi(to)
	return at.Hour() >= a && at.Hour() < b
}

func inWeek(week string, at time.Time) bool {
	if week == "" {
		return true
	}
	const names = "MonTueWedThuFriSatSun"
	from, to, _ := strings.Cut(week, "-")
	day := (int(at.Weekday()) + 6) % 7
	return day >= strings.Index(names, from)/3 && day <= strings.Index(names, or(to, from))/3
}

func or[T comparable](a, b T) T {
	var zero T
	if a != zero {
		return a
	}
	return b
}

func orList[T any](a, b []T) []T {
	if len(a) > 0 {
		return a
	}
	return b
}

// event makes one call; what the line leaves out the identity says.
func (c *goldenCase) event(t *testing.T, line *traffic, who *goldenIdentity, index, n, k int, at time.Time) *schemas.Event {
	do, base := &line.Do, &who.call
	roll := random(index, n, k, 2)
	calls := orList(do.Calls, base.Calls)
	op := do.Call
	if op == "" && len(do.Calls) == 0 && base.Call != "" {
		op = base.Call
	}
	if op == "" {
		require.NotEmpty(t, calls, "line %d: what does it call?", index+1)
		op = calls[int(roll%uint64(len(calls)))]
	}
	id := who.ID
	if who.Count > 1 {
		id += "-" + strconv.Itoa(n+1)
	}
	name := id[strings.LastIndexAny(id, "/:")+1:]
	ip := or(do.IP, base.IP)
	if who.Count > 1 && do.IP == "" && ip != "" { // members live in networks of their own
		part := strings.Split(ip, ".")
		part[2] = strconv.Itoa(n)
		ip = strings.Join(part, ".")
	}
	if ips := or(do.IPs, base.IPs); ips > 0 {
		ip = ip[:strings.LastIndexByte(ip, '.')+1] + strconv.Itoa(1+int(roll>>8%uint64(ips)))
	}
	ev := &schemas.Event{
		Time: at.UnixNano(), ReceivedTime: at.UnixNano(), Tenant: "test", Format: "cloudtrail", RawTopic: "raw.cloudtrail",
		IdentityId: id, IdentityKind: who.Kind, IdentityName: name, Team: who.Team, Criticality: who.Criticality, Environment: who.Environment,
		Anonymous: who.Anonymous,
		Principal: or(do.Principal, or(base.Principal, name)), PrincipalType: or(do.Type, base.Type), CredentialId: or(do.Key, base.Key),
		Operation: op, Resources: orList(do.On, base.On), Grantees: do.To,
		BytesOut: or(do.Bytes, base.Bytes),
		SrcIp:    ip, Country: or(do.Country, base.Country), Asn: or(do.ASN, base.ASN), NetworkClass: or(do.Network, base.Network),
		Client: or(do.Client, base.Client), UserAgent: or(do.Agent, or(base.Agent, or(do.Client, base.Client))), TlsFingerprint: or(do.TLS, base.TLS),
		Account: or(do.Account, base.Account), Region: or(do.Region, base.Region), Late: do.Late, Backfill: do.Backfill,
		ErrorCode: do.Error, CredentialType: or(do.KeyType, base.KeyType), Workload: or(do.Workload, base.Workload), ActingAs: or(do.ActingAs, base.ActingAs),
		Scopes: orList(do.Scopes, base.Scopes), Delegation: orList(do.Through, base.Through), Host: or(do.Host, base.Host),
		TargetAccount: or(do.Target, base.Target), TokensOut: or(do.Tokens, base.Tokens), CostMicros: or(do.Cost, base.Cost), RecordsOut: or(do.Records, base.Records),
		Attributes: do.With,
	}
	if ev.Attributes == nil {
		ev.Attributes = base.With
	}
	if ev.Workload == "none" {
		ev.Workload = ""
	}
	if ev.CostMicros > 0 { // half to one and a half of what the line says
		ev.CostMicros = ev.CostMicros/2 + roll>>20%ev.CostMicros
	}
	if ev.BytesOut > 0 { // half to one and a half of what the line says
		ev.BytesOut = ev.BytesOut/2 + roll>>16%ev.BytesOut
	}
	if objects := or(do.Objects, base.Objects); objects > 0 {
		ev.Resources = []string{"object/" + strconv.Itoa(int(roll>>24%uint64(objects)))}
	}
	if m, path, ok := strings.Cut(op, " "); ok {
		format := or(or(do.Format, base.Format), "kong")
		ev.Format, ev.RawTopic, ev.HttpMethod, ev.RouteTemplate, ev.StatusCode = format, "raw."+format, m, path, 200
	} else if s, _, ok := strings.Cut(op, ":"); ok {
		ev.Service, ev.CloudProvider = s, "aws"
		if format := or(do.Format, base.Format); format != "" {
			ev.Format, ev.RawTopic, ev.CloudProvider = format, "raw."+format, ""
		}
	}
	if strings.Count(ip, ".") == 3 {
		ev.SrcPrefix = ip[:strings.LastIndexByte(ip, '.')] + ".0/24"
	}
	ev.Outcome = schemas.Outcome_OUTCOME_SUCCESS
	switch do.Outcome {
	case "":
	case "denied":
		ev.Outcome = schemas.Outcome_OUTCOME_DENIED
		if ev.StatusCode != 0 {
			ev.StatusCode = 403
		} else if ev.ErrorCode == "" {
			ev.ErrorCode = "AccessDenied"
		}
	case "error":
		ev.Outcome = schemas.Outcome_OUTCOME_ERROR
		if ev.StatusCode != 0 {
			ev.StatusCode = 503
		}
	default:
		t.Fatalf("line %d: outcome %q", index+1, do.Outcome)
	}
	if p := orList(do.City, orList(do.Centre, orList(base.City, base.Centre))); len(p) == 2 {
		ev.Latitude, ev.Longitude, ev.GeoPrecision = p[0], p[1], "country"
		if len(do.City) > 0 || len(do.Centre) == 0 && len(base.City) > 0 {
			ev.GeoPrecision, ev.GeoRadiusKm = "city", 50
			if r := or(do.Radius, base.Radius); r > 0 {
				ev.GeoRadiusKm = r
			}
		}
	}
	ev.Declared = c.declared(t, do, who, at)
	return ev
}

func (c *goldenCase) declared(t *testing.T, do *call, who *goldenIdentity, at time.Time) *schemas.Declared {
	d := &schemas.Declared{
		Managed: !who.Unmanaged, RatePerMinute: or(do.Rate, who.Rate), RateBurst: or(do.Burst, who.Burst),
		SpendMicrosPerDay: or(do.Spend, who.Spend), TokensPerDay: or(do.TokenCap, who.TokenCap), Workloads: or(do.Workloads, who.Workloads),
		Policy: strings.ReplaceAll(strings.Join(who.Policy, "\n"), "|", "\t"),
	}
	for _, b := range do.Breaks {
		detector, rest, ok := strings.Cut(b, ": ")
		require.True(t, ok, b)
		observed, expected, _ := strings.Cut(rest, ", allowed ")
		d.Violations = append(d.Violations, &schemas.Violation{Detector: detector, Observed: observed, Expected: expected})
	}
	for _, detector := range slices.Sorted(mapKeys(do.Except)) {
		until, err := parseSpan(do.Except[detector])
		require.NoError(t, err)
		if end := c.Start.Add(until); at.Before(end) {
			d.Exceptions = append(d.Exceptions, &schemas.Exception{Detector: detector, Until: end.UnixNano(), Reason: "a test", By: "alice"})
		}
	}
	if rotate := or(do.Rotate, who.Rotate); rotate > 0 || do.Issued != "" || who.Issued != "" {
		d.Credential = &schemas.Credential{Ref: or(do.Key, who.Key), RotateEvery: int64(rotate)}
		if issued := or(do.Issued, who.Issued); issued != "" {
			when, err := time.Parse(time.DateOnly, issued)
			require.NoError(t, err)
			d.Credential.Issued = when.UnixNano()
		}
	}
	if who.LastUsed != "" {
		when, err := time.Parse(time.DateOnly, who.LastUsed)
		require.NoError(t, err)
		d.LastUsed = when.UnixNano()
	}
	return d
}

func mapKeys(m map[string]string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

// coldStart are the names of cases whose history is short.
var coldStart = regexp.MustCompile(`cold-start|first-(day|days|week|commands)|third-day|of-a-day|so-far|learning|young`)

// drift are the names of cases in which a habit grows, moves or is kept.
var drift = regexp.MustCompile(`(every|each|a)-(week|day|night|release)|weekly|monthly|grow|one-percent|usual|as-ever|moves|always|told-once|rotation`)

func TestEveryDetectorHasGoldenCasesOfItsKinds(t *testing.T) {
	known := map[string]bool{}
	for _, m := range detect.Catalogue() {
		known[m.Name] = true
		kinds := map[string]int{}
		folders, err := filepath.Glob(filepath.Join("testdata", m.Name, "*", "events.yaml"))
		require.NoError(t, err)
		for _, f := range folders {
			kinds[readCase(t, filepath.Dir(f)).Expect]++
		}
		assert.Positive(t, kinds["fires"], "%s: no case in testdata/%s that fires", m.Name, m.Name)
		assert.Positive(t, kinds["quiet"], "%s: no case in testdata/%s that must not fire", m.Name, m.Name)
		young := slices.ContainsFunc(folders, func(f string) bool { return coldStart.MatchString(filepath.Base(filepath.Dir(f))) })
		assert.True(t, young || m.Basis == detect.Declared, "%s: no case in testdata/%s of an identity, or a fleet, that is hardly known", m.Name, m.Name)
		slow := slices.ContainsFunc(folders, func(f string) bool { return drift.MatchString(filepath.Base(filepath.Dir(f))) })
		assert.True(t, slow || m.Basis == detect.Declared, "%s: no case in testdata/%s of what comes by and by, or is a habit", m.Name, m.Name)
	}
	folders, err := filepath.Glob(filepath.Join("testdata", "*", "*", "events.yaml"))
	require.NoError(t, err)
	for _, f := range folders {
		name := filepath.Base(filepath.Dir(filepath.Dir(f)))
		assert.True(t, known[name], "testdata/%s: no such detector", name)
	}
}
