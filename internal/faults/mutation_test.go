package faults

import (
	"context"

	"github.com/lapwing-sec/lapwing/alerting"
)

// mutation breaks one mechanism; the zero value breaks none.
type mutation struct {
	name  string
	wire  func(w *world, wire *wire)
	token func(token string) string
	sink  func(ctx context.Context, p *process, name string, s alerting.Sink) alerting.Sink
}
