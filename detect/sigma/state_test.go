package sigma

import (
	"bytes"
	"encoding/gob"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lapwing-sec/lapwing/schemas"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// Three rules on single events, by the name of the call.
const singles = `title: A
name: a
logsource: {product: aws, service: cloudtrail}
detection: {s: {eventName: A}, condition: s}
---
title: B
name: b
logsource: {product: aws, service: cloudtrail}
detection: {s: {eventName: B}, condition: s}
---
title: C
name: c
logsource: {product: aws, service: cloudtrail}
detection: {s: {eventName: C}, condition: s}
---
`

// at makes an event "SECOND WHO CALL ADDRESS OBJECT".
func at(text string) *schemas.Event {
	f := strings.Fields(text)
	var second int64
	_, _ = fmt.Sscan(f[0], &second)
	ev := &schemas.Event{Id: text, Time: 1_772_359_200_000_000_000 + second*int64(time.Second), Format: "cloudtrail", Service: "s3", IdentityId: f[1], Operation: "s3:" + f[2]}
	if len(f) > 3 {
		ev.SrcIp = f[3]
	}
	if len(f) > 4 {
		ev.Attributes = map[string]string{"requestParameters.bucketName": f[4]}
	}
	return ev
}

// run gives the seconds at which the outermost correlation came true.
func run(set *Set, events []*schemas.Event) []string {
	s, st := NewScanner(set), NewState(set)
	var out []string
	for _, ev := range events {
		for _, h := range st.Observe(s, s.Scan(ev), nil) {
			if r := set.Rule(h.Rule); r.Alone {
				out = append(out, fmt.Sprintf("%s: %s %d", strings.Fields(ev.Id)[0], r.Title, h.Count))
			}
		}
	}
	return out
}

func TestCorrelations(t *testing.T) {
	for _, c := range []struct {
		says, correlation string
		events            []string
		want              []string
	}{
		{"event_count counts within the timespan", "type: event_count, rules: [a], timespan: 10s, condition: {gte: 3}",
			[]string{"0 x A", "5 x A", "11 x A", "12 x A"}, []string{"12: X 3"}},
		{"a window is as long as it says, and no longer", "type: event_count, rules: [a], timespan: 10s, condition: {gte: 2}",
			[]string{"0 x A", "10 x A"}, nil},
		{"gt is one more", "type: event_count, rules: [a], timespan: 10s, condition: {gt: 1}", []string{"0 x A", "1 x A"}, []string{"1: X 2"}},
		{"what came true begins anew", "type: event_count, rules: [a], timespan: 10s, condition: {gte: 2}",
			[]string{"0 x A", "1 x A", "2 x A", "3 x A"}, []string{"1: X 2", "3: X 2"}},
		{"events of any of the rules count together", "type: event_count, rules: [a, b], timespan: 10s, condition: {gte: 2}", []string{"0 x A", "1 x B"}, []string{"1: X 2"}},
		{"the identity groups by default", "type: event_count, rules: [a], timespan: 10s, condition: {gte: 2}", []string{"0 x A", "1 y A"}, nil},
		{"group-by crosses identities", "type: event_count, rules: [a], group-by: [sourceIPAddress], timespan: 10s, condition: {gte: 2}",
			[]string{"0 x A 192.0.2.1", "1 y A 192.0.2.1"}, []string{"1: X 2"}},
		{"group-by keeps values apart", "type: event_count, rules: [a], group-by: [sourceIPAddress], timespan: 10s, condition: {gte: 2}",
			[]string{"0 x A 192.0.2.1", "1 x A 192.0.2.2"}, nil},
		{"an event without a value of group-by is left out", "type: event_count, rules: [a], group-by: [sourceIPAddress], timespan: 10s, condition: {gte: 2}",
			[]string{"0 x A", "1 x A"}, nil},
		{"an event that comes late counts at its own time", "type: event_count, rules: [a], timespan: 10s, condition: {gte: 3}",
			[]string{"0 x A", "15 x A", "8 x A", "9 x A"}, []string{"9: X 3"}},
		{"lt is judged when the window is over", "type: event_count, rules: [a], timespan: 10s, condition: {lt: 3}",
			[]string{"0 x A", "1 x A", "9 x Other", "10 x Other", "11 x Other"}, []string{"10: X 2"}},
		{"lte of too many", "type: event_count, rules: [a], timespan: 10s, condition: {lte: 1}", []string{"0 x A", "1 x A", "12 x Other"}, nil},
		{"eq is exact", "type: event_count, rules: [a], timespan: 10s, condition: {eq: 2}", []string{"0 x A", "1 x A", "2 x A", "12 x Other", "20 x A", "21 x A", "31 x Other"}, []string{"31: X 2"}},
		{"a range has two ends", "type: event_count, rules: [a], timespan: 10s, condition: {gt: 1, lte: 2}", []string{"0 x A", "1 x A", "12 x Other"}, []string{"12: X 2"}},
		{"neq is any other number", "type: event_count, rules: [a], timespan: 10s, condition: {neq: 2}", []string{"0 x A", "1 x A", "12 x A", "23 x Other"}, []string{"23: X 1"}},

		{"value_count counts distinct values", "type: value_count, rules: [a], timespan: 10s, condition: {field: requestParameters.bucketName, gte: 2}",
			[]string{"0 x A 192.0.2.1 one", "1 x A 192.0.2.1 one", "2 x A 192.0.2.1 two"}, []string{"2: X 2"}},
		{"a value that was seen long ago no longer counts", "type: value_count, rules: [a], timespan: 10s, condition: {field: requestParameters.bucketName, gte: 2}",
			[]string{"0 x A 192.0.2.1 one", "12 x A 192.0.2.1 two"}, nil},
		{"an event without the value is left out", "type: value_count, rules: [a], timespan: 10s, condition: {field: requestParameters.bucketName, gte: 1}", []string{"0 x A"}, nil},

		{"temporal needs every rule, in any order", "type: temporal, rules: [a, b], timespan: 10s", []string{"0 x B", "5 x A"}, []string{"5: X 2"}},
		{"temporal within the timespan", "type: temporal, rules: [a, b], timespan: 10s", []string{"0 x B", "12 x A"}, nil},
		{"temporal with some of the rules", "type: temporal, rules: [a, b, c], timespan: 10s, condition: {gte: 2}", []string{"0 x A", "1 x C"}, []string{"1: X 2"}},
		{"temporal_ordered needs the order", "type: temporal_ordered, rules: [a, b, c], timespan: 10s", []string{"0 x A", "1 x B", "2 x C"}, []string{"2: X 3"}},
		{"temporal_ordered refuses another order", "type: temporal_ordered, rules: [a, b, c], timespan: 10s", []string{"0 x B", "1 x A", "2 x C"}, nil},
		{"temporal_ordered by time, not by arrival", "type: temporal_ordered, rules: [a, b], timespan: 10s", []string{"5 x B", "1 x A"}, []string{"1: X 2"}},
		{"temporal_ordered has a beginning within the timespan", "type: temporal_ordered, rules: [a, b], timespan: 10s", []string{"0 x A", "11 x B", "12 x A", "13 x B"}, []string{"13: X 2"}},
		{"many repeats forget nothing", "type: temporal_ordered, rules: [a, b, c], timespan: 500s",
			append(append([]string{"0 x A", "1 x B"}, slices.Repeat([]string{"2 x A"}, 300)...), "3 x C"), []string{"3: X 3"}},
	} {
		t.Run(c.says, func(t *testing.T) {
			set := load(t, singles+"title: X\ncorrelation: {"+c.correlation+"}\n")
			var events []*schemas.Event
			for _, e := range c.events {
				events = append(events, at(e))
			}
			assert.Equal(t, c.want, run(set, events))
		})
	}
}

const chained = singles + `title: Many
name: many
correlation: {type: event_count, rules: [a], timespan: 10s, condition: {gte: 3}}
---
title: X
level: high
correlation:
  type: temporal_ordered
  rules: [many, b]
  group-by: [who]
  timespan: 60s
  aliases:
    who: {many: lapwing.identity, b: lapwing.identity}
`

func TestCorrelationsMayNameCorrelations(t *testing.T) {
	set := load(t, chained)
	var events []*schemas.Event
	for _, e := range []string{"0 x A", "1 x A", "2 x B", "3 x A", "4 y B", "5 x B"} {
		events = append(events, at(e))
	}
	assert.Equal(t, []string{"5: X 2"}, run(set, events))
	for _, name := range []string{"a", "b", "many"} {
		assert.False(t, set.Rule(set.Find(name)).Alone, "only the outermost speaks")
	}
}

func TestGenerateLetsTheRulesSpeakThemselves(t *testing.T) {
	set := load(t, singles+"title: X\ncorrelation: {type: event_count, rules: [a], generate: true, timespan: 10s, condition: {gte: 2}}\n")
	assert.True(t, set.Rule(set.Find("a")).Alone)
}

// memory is a Visitor on a list of what was written.
type memory struct {
	list    []any
	pos     int
	reading bool
}

func (m *memory) Writing() bool { return !m.reading }
func (m *memory) Failed() bool  { return false }

func visit[T any](m *memory, x *T) {
	if m.reading {
		*x, _ = m.list[m.pos].(T)
		m.pos++
		return
	}
	m.list = append(m.list, *x)
}

func (m *memory) Int(x *int64)   { visit(m, x) }
func (m *memory) Uint(x *uint64) { visit(m, x) }
func (m *memory) Text(s *string) { visit(m, s) }
func (m *memory) Len(n int) int  { visit(m, &n); return n }

func TestAStateIsTheSameAfterARestart(t *testing.T) {
	set := load(t, chained, `title: Few
correlation: {type: event_count, rules: [c], timespan: 20s, condition: {lte: 2}}
---
title: Buckets
correlation: {type: value_count, rules: [a, c], group-by: [sourceIPAddress], timespan: 30s, condition: {field: requestParameters.bucketName, gte: 3}}
`)
	rapid.Check(t, func(t *rapid.T) {
		var events []*schemas.Event
		second := 50
		for range rapid.IntRange(1, 80).Draw(t, "events") {
			second += rapid.IntRange(-6, 12).Draw(t, "gap")
			events = append(events, at(fmt.Sprintf("%d %c %c 192.0.2.%d b%d", second, 'x'+rapid.IntRange(0, 2).Draw(t, "who"), 'A'+rapid.IntRange(0, 3).Draw(t, "call"),
				rapid.IntRange(1, 2).Draw(t, "address"), rapid.IntRange(1, 4).Draw(t, "bucket"))))
		}
		cut := rapid.IntRange(0, len(events)).Draw(t, "restart")
		s, whole, parts := NewScanner(set), NewState(set), NewState(set)
		for i, ev := range events {
			if i == cut {
				m := &memory{}
				parts.Visit(m)
				again := &memory{list: m.list, reading: true}
				parts = NewState(set)
				parts.Visit(again)
				check := &memory{}
				parts.Visit(check)
				require.Equal(t, m.list, check.list, "equal states write equal snapshots")
			}
			matched := s.Scan(ev)
			require.Equal(t, whole.Observe(s, matched, nil), parts.Observe(s, matched, nil))
		}
	})
}

func TestOtherRulesForgetWhatOneSetRemembered(t *testing.T) {
	a, b := load(t, chained), load(t, chained, rule("s: {eventName: Z}\ncondition: s"))
	s, st := NewScanner(a), NewState(a)
	st.Observe(s, s.Scan(at("0 x A")), nil)
	require.Equal(t, 1, st.Groups())
	m := &memory{}
	st.Visit(m)
	other := NewState(b)
	other.Visit(&memory{list: m.list, reading: true})
	assert.Zero(t, other.Groups())
	Forget(&memory{list: m.list, reading: true})
}

func TestWhatIsRememberedIsBounded(t *testing.T) {
	set := load(t, singles+"title: X\ncorrelation: {type: event_count, rules: [a], group-by: [requestParameters.bucketName], timespan: 1h, condition: {gte: 3}}\n")
	s, st := NewScanner(set), NewState(set)
	for i := range 2000 {
		st.Observe(s, s.Scan(at(fmt.Sprintf("%d x A 192.0.2.1 b%d", i, i))), nil)
	}
	assert.Equal(t, ownerGroups, st.Groups(), "one identity has its share, and the newest stay")
	assert.Equal(t, uint64(2000-ownerGroups), st.Evicted())
	assert.Len(t, st.owners, 1)
	for i := range (maxGroups + maxGroups/4) / ownerGroups * 2 * ownerGroups {
		st.Observe(s, s.Scan(at(fmt.Sprintf("%d y%d A 192.0.2.1 c%d", 3000, i/ownerGroups, i))), nil)
		require.LessOrEqual(t, st.Groups(), maxGroups+maxGroups/4)
	}
	points := 0
	for _, g := range st.groups {
		points += len(g.points)
	}
	assert.Equal(t, points, st.points)
}

// Events that come at most two timespans late give the same as those in order.
func TestOrderOfArrivalDoesNotMatter(t *testing.T) {
	set := load(t, singles+"title: X\ncorrelation: {type: temporal_ordered, rules: [a, b, c], timespan: 20s}\n")
	rapid.Check(t, func(t *rapid.T) {
		var events []*schemas.Event
		for i := range rapid.IntRange(1, 6).Draw(t, "events") {
			events = append(events, at(fmt.Sprintf("%d x %c", i*rapid.IntRange(1, 7).Draw(t, "gap"), 'A'+rapid.IntRange(0, 2).Draw(t, "call"))))
		}
		sorted := slices.SortedStableFunc(slices.Values(events), func(a, b *schemas.Event) int { return int(a.Time - b.Time) })
		shuffled := rapid.Permutation(events).Draw(t, "arrival")
		require.Equal(t, len(run(set, sorted)) > 0, len(run(set, shuffled)) > 0)
	})
}

// A rule never panics, at load or at an event, whatever it is.
func FuzzRule(f *testing.F) {
	f.Add(rule("s: {eventName|contains|all: ['*a?', x]}\ncondition: s and not 1 of s*"), "aws-cli", "a.0.b")
	f.Add(rule("s: {'a|re|i': 'x+'}\nt: ['|all', {b|windash: ' -x'}]\ncondition: 1 of them"), "x", "query")
	f.Add(chained, "A", "requestParameters")
	f.Add("title: T\nlogsource: {category: webserver}\ndetection: {k: [x, {c-ip|cidr: '::/0'}], condition: k}", "", "")
	f.Fuzz(func(t *testing.T, text, value, name string) {
		set, err := Load([]File{{Name: "f", Data: []byte(text)}})
		if err != nil {
			return
		}
		s, st := NewScanner(set), NewState(set)
		for _, format := range []string{"cloudtrail", "nginx", "k8s-audit", "none"} {
			ev := event(name + "=" + value)
			ev.Format, ev.UserAgent, ev.SrcIp, ev.Operation = format, value, value, "iam:"+value
			matched := slices.Clone(s.Scan(ev))
			st.Observe(s, matched, nil)
			// The index leaves out no rule that matches.
			var want []int
			for i := range set.rules {
				if r := &set.rules[i]; r.root != nil && slices.Contains(r.Formats, format) && s.holds(r.root) {
					want = append(want, i)
				}
			}
			if !slices.Equal(want, matched) {
				t.Fatalf("%s: the index gives %v, every rule by itself %v", format, matched, want)
			}
		}
		var b bytes.Buffer
		if err := gob.NewEncoder(&b).Encode(set.Digest()); err != nil {
			t.Fatal(err)
		}
	})
}

// fleet is 500 rules as teams have them: nearly all name operations, some look
// at agents, addresses, parameters; a tenth is for other log sources.
func fleet(tb testing.TB) *Set {
	var files []File
	for i := range 500 {
		detection := fmt.Sprintf("s: {eventSource: svc%d.amazonaws.com, eventName: [Delete%d, Update%d]}\nf: {userAgent|contains: terraform}\ncondition: s and not f", i%40, i, i)
		source := "{product: aws, service: cloudtrail}"
		switch i % 20 {
		case 3:
			detection = fmt.Sprintf("s: {userAgent|contains: [badtool%d, scanner%d]}\ncondition: s", i, i)
		case 7:
			detection = fmt.Sprintf("s: {eventName|startswith: Describe%d, sourceIPAddress|cidr: 10.0.0.0/8}\ncondition: s", i)
		case 11:
			detection = fmt.Sprintf("s: {requestParameters.x%d|contains: evil}\ncondition: s", i)
		case 15, 16:
			source = "{product: okta, service: okta}"
		}
		files = append(files, File{Name: fmt.Sprintf("%03d.yml", i), Data: []byte(fmt.Sprintf("title: Rule %d\nlogsource: %s\ndetection:\n  %s\n", i, source, strings.ReplaceAll(detection, "\n", "\n  ")))})
	}
	set, err := Load(files)
	require.NoError(tb, err)
	return set
}

func busy() *schemas.Event {
	ev := event()
	for i := range 20 {
		ev.Attributes[fmt.Sprintf("requestParameters.filterSet.items.%d.name", i)] = "tag:Name"
	}
	return ev
}

func TestScanningAllocatesNothing(t *testing.T) {
	s, ev := NewScanner(fleet(t)), busy()
	s.Scan(ev)
	assert.Zero(t, testing.AllocsPerRun(100, func() { s.Scan(ev) }))
}

func BenchmarkScan500Rules(b *testing.B) {
	s, ev := NewScanner(fleet(b)), busy()
	b.ReportAllocs()
	for b.Loop() {
		s.Scan(ev)
	}
}
