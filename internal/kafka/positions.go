package kafka

import (
	"context"

	kafkago "github.com/segmentio/kafka-go"
)

// Ends gives the offset that the next record of each partition of a topic will
// get, by partition.
func (c *Client) Ends(ctx context.Context, topic string) ([]int64, error) {
	n, err := c.partitions(ctx, topic)
	if err != nil {
		return nil, err
	}
	req := make([]kafkago.OffsetRequest, n)
	for p := range req {
		req[p] = kafkago.LastOffsetOf(p)
	}
	ends := make([]int64, n)
	err = c.retry(ctx, "ends of "+topic, func(ctx context.Context) error {
		res, err := c.api.ListOffsets(ctx, &kafkago.ListOffsetsRequest{Topics: map[string][]kafkago.OffsetRequest{topic: req}})
		if err != nil {
			return err
		}
		for _, p := range res.Topics[topic] {
			if p.Error != nil {
				return p.Error
			}
			ends[p.Partition] = p.LastOffset
		}
		return nil
	})
	return ends, err
}

// Committed gives the position that a consumer group has committed for each
// partition of a topic, -1 where there is none.
func (c *Client) Committed(ctx context.Context, group, topic string) ([]int64, error) {
	n, err := c.partitions(ctx, topic)
	if err != nil {
		return nil, err
	}
	ask := make([]int, n)
	out := make([]int64, n)
	for p := range ask {
		ask[p], out[p] = p, -1
	}
	err = c.retry(ctx, "positions of "+group, func(ctx context.Context) error {
		res, err := c.api.OffsetFetch(ctx, &kafkago.OffsetFetchRequest{GroupID: group, Topics: map[string][]int{topic: ask}})
		if err != nil {
			return err
		}
		if res.Error != nil {
			return res.Error
		}
		for _, p := range res.Topics[topic] {
			if p.Error != nil {
				return p.Error
			}
			out[p.Partition] = p.CommittedOffset
		}
		return nil
	})
	return out, err
}

// Bounds gives the first offset that a partition of a topic still holds, and
// the one that its next record will get.
func (c *Client) Bounds(ctx context.Context, topic string, partition int) (start, end int64, err error) {
	r, err := c.reader(topic, partition)
	if err != nil {
		return 0, 0, err
	}
	return r.Bounds(ctx)
}
