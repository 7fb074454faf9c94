package app

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// sayEvery is how often a long work without a terminal says how far it is.
const sayEvery = 15 * time.Second

// steps tells how far a part of the evaluation is: a bar on a terminal,
// elsewhere a line now and then. A nil steps says nothing.
type steps struct {
	w     io.Writer
	what  string
	total int
	bar   *progress

	mu    sync.Mutex
	done  int
	begun time.Time
	said  time.Time
}

// steps begins a part that has total steps.
func (e *evaluation) steps(what string, total int) *steps {
	now := time.Now()
	return &steps{w: e.std.Err, what: what, total: total, bar: newProgress(e.std.Err, what, int64(total), false), begun: now, said: now}
}

// add tells of n more steps; workers may call it at the same time.
func (s *steps) add(n int) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.done += n
	if s.bar != nil {
		s.bar.add(n)
		return
	}
	if now := time.Now(); now.Sub(s.said) >= sayEvery {
		s.said = now
		fmt.Fprintf(s.w, "%s: %s of %s after %s\n", s.what, withCommas(s.done), withCommas(s.total), now.Sub(s.begun).Round(time.Second))
	}
}

// finish takes the bar away.
func (s *steps) finish() {
	if s != nil {
		s.bar.finish()
	}
}
