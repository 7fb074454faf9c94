package kafka

import (
	"testing"
	"time"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// What a broker answers to a heartbeat decides what the member does next; a
// client library that misreads the answer must not change that.
func TestAHeartbeatsAnswerIsUnderstood(t *testing.T) {
	b := newFake(t)
	c := b.connect(t)
	const none, rejoins, lost = "nothing", "joins again", "begins anew"
	for _, tc := range []struct {
		name     string
		code     int16
		throttle int32 // ms
		err      error
		does     string
		lives    bool // counts as a sign of life
	}{
		{name: "all is well", does: none, lives: true},
		{name: "all is well, and the broker throttles for a moment", throttle: 27, does: none, lives: true},
		{name: "a throttle as long as an error's code is none", throttle: int32(kerr.UnknownMemberID.Code) << 16, does: none, lives: true},
		{name: "the group rebalances", code: kerr.RebalanceInProgress.Code, does: rejoins, lives: true},
		{name: "the group rebalances, and the broker throttles", code: kerr.RebalanceInProgress.Code, throttle: 3_000, does: rejoins, lives: true},
		{name: "the group knows no such member", code: kerr.UnknownMemberID.Code, err: kafkago.UnknownMemberId, does: lost},
		{name: "the group knows no such member, and the broker throttles", code: kerr.UnknownMemberID.Code, throttle: 90_000, err: kafkago.UnknownMemberId, does: lost},
		{name: "the generation is over", code: kerr.IllegalGeneration.Code, err: kafkago.IllegalGeneration, does: lost},
		{name: "the coordinator has moved", code: kerr.NotCoordinator.Code, err: kafkago.NotCoordinatorForGroup, does: none},
		{name: "the broker does not say why", code: kerr.UnknownServerError.Code, err: kafkago.Unknown, does: none},
	} {
		t.Run(tc.name, func(t *testing.T) {
			b.fake.ControlKey(int16(kmsg.Heartbeat), func(kreq kmsg.Request) (kmsg.Response, error, bool) {
				res, ok := kreq.ResponseKind().(*kmsg.HeartbeatResponse)
				require.True(t, ok)
				res.ErrorCode, res.ThrottleMillis = tc.code, tc.throttle
				return res, nil, true
			})
			m := newMembership(c, "lapwing-detect", nil)
			m.id, m.generation, m.alive = "member", 3, c.now().Add(-time.Hour)
			require.ErrorIs(t, m.heartbeat(t.Context()), tc.err)
			does := none
			select {
			case <-m.rejoin:
				does = rejoins
			case <-m.lost:
				does = lost
			default:
			}
			require.Equal(t, tc.does, does)
			require.Equal(t, tc.lives, c.now().Sub(m.alive) < time.Minute)
		})
	}
}
