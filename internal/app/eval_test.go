package app

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/internal/simulate"
	"github.com/lapwing-sec/lapwing/schemas"
)

func TestEvalRefusesWhatCannotBeMeant(t *testing.T) {
	for name, c := range map[string]struct {
		o    EvalOptions
		want string
	}{
		"a sealed seed":      {EvalOptions{Seeds: []uint{sealedFrom + 3}}, "--sealed"},
		"no seed":            {EvalOptions{Seeds: []uint{0}}, "seeds count from 1"},
		"an unknown section": {EvalOptions{Seeds: []uint{1}, Sections: []string{"x"}}, "primary"},
	} {
		t.Run(name, func(t *testing.T) {
			err := Eval(t.Context(), Defaults(), c.o, IO{})
			require.ErrorContains(t, err, c.want)
		})
	}
}

// The baseline that Lapwing is compared with does what it says.
func TestTheBaselineFindsFirstUsesAndHighHours(t *testing.T) {
	b := newFirstSeen()
	start := time.Date(2026, 7, 6, 0, 0, 0, 0, time.UTC)
	say := func(at time.Time, operation, ip, country string) {
		b.event(&schemas.Event{Id: at.String(), Time: at.UnixNano(), IdentityId: "svc", Operation: operation, SrcIp: ip, Country: country})
	}
	for h := range 9 * 24 {
		for range 5 + h%2 {
			say(start.Add(time.Duration(h)*time.Hour), "GET /a", "192.0.2.7", "DE")
		}
	}
	require.Empty(t, b.alerts)
	at := start.Add(9 * 24 * time.Hour)
	say(at, "GET /b", "192.0.2.7", "DE")
	say(at, "GET /a", "198.51.100.7", "FR")
	require.Len(t, b.alerts, 3)
	for range 60 {
		say(at.Add(time.Hour), "GET /a", "192.0.2.7", "DE")
	}
	require.Len(t, b.alerts, 4)
	require.Equal(t, "rate", b.alerts[3].FindingInfo.Analytic.UID)
}

// Labels that are moved still lie within the judged days, with all their times.
func TestPlaceboLabelsStayInTheJudgedDays(t *testing.T) {
	fleet, err := evalFleet(simulate.Config{Seed: 1, Identities: 60, Days: 16, LearnDays: 8, Turn: 1})
	require.NoError(t, err)
	moved := 0
	labels := fleet.Labels()
	for i, l := range shiftLabels(labels, fleet) {
		if l.Kind != simulate.KindAttack {
			require.Equal(t, labels[i], l)
			continue
		}
		moved++
		require.NotEqual(t, labels[i].Start, l.Start)
		require.True(t, l.Start.After(fleet.Judged().Add(-24*time.Hour)) && l.Start.Before(fleet.End()), "%s at %s", l.Name, l.Start)
		require.Len(t, l.Times, len(labels[i].Times))
	}
	require.NotZero(t, moved)
}

// A tape gives the same alerts each time, and from a mark on what it gives from
// the start.
func TestATapeIsJudgedTheSameFromAMark(t *testing.T) {
	fleet, err := evalFleet(simulate.Config{Seed: 2, Identities: 20, Days: 14, LearnDays: 10, Turn: 1})
	require.NoError(t, err)
	tp, err := recordTape(t.Context(), Defaults(), fleet)
	require.NoError(t, err)
	whole, err := tp.judge(t.Context(), judging{})
	require.NoError(t, err)
	mark, err := tp.mark(t.Context(), fleet.Judged())
	require.NoError(t, err)
	rest, err := tp.judge(t.Context(), judging{from: mark})
	require.NoError(t, err)
	require.NotEmpty(t, rest)
	require.Equal(t, whole[len(whole)-len(rest):], rest)
}

// A report says its primary number first, and has it in the file too.
func TestAReportSaysItsPrimaryNumberFirst(t *testing.T) {
	e := &evaluation{cfg: Defaults(), o: EvalOptions{Seeds: []uint{1}}, section: &evalSection{Title: "x"}}
	card := simulate.Scorecard{Days: 14, Attacks: 2, Found: 1, False: 7, FalseLearned: 6, FalseDeclared: 1, FalsePerDay: 0.5}
	for i, log := range []string{simulate.CloudTrail, simulate.Kong} {
		card.Rows = append(card.Rows, simulate.Row{Label: simulate.Label{Kind: simulate.KindAttack, Name: "a", Log: log, Network: "usual", Client: "own"}, Found: i == 0})
	}
	e.cohorts = []*cohort{{seed: 1, turn: 1, main: card, baseline: card, shifted: card}}
	e.headline()
	e.byStratum()
	e.byAttack(cardsOf(e.cohorts))
	e.honesty()
	p := e.report.Primary
	require.InDelta(t, 1, p.RecallCloud, 1e-9)
	require.InDelta(t, 0, p.RecallGateway, 1e-9)
	require.InDelta(t, 0.5, p.FalsePerDay, 1e-9)
	require.False(t, p.Met)
	var b bytes.Buffer
	require.NoError(t, e.section.writeText(&b))
	require.Contains(t, b.String(), "NOT MET")
	e.report.Sections = append(e.report.Sections, e.section)
	require.Contains(t, e.report.markdown(), "| usual | own |")
}
