package kafka

import (
	"context"
	"errors"
	"net"
	"testing"
	"testing/synctest"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/metadata"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A goroutine left behind fails the bubble.
func TestARequestThatEndsAfterCloseLeavesNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tr := &transport{}
		tr.Transport = &kafkago.Transport{Dial: func(context.Context, string, string) (net.Conn, error) {
			tr.closed.Store(true) // Close had come before the request made its pool
			return nil, errors.New("no broker")
		}}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		_, err := tr.RoundTrip(ctx, kafkago.TCP("broker:9092"), &metadata.Request{})
		require.Error(t, err)
		_, err = tr.RoundTrip(ctx, kafkago.TCP("broker:9092"), &metadata.Request{})
		assert.ErrorIs(t, err, net.ErrClosed, "no request after Close")
		synctest.Wait()
	})
}
