package simulate

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/phuslu/iploc"
	"github.com/stretchr/testify/require"
)

func fleet(t testing.TB, cfg Config) *Fleet {
	t.Helper()
	f, err := New(cfg)
	require.NoError(t, err)
	return f
}

// line is a record read back with nothing but encoding/json and one regexp.
type line struct {
	time       int64
	who, ip    string
	operation  string
	agent      string
	status     int
	failed     bool
	credential string
	region     string
}

var combinedLine = regexp.MustCompile(`^(\d+\.\d+\.\d+\.\d+) - (\S+) \[([^\]]+)\] "([A-Z]+) (\S+) HTTP/1\.1" (\d{3}) (\d+) "-" "([^"]+)"$`)

func read(t testing.TB, r Record) line {
	t.Helper()
	switch {
	case r.Format == CloudTrail:
		var v struct {
			EventTime       time.Time
			EventSource     string
			EventName       string
			AwsRegion       string
			SourceIPAddress string
			UserAgent       string
			ErrorCode       string
			EventID         string
			UserIdentity    struct {
				Type, AccountID, UserName, InvokedBy, AccessKeyID string
				SessionContext                                    struct{ SessionIssuer struct{ UserName string } }
			}
			ManagementEvent    *bool
			ReadOnly           *bool
			RecipientAccountID string
		}
		require.NoError(t, json.Unmarshal(r.Value, &v), "%s", r.Value)
		require.NotNil(t, v.ManagementEvent)
		require.NotNil(t, v.ReadOnly)
		require.Len(t, v.EventID, 36)
		require.Len(t, v.RecipientAccountID, 12)
		l := line{time: v.EventTime.UnixMilli(), ip: v.SourceIPAddress, operation: v.EventSource + " " + v.EventName, agent: v.UserAgent, failed: v.ErrorCode != "", region: v.AwsRegion, credential: v.UserIdentity.AccessKeyID}
		switch v.UserIdentity.Type {
		case "IAMUser":
			l.who = "aws:" + v.UserIdentity.AccountID + ":user/" + v.UserIdentity.UserName
		case "AssumedRole":
			l.who = "aws:" + v.UserIdentity.AccountID + ":role/" + v.UserIdentity.SessionContext.SessionIssuer.UserName
		case "AWSService":
			l.who = "aws:service/" + v.UserIdentity.InvokedBy
		}
		return l
	case r.Format == Kong:
		var v struct {
			Request struct {
				Method, URI string
				Headers     map[string]string
			}
			Response            struct{ Status int }
			Consumer            struct{ Username string }
			AuthenticatedEntity struct{ ID string } `json:"authenticated_entity"`
			ClientIP            string              `json:"client_ip"`
			StartedAt           int64               `json:"started_at"`
		}
		require.NoError(t, json.Unmarshal(r.Value, &v), "%s", r.Value)
		return line{time: v.StartedAt, who: "kong:consumer/" + v.Consumer.Username, ip: v.ClientIP, operation: v.Request.Method + " " + v.Request.URI, agent: v.Request.Headers["user-agent"], status: v.Response.Status, failed: v.Response.Status >= 400, credential: v.AuthenticatedEntity.ID}
	case r.Value[0] == '{':
		var v struct {
			Time   time.Time `json:"time_iso8601"`
			Addr   string    `json:"remote_addr"`
			User   string    `json:"remote_user"`
			Method string    `json:"request_method"`
			URI    string    `json:"request_uri"`
			Status int       `json:"status"`
			Agent  string    `json:"http_user_agent"`
		}
		require.NoError(t, json.Unmarshal(r.Value, &v), "%s", r.Value)
		return line{time: v.Time.UnixMilli(), who: "nginx:user/" + v.User, ip: v.Addr, operation: v.Method + " " + v.URI, agent: v.Agent, status: v.Status, failed: v.Status >= 400}
	}
	m := combinedLine.FindStringSubmatch(string(r.Value))
	require.NotNil(t, m, "%s", r.Value)
	at, err := time.Parse("02/Jan/2006:15:04:05 -0700", m[3])
	require.NoError(t, err)
	return line{time: at.UnixMilli(), who: "nginx:user/" + m[2], ip: m[1], operation: m[4] + " " + m[5], agent: m[8], failed: m[6] >= "400"}
}

// route takes ids out of an operation: what is left is what a log's reader
// would group by.
var digits = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}|\d{3,}(-\d\d-\d\d)?`)

func route(op string) string {
	op, _, _ = strings.Cut(op, "?")
	return digits.ReplaceAllString(op, "{id}")
}

func TestTheSameSeedWritesTheSameBytes(t *testing.T) {
	sum := func(seed uint64) string {
		h := sha256.New()
		f := fleet(t, Config{Seed: seed, Identities: 60, Days: 8})
		require.NoError(t, f.Records(func(r Record) error {
			fmt.Fprintf(h, "%s %d %s ", r.Format, r.Time.UnixMilli(), r.Key)
			h.Write(r.Value)
			return nil
		}))
		inv, err := json.Marshal(f.Inventory())
		require.NoError(t, err)
		h.Write(inv)
		labels, err := json.Marshal(f.Labels())
		require.NoError(t, err)
		h.Write(labels)
		return fmt.Sprintf("%x", h.Sum(nil))
	}
	require.Equal(t, sum(7), sum(7))
	require.NotEqual(t, sum(7), sum(8))
}

func TestAnAttackChangesNothingOfTheOthers(t *testing.T) {
	records := func(attacks Selection) map[string][]string {
		out := make(map[string][]string)
		f := fleet(t, Config{Identities: 80, Days: 6, LearnDays: 3, Attacks: attacks, HardCases: Selection{None: true}})
		require.NoError(t, f.Records(func(r Record) error {
			out[r.Key] = append(out[r.Key], string(r.Value))
			return nil
		}))
		return out
	}
	quiet, loud := records(Selection{None: true}), records(Selection{Only: []string{"trail-stopped"}})
	differ := 0
	for who := range loud {
		if !slices.Equal(quiet[who], loud[who]) {
			differ++
		}
	}
	require.Equal(t, 1, differ, "identities whose records differ")
}

// TestEveryRecord reads the whole default fleet back and holds every rule
// about single records against it.
func TestEveryRecord(t *testing.T) {
	f := fleet(t, Config{})
	names := make(map[string]bool)
	for i := range f.ids {
		names[f.ids[i].id] = true
	}
	type seen struct{ operation, ip, agent string }
	var (
		count   = make(map[string]int)
		latest  = make(map[string]time.Time)
		byKey   = make(map[string]int64)
		second  = make(map[string]seen)
		times   = make(map[string]map[int64]bool)
		failed  int
		weekend int
	)
	for _, l := range f.Labels() {
		for _, at := range l.Times {
			if times[l.Identity] == nil {
				times[l.Identity] = make(map[int64]bool)
			}
			times[l.Identity][at] = false
		}
	}
	require.NoError(t, f.Records(func(r Record) error {
		l := read(t, r)
		count[r.Format]++
		if r.Time.UnixMilli() != l.time {
			t.Fatalf("the record's time %s is not the one that it states: %s", r.Time, r.Value)
		}
		if r.Time.Before(latest[r.Format]) {
			t.Fatalf("%s goes back in time", r.Format)
		}
		latest[r.Format] = r.Time
		require.False(t, r.Time.Before(f.Start()) || !r.Time.Before(f.End()), "%s is out of bounds", r.Time)
		require.NotContains(t, string(r.Value), "\n")
		if !strings.Contains(r.Key, "/24") || strings.HasPrefix(r.Key, "aws") {
			if r.Key != l.who || !names[r.Key] || byKey[r.Key] > l.time {
				t.Fatalf("key %s, identity %s, before %d, now %d", r.Key, l.who, byKey[r.Key], l.time)
			}
			byKey[r.Key] = l.time
			now := seen{route(l.operation), l.ip, l.agent}
			k := fmt.Sprint(r.Key, l.time/1000)
			if before, ok := second[r.Key+"@"]; ok && before.operation == fmt.Sprint(l.time/1000) {
				if second[r.Key] != now {
					t.Fatalf("two different operations in one second: %s: %v, %v", k, second[r.Key], now)
				}
			}
			second[r.Key], second[r.Key+"@"] = now, seen{operation: fmt.Sprint(l.time / 1000)}
			if m, ok := times[r.Key]; ok {
				if _, ok := m[l.time]; ok {
					m[l.time] = true
				}
			}
		}
		if l.failed {
			failed++
		}
		if d := r.Time.Weekday(); d == time.Saturday || d == time.Sunday {
			weekend++
		}
		return nil
	}))
	total := count[CloudTrail] + count[Kong] + count[NGINX]
	require.Greater(t, total, 520_000)
	require.Less(t, total, 640_000)
	for _, form := range []string{CloudTrail, Kong, NGINX} {
		require.Greater(t, count[form], total/10, form)
	}
	require.InDelta(t, 0.02, float64(failed)/float64(total), 0.018, "share of calls that fail")
	require.Less(t, float64(weekend)/float64(total), 2.0/7, "weekends are quieter")
	for who, m := range times {
		for at, there := range m {
			require.True(t, there, "%s: the label's event at %s is not in the stream", who, time.UnixMilli(at).UTC())
		}
	}
}

func TestLabels(t *testing.T) {
	for seed := uint64(1); seed <= 4; seed++ {
		f := fleet(t, Config{Seed: seed})
		attacks, hard, strata := 0, 0, make(map[string]int)
		ids, one := make(map[string]bool), make(map[string]string)
		for _, l := range f.Labels() {
			require.False(t, ids[l.ID], "label %s twice", l.ID)
			ids[l.ID] = true
			require.NotEmpty(t, l.Title)
			require.NotEmpty(t, l.Identity)
			require.False(t, l.End.Before(l.Start), l.ID)
			switch l.Kind {
			case KindAttack:
				attacks++
				strata[l.Network]++
				strata[l.Client]++
				require.NotZero(t, l.Case)
				require.NotEmpty(t, l.Visible, l.ID)
				require.False(t, l.Start.Before(f.Judged()), "%s is in the clean days", l.ID)
				require.False(t, l.End.After(f.End()), l.ID)
				require.True(t, l.Silence || len(l.Times) > 0, l.ID)
				require.Empty(t, one[l.Identity], "two attacks on %s", l.Identity)
				one[l.Identity] = l.ID
			case KindHard:
				hard++
				require.False(t, l.Start.Before(f.Judged().Add(-3*time.Hour)), "%s is in the clean days", l.ID)
			}
		}
		require.GreaterOrEqual(t, attacks, 24, "seed %d", seed)
		require.GreaterOrEqual(t, hard, 18, "seed %d", seed)
		for _, s := range []string{"usual", "known", "foreign", "own", "other"} {
			require.GreaterOrEqual(t, strata[s], 5, s)
		}
	}
}

func TestFleetsOfManySizes(t *testing.T) {
	for _, c := range []Config{{Identities: 20, Days: 7}, {Identities: 60, Days: 35, LearnDays: 21}, {Identities: 1500, Days: 7, Events: 500_000}} {
		t.Run(fmt.Sprint(c.Identities), func(t *testing.T) {
			f := fleet(t, c)
			n, who := 0, make(map[string]bool)
			require.NoError(t, f.Records(func(r Record) error {
				n++
				who[r.Key] = true
				return nil
			}))
			require.InDelta(t, f.cfg.Events, n, 0.35*float64(f.cfg.Events), "events")
			require.NotEmpty(t, f.Labels())
			require.NotEmpty(t, f.Inventory().Identities)
		})
	}
}

func TestConfigurationsThatCannotBe(t *testing.T) {
	for _, c := range []struct {
		cfg  Config
		want string
	}{
		{Config{Identities: 5}, "identities 5: want 20 to 200000"},
		{Config{Days: 1}, "days 1: want 3 to 400"},
		{Config{Days: 5, LearnDays: 5}, "learning days 5: want 1 to 4"},
		{Config{Events: -1}, "events -1"},
		{Config{Attacks: Selection{Only: []string{"flood"}}}, `no attack "flood"`},
		{Config{HardCases: Selection{Only: []string{"flood"}}}, `no hard case "flood"`},
	} {
		_, err := New(c.cfg)
		require.ErrorContains(t, err, c.want)
	}
}

func TestRecordsStopsAtTheFirstError(t *testing.T) {
	stop, n := errors.New("enough"), 0
	err := fleet(t, Config{Identities: 20, Days: 3}).Records(func(Record) error {
		if n++; n == 3 {
			return stop
		}
		return nil
	})
	require.ErrorIs(t, err, stop)
	require.Equal(t, 3, n)
}

func TestBlocksLieInTheirCountries(t *testing.T) {
	for _, b := range blocks {
		for third := 0; third < 256; third += 5 {
			ip := netip.AddrFrom4([4]byte{b.a, b.b, byte(third), 77})
			require.Equal(t, b.cc, iploc.IPCountry(ip), "%s", ip)
		}
	}
}

func TestInventoryHoldsForCleanTraffic(t *testing.T) {
	f := fleet(t, Config{Days: 12, Attacks: Selection{None: true}})
	inv := f.Inventory()
	declared := float64(len(inv.Identities)) / float64(len(f.ids))
	require.InDelta(t, 0.85, declared, 0.07, "share of identities that are declared")
	type entry struct{ countries, networks, regions []string }
	policy := make(map[string]entry)
	limited := 0
	for _, e := range inv.Identities {
		if e.Allowed != nil {
			limited++
			policy[e.ID] = entry{e.Allowed.Countries, e.Allowed.Networks, e.Allowed.Regions}
		}
	}
	require.Greater(t, limited, 60)
	require.NoError(t, f.Records(func(r Record) error {
		p, ok := policy[r.Key]
		if !ok {
			return nil
		}
		l := read(t, r)
		if p.regions != nil {
			require.Contains(t, p.regions, l.region, r.Key)
		}
		ip, err := netip.ParseAddr(l.ip)
		require.NoError(t, err)
		if p.countries != nil {
			require.Contains(t, p.countries, iploc.IPCountry(ip), r.Key)
		}
		if p.networks != nil {
			require.True(t, slices.ContainsFunc(p.networks, func(n string) bool { return netip.MustParsePrefix(n).Contains(ip) }), "%s from %s, allowed %v", r.Key, ip, p.networks)
		}
		return nil
	}))
}

func TestRealRatherThanSmooth(t *testing.T) {
	f := fleet(t, Config{Days: 16, Attacks: Selection{None: true}, HardCases: Selection{None: true}})
	type habit struct {
		ops, nets map[string]int
		n         int
		late      int // operations first used in the second half
	}
	half := f.Judged().UnixMilli()
	habits := make(map[string]*habit)
	require.NoError(t, f.Records(func(r Record) error {
		l := read(t, r)
		h := habits[r.Key]
		if h == nil {
			h = &habit{ops: make(map[string]int), nets: make(map[string]int)}
			habits[r.Key] = h
		}
		h.n++
		o := route(l.operation)
		if h.ops[o]++; h.ops[o] == 1 && l.time >= half {
			h.late++
		}
		h.nets[l.ip[:strings.LastIndexByte(l.ip, '.')+1]]++
		return nil
	}))
	news, manyNets, oneNet := 0, 0, 0
	var sizes []int
	for i := range f.ids {
		h := habits[f.ids[i].id]
		if h == nil {
			continue
		}
		sizes = append(sizes, h.n)
		if h.late > 0 {
			news++
		}
		switch n := len(h.nets); {
		case n == 1:
			oneNet++
		case n > 20:
			manyNets++
		}
	}
	slices.Sort(sizes)
	require.Greater(t, sizes[len(sizes)*95/100], 4*sizes[len(sizes)/2], "a few identities make most of the calls: %v", sizes)
	require.Greater(t, news, len(f.ids)/4, "identities with operations that are new after the learning days")
	require.Greater(t, manyNets, 5, "identities of many networks")
	require.Greater(t, oneNet, 50, "identities of one network")
}

func TestOperationsOfScenariosAreListed(t *testing.T) {
	// Every attack plays, whatever identity it is given by the seed.
	for seed := uint64(1); seed < 30; seed++ {
		_, err := New(Config{Seed: seed, Identities: 400, Days: 14})
		require.NoError(t, err)
	}
}

func BenchmarkRecords(b *testing.B) {
	f := fleet(b, Config{})
	n, size := 0, 0
	b.ReportAllocs()
	for b.Loop() {
		n, size = 0, 0
		if err := f.Records(func(r Record) error {
			n++
			size += len(r.Value)
			return nil
		}); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
	b.ReportMetric(float64(size)/float64(n), "bytes/record")
}
