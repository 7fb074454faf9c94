package simulate

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// Poison is an attempt to teach a detector that something is normal, played on
// one identity from the first judged day to the last.
type Poison struct {
	Name, Title, Identity string
	Start, End            time.Time
	// Level is how many times its usual load the identity makes on a judged day,
	// counted from 0.
	Level func(day int) float64
	// Strike, where not zero, is what the poisoning prepared.
	Strike Label
}

// poisonings by name, with the load of a day.
var poisonings = []struct {
	name, title string
	level       func(day int) float64
	steps       bool
}{
	{"ramp 0.5% a day", "The load grows by half a per cent a day.", ramp(0.005), false},
	{"ramp 1% a day", "The load grows by 1% a day.", ramp(0.01), false},
	{"ramp 3% a day", "The load grows by 3% a day.", ramp(0.03), false},
	{"ramp 5% a day", "The load grows by 5% a day.", ramp(0.05), false},
	{"ramp 10% a day", "The load grows by 10% a day.", ramp(0.10), false},
	{"sawtooth", "The load climbs for five days and falls back, each time higher: to 1.6, 2.2, 2.8 times, and so on.", func(d int) float64 {
		return 1 + float64(d%5)/4*0.6*float64(1+d/5)
	}, false},
	{"two steps", "Three bursts of reads widen the baseline in the first week; two weeks later comes one five times as large.", func(int) float64 { return 1 }, true},
}

func ramp(r float64) func(int) float64 {
	return func(d int) float64 { return math.Pow(1+r, float64(d+1)) }
}

// Poisoned builds a fleet in which each poisoning has an identity of its own,
// and nothing else happens.
func Poisoned(cfg Config) (*Fleet, []Poison, error) {
	cfg.Attacks, cfg.HardCases = Selection{None: true}, Selection{None: true}
	f, err := New(cfg)
	if err != nil {
		return nil, nil, err
	}
	days := int((f.end - f.judged) / dayMS)
	var out []Poison
	for i := range poisonings {
		x := &poisonings[i]
		id := f.castOne(x.name, []string{"internal", "partner", "reader", "edge-user", "edge-json"}, func(f *Fleet, id *identity) bool {
			return busy(f, id) && f.load(id) >= 30
		})
		if id == nil {
			return nil, nil, fmt.Errorf("poisoning %s: no identity left that is busy enough", x.name)
		}
		id.cast = x.name
		p := Poison{Name: x.name, Title: x.title, Identity: id.id, Start: f.Judged(), End: f.End(), Level: x.level}
		for d := range days {
			if l := x.level(d); l != 1 {
				from := f.judged + int64(d)*dayMS
				id.effects = append(id.effects, effect{from: from, to: from + dayMS, rate: l})
			}
		}
		if x.steps {
			a := &act{f: f, id: id, d: newDice(), at: &attack{name: x.name}}
			a.d.seed(f.draws(x.name, 2), 0)
			o := a.usual()
			for _, d := range []int64{1, 3, 5} {
				a.t = f.judged + d*dayMS + 13*hourMS
				a.make(o, with{n: 60, gap: 20})
			}
			a.label = Label{ID: x.name, Kind: KindAttack, Name: x.name, Identity: id.id, Log: f.kinds[id.kind].form.String(), Network: "usual", Client: "own"}
			a.t = f.judged + 19*dayMS + 13*hourMS
			a.make(o, with{n: 300, gap: 4})
			p.Strike = a.finish()
		}
		slices.SortStableFunc(id.script, func(a, b scripted) int {
			switch {
			case a.t < b.t:
				return -1
			case a.t > b.t:
				return 1
			}
			return 0
		})
		out = append(out, p)
	}
	return f, out, nil
}
