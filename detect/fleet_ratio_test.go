package detect

import (
	"slices"
	"testing"
)

func TestWhatManyShareOverADayIsDividedOut(t *testing.T) {
	of := func(value float32, n int) []float32 { return slices.Repeat([]float32{value}, n) }
	for _, c := range []struct {
		name      string
		fleet     []float32 // calls of the last 24 hours over what is usual
		own, want float32
	}{
		{"nobody called more", of(1, 20), 1, 1},
		{"all called twice as much", of(2, 20), 2, 2},
		{"all called twice as much, one thirty times", of(2, 20), 30, 2},
		{"a third called four times as much, and so did this one", append(of(1, 20), of(4, 10)...), 4, 4},
		{"a third called four times as much, this one did not", append(of(1, 20), of(4, 10)...), 1.2, 1.2},
		{"a third called four times as much, this one thirty times", append(of(1, 20), of(4, 10)...), 30, 4},
		{"four of 30 are no promotion", append(of(1, 26), of(4, 4)...), 4, 1},
		{"a holiday hides nobody who calls as ever", of(0.4, 20), 1, 1},
		{"all of nine called four times as much", of(4, 9), 4, 4},
		{"a third of nine called four times as much, and so did this one", append(of(1, 6), of(4, 3)...), 4, 4},
		{"two of nine are no promotion", append(of(1, 7), of(4, 2)...), 4, 1},
		{"five identities tell nothing", of(4, 5), 4, 1},
	} {
		topic := topicClock{}
		for i, v := range c.fleet {
			topic.windows = append(topic.windows, windowLoad{identity: uint32(i), value: [windows]float32{v, v}, solid: [windows]bool{true, true}}) //nolint:gosec // small
		}
		pane := Pane{windows: [windows]float32{1, 1}}
		e := Engine{ratios: []ratio{{pane: &pane, windows: [windows]float32{c.own, c.own}}}}
		e.fleetWindows(&topic)
		if pane.windows != [windows]float32{c.want, c.want} {
			t.Errorf("%s: divided by %v, want %v", c.name, pane.windows, c.want)
		}
	}
}

func TestATopicKeepsASampleOfItsIdentities(t *testing.T) {
	var topic topicClock
	for i := range 200 {
		topic.keep(windowLoad{pane: int64(i)}, string(rune('a'+i)))
		topic.keep(windowLoad{pane: int64(i) + 1}, string(rune('a'+i)))
	}
	if len(topic.windows) != windowSample || !slices.IsSortedFunc(topic.windows, func(a, b windowLoad) int { return int(int64(a.identity) - int64(b.identity)) }) {
		t.Errorf("%d kept", len(topic.windows))
	}
	if slices.ContainsFunc(topic.windows, func(w windowLoad) bool { return w.pane == 0 }) {
		t.Error("an identity's newest pane did not take the place of the one before")
	}
}
