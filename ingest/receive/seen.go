package receive

import (
	"crypto/sha256"
	"sync"
	"time"
)

const (
	// seenFor is how long a body is remembered at least, seenBodies how many at
	// most, twice over.
	seenFor    = time.Hour
	seenBodies = 1 << 15
)

// seen remembers signed bodies that the log has, so that nobody who saw one can
// send it again. A process that begins anew has forgotten them.
type seen struct {
	mu         sync.Mutex
	young, old map[[sha256.Size]byte]bool // true: the log has it
	turned     time.Time
}

// enter notes a body that is about to be written. done says that the log has it
// already, busy that another request is writing it.
func (s *seen) enter(sum [sha256.Size]byte, now time.Time) (done, busy bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if age := now.Sub(s.turned); age >= seenFor || len(s.young) >= seenBodies {
		if s.old = s.young; age >= 2*seenFor {
			s.old = nil
		}
		s.young, s.turned = map[[sha256.Size]byte]bool{}, now
	}
	had, known := s.young[sum]
	if !known {
		had, known = s.old[sum]
	}
	if known {
		return had, !had
	}
	s.young[sum] = false
	return false, false
}

// leave says whether the log has it now.
func (s *seen) leave(sum [sha256.Size]byte, written bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.old, sum)
	if written {
		s.young[sum] = true
	} else {
		delete(s.young, sum)
	}
}
