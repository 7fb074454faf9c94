package kafka

import (
	"context"
	"net"
	"sync/atomic"

	kafkago "github.com/segmentio/kafka-go"
)

// transport is kafka-go's, of which nothing stays behind once it is closed: a
// request that ends after Close would leave a pool of connections with a
// goroutine that asks for metadata for ever.
type transport struct {
	*kafkago.Transport
	closed atomic.Bool
}

// RoundTrip implements kafkago.RoundTripper.
func (t *transport) RoundTrip(ctx context.Context, addr net.Addr, req kafkago.Request) (kafkago.Response, error) {
	if t.closed.Load() {
		return nil, net.ErrClosed
	}
	res, err := t.Transport.RoundTrip(ctx, addr, req)
	if t.closed.Load() {
		t.CloseIdleConnections()
	}
	return res, err
}

func (t *transport) close() {
	t.closed.Store(true)
	t.CloseIdleConnections()
}
