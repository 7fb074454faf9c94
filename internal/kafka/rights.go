package kafka

import (
	"context"
	"fmt"
	"math"
	"strings"

	kafkago "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol/describegroups"
	"github.com/segmentio/kafka-go/protocol/metadata"
)

// Right is an operation of Kafka's ACLs; the numbers are those of the protocol.
type Right uint8

// The rights that Lapwing needs somewhere.
const (
	Read            = Right(kafkago.ACLOperationTypeRead)
	Write           = Right(kafkago.ACLOperationTypeWrite)
	Describe        = Right(kafkago.ACLOperationTypeDescribe)
	DescribeConfigs = Right(kafkago.ACLOperationTypeDescribeConfigs)
)

// String names the right as kafka-acls.sh does.
func (r Right) String() string { return kafkago.ACLOperationType(r).String() } //nolint:gosec // a dozen operations

// Rights are what a broker says that we may do with a topic or a group.
type Rights struct {
	// Known is false where the broker does not tell.
	Known bool
	// Missing: there is no such topic, as far as we may know.
	Missing bool
	// Error is anything else that came in place of an answer.
	Error error

	ops uint32
}

// Has reports whether the broker grants the right.
func (r Rights) Has(x Right) bool { return r.ops&(1<<x) != 0 }

func rightsOf(code int16, ops int32) Rights {
	err := kafkago.Error(code)
	switch err { //nolint:exhaustive // all others are said as they are
	case 0:
		return Rights{Known: ops != math.MinInt32, ops: uint32(ops)} //nolint:gosec // a set of bits
	case kafkago.UnknownTopicOrPartition:
		return Rights{Missing: true}
	case kafkago.TopicAuthorizationFailed, kafkago.GroupAuthorizationFailed:
		return Rights{Known: true} // none at all
	}
	return Rights{Error: err}
}

// TopicRights asks what we may do with each topic.
func (c *Client) TopicRights(ctx context.Context, topics []string) (map[string]Rights, error) {
	out := map[string]Rights{}
	err := c.retry(ctx, "ask for rights on topics", func(ctx context.Context) error {
		m, err := c.transport.RoundTrip(ctx, c.addr, &uncached{req: &metadata.Request{TopicNames: topics, IncludeTopicAuthorizedOperations: true}, clientID: c.cfg.ClientID})
		if err != nil {
			return err
		}
		res, ok := m.(*uncachedResponse)
		if !ok {
			return fmt.Errorf("kafka: unexpected answer %T", m)
		}
		for _, t := range res.Topics {
			out[t.Name] = rightsOf(t.ErrorCode, t.TopicAuthorizedOperations)
		}
		return nil
	})
	return out, err
}

// GroupRights asks what we may do with a consumer group.
func (c *Client) GroupRights(ctx context.Context, group string) (Rights, error) {
	var out Rights
	err := c.retry(ctx, "ask for rights on group "+group, func(ctx context.Context) error {
		m, err := c.transport.RoundTrip(ctx, c.addr, &describegroups.Request{Groups: []string{group}, IncludeAuthorizedOperations: true})
		if err != nil {
			return err
		}
		res, ok := m.(*describegroups.Response)
		if !ok || len(res.Groups) != 1 {
			return fmt.Errorf("kafka: unexpected answer %T", m)
		}
		code := kafkago.Error(res.Groups[0].ErrorCode)
		if code == kafkago.GroupIdNotFound || code.Temporary() && code != kafkago.GroupAuthorizationFailed {
			if code != kafkago.GroupIdNotFound {
				return code
			}
			code = 0 // nobody has joined it yet; what we may do stands there all the same
		}
		out = rightsOf(int16(code), res.Groups[0].AuthorizedOperations) //nolint:gosec // a code of the wire
		return nil
	})
	return out, err
}

// Advice is the command that grants rights on a topic or group.
func (c *Client) Advice(kind, name string, rights []Right) string {
	user := c.cfg.SASL.User
	if user == "" {
		user = "NAME"
	}
	var ops strings.Builder
	for _, r := range rights {
		ops.WriteString(" --operation " + r.String())
	}
	return fmt.Sprintf("kafka-acls.sh --add --allow-principal User:%s%s --%s %s", user, ops.String(), kind, name)
}
