package app

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// lifecycle tears down what was built, newest first. Each teardown is
// registered where its counterpart is constructed.
type lifecycle struct {
	mu    sync.Mutex
	stops []teardown
}

type teardown struct {
	name string
	stop func(ctx context.Context) error
}

// onStop registers the teardown of something just constructed.
func (l *lifecycle) onStop(name string, stop func(ctx context.Context) error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.stops = append(l.stops, teardown{name, stop})
}

// stop tears everything down, newest first, within timeout altogether. It
// waits for none that does not return in time. Errors are joined.
func (l *lifecycle) stop(timeout time.Duration) error {
	l.mu.Lock()
	stops := l.stops
	l.stops = nil
	l.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	var errs []error
	for i := len(stops) - 1; i >= 0; i-- {
		t := stops[i]
		done := make(chan error, 1)
		go func() { done <- t.stop(ctx) }()
		select {
		case err := <-done:
			if err != nil {
				errs = append(errs, fmt.Errorf("stopping %s: %w", t.name, err))
			}
		case <-ctx.Done():
			errs = append(errs, fmt.Errorf("stopping %s: %w", t.name, ctx.Err()))
		}
	}
	return errors.Join(errs...)
}
