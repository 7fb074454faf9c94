package detect

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestLongWindowsSayARatioAndNoCount(t *testing.T) {
	pane := &Pane{Number: 59 - 2, Calls: 1808}
	p := &Profile{}
	p.stats.judged = 700
	for _, c := range []struct {
		says            string
		score           Score
		did, sentence   string
		observed, usual string
	}{
		{
			"a quarter of an hour has its own count",
			Score{Observed: 1808, Expected: 151},
			"made 12 times its usual number of calls",
			"It made 1,808 calls in 15 minutes (1970-01-01 14:15 to 14:30 UTC), where about 151 were expected at this hour.",
			"1,808 calls in 15 minutes", "about 151, by 700 active panes of its own",
		},
		{
			"three hours are a sum that fades",
			Score{Observed: 728, Expected: 61, Scale: 1},
			"called at about 12 times its usual load over 3 hours",
			"It called at about 12 times its usual load over the last 3 hours (1970-01-01 11:30 to 14:30 UTC), weighted to the newest.",
			"about 12 times its usual load over 3 hours, weighted to the newest", "its usual load, by 700 active panes of its own",
		},
		{
			"a day begins on the day before",
			Score{Observed: 1637, Expected: 640, Scale: 2},
			"called at about 2.6 times its usual load over 24 hours",
			"It called at about 2.6 times its usual load over the last 24 hours (1969-12-31 14:30 to 1970-01-01 14:30 UTC), weighted to the newest.",
			"about 2.6 times its usual load over 24 hours, weighted to the newest", "its usual load, by 700 active panes of its own",
		},
		{
			"hardly more is not made much of",
			Score{Observed: 101, Expected: 100, Scale: 1},
			"called more than usual",
			"It called at about 1.0 times its usual load over the last 3 hours (1970-01-01 11:30 to 14:30 UTC), weighted to the newest.",
			"about 1.0 times its usual load over 3 hours, weighted to the newest", "its usual load, by 700 active panes of its own",
		},
	} {
		t.Run(c.says, func(t *testing.T) {
			f := explainRate(nil, p, pane, &c.score)
			assert.Equal(t, c.did, f.Did)
			assert.Equal(t, c.sentence, f.Sentence)
			assert.Equal(t, c.observed, f.Observed)
			assert.Equal(t, c.usual, f.Expected)
		})
	}
}
