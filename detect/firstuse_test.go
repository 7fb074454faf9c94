package detect

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/lapwing-sec/lapwing/schemas"
)

// A fleet in which identities begin to read secrets every day, as many of their peers
// always did, keeps its budget; what hardly a peer does pages all the same.
func TestFirstUsesOfALargeFleetKeepTheBudget(t *testing.T) {
	const (
		members = 360
		days    = 42
		readers = 20 // that always read secrets
		aDay    = 12 // that read their first one
		begun   = 16 // the day from which on they do
		settled = 26 // the gate knows of them
		budget  = 3
	)
	fleet := make([]member, members)
	for i := range fleet {
		fleet[i] = member{
			id: fmt.Sprintf("aws:123456789012:role/svc-%03d", i), kind: "service_account", ip: fmt.Sprintf("198.51.100.%d", i%250),
			country: "DE", lat: 51, lon: 9, topic: "raw.cloudtrail", bytes: 2000,
		}
	}
	var all []*schemas.Event
	call := func(m *member, day, minute int, op string) *schemas.Event {
		at := fleetStart.AddDate(0, 0, day).Add(time.Duration(minute) * time.Minute)
		ev := m.event(at.UnixNano(), op)
		ev.Id += "-" + op
		ev.Service, _, _ = strings.Cut(op, ":")
		all = append(all, ev)
		return ev
	}
	for day := range days {
		for i := range fleet {
			for n := range 8 {
				call(&fleet[i], day, 150*n+i%97, "s3:GetObject")
			}
		}
		secret := func(i, minute int) {
			call(&fleet[i], day, minute, "secretsmanager:GetSecretValue").Resources = []string{fmt.Sprintf("secret/svc-%03d/db", i)}
		}
		for i := range readers {
			secret(i, 500+i)
		}
		for n := range aDay {
			if i := readers + (day-begun)*aDay + n; day >= begun && i < members {
				secret(i, 600+7*n)
			}
		}
	}
	last := &fleet[members-1]
	call(last, 40, 700, "iam:CreateAccessKey").ReadOnly = schemas.ReadOnly_READ_ONLY_FALSE
	call(&fleet[members-2], 40, 710, "cloudtrail:StopLogging").ReadOnly = schemas.ReadOnly_READ_ONLY_FALSE

	pages, reports := make([]int, days), 0
	var grave []string
	for _, a := range run(t, newEngine(t), merge(all)) {
		day := int(a.Time/1000-fleetStart.Unix()) / 86400
		switch l := &a.Unmapped.Lapwing; {
		case a.Version() > 1:
		case a.FindingInfo.Analytic.UID != "secret-access":
			if l.Page {
				grave = append(grave, a.FindingInfo.Analytic.UID)
			}
		case l.Page:
			pages[day]++
		case l.Way == "report":
			reports++
			if !strings.Contains(a.FindingInfo.Desc, "more first uses like it every day than its budget") {
				t.Fatalf("a report does not say why it pages nobody: %s", a.FindingInfo.Desc)
			}
		}
	}
	total := 0
	for _, n := range pages[settled:] {
		total += n
	}
	if a := float64(total) / (days - settled); a > budget {
		t.Errorf("%.1f pages a day once the fleet is known: %v", a, pages)
	}
	if pages[begun] == 0 {
		t.Errorf("the first of them paged nobody: %v", pages)
	}
	if reports < (days-settled)*(aDay-budget)*3/4 {
		t.Errorf("%d reports, pages %v: what pages nobody is not lost", reports, pages)
	}
	if fmt.Sprint(grave) != "[mints-credential log-tampering]" {
		t.Errorf("beside them paged %v", grave)
	}
}

// What is found on a call of the past goes through the same gate as what is found on
// arrival: a deed that comes after its use is no way round the budget.
func TestAFindingOnAPastCallKeepsTheBudget(t *testing.T) {
	for _, c := range []struct {
		name string
		rank float64
		way  string
	}{
		{"as ordinary as what the fleet has every day", 1, "report"},
		{"rarer than that", 9, "consequence"},
		{"one that hardly any peer makes", 0, "consequence"},
	} {
		t.Run(c.name, func(t *testing.T) {
			members, all := fleet(3, 4, 9)
			e := newEngine(t)
			var out Output
			drive(e, all, nil, &out)
			last := all[len(all)-1]
			at := last.Time
			by := &Call{Time: at, Day: dayOf(at), hour: hourOf(paneOf(at))}
			e.tables.view(by.hour, e).budget.uses.least = map[uint32]float64{firstUseRow(&policyChangeCard): 5}
			f := Finding{Value: "iam:ListUsers", Did: "used rights", Sentence: "It used them.", rank: c.rank}
			e.out = &out
			e.raiseLate(members[0].id, &moment{at: at}, &found{meta: &policyChangeCard, Finding: f.defaults(&policyChangeCard)}, by)
			p, _ := e.store.find(members[0].id)
			open := e.dossiers[p.self].alerts
			if len(open) != 1 || open[0].way.String() != c.way {
				t.Fatalf("%d alerts, %v", len(open), open)
			}
			if said := strings.Contains(open[0].parts[0].Sentence, "pages nobody"); said != (c.way == "report") {
				t.Errorf("says %q", open[0].parts[0].Sentence)
			}
		})
	}
}
