package kafka

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/lapwing-sec/lapwing/internal/stream"
)

// Layout is how the identities are dealt out to cells. lapwing.events,
// lapwing.alerts and lapwing.state have a partition for each cell, and more where
// there were more cells once: a topic's partitions cannot be taken away.
type Layout struct {
	// Cells is the number in force; an identity's cell is murmur2 of its id, modulo
	// Cells.
	Cells int `json:"cells"`
	// Generation counts the changes; snapshots of another one do not count.
	Generation int `json:"generation"`
	// Target is the number of a change that was begun, 0 when there is none, and
	// Next its generation.
	Target int `json:"target,omitempty"`
	Next   int `json:"next,omitempty"`
}

// layoutKey is the layout's key in lapwing.alert-state, a compacted topic of one
// partition. No destination is without a name, so it is nobody else's.
const layoutKey = "\x00layout"

// ErrLayout says that the number of cells is not the configured one, or that a
// change of it was interrupted.
var ErrLayout = errors.New("the number of cells")

// Layout reads the layout in force. Before the first change it is the number of
// partitions of lapwing.events.
func (c *Client) Layout(ctx context.Context) (Layout, error) {
	n, err := c.partitions(ctx, c.Topic("events"))
	if err != nil {
		return Layout{}, err
	}
	l := Layout{Cells: n}
	_, err = c.scan(ctx, c.Topic("alert-state"), 0, 0, func(rec *stream.Record) error {
		if string(rec.Key) != layoutKey || rec.Value == nil {
			return nil
		}
		l = Layout{}
		if err := json.Unmarshal(rec.Value, &l); err != nil || l.Cells < 1 || l.Cells > n {
			return fmt.Errorf("kafka: the layout in %s is damaged: %q", c.Topic("alert-state"), rec.Value)
		}
		return nil
	})
	if err != nil {
		return Layout{}, fmt.Errorf("kafka: read the number of cells: %w", err)
	}
	return l, nil
}

// SetLayout makes a layout the one in force, at once and for good.
func (c *Client) SetLayout(ctx context.Context, l Layout) error {
	value, err := json.Marshal(l)
	if err != nil {
		return fmt.Errorf("kafka: layout: %w", err)
	}
	if err := c.ProduceTo(ctx, c.Topic("alert-state"), 0, []stream.Record{{Key: []byte(layoutKey), Value: value}}); err != nil {
		return fmt.Errorf("kafka: write the number of cells: %w", err)
	}
	return nil
}

// CheckLayout gives the layout in force if a process with so many configured cells
// may run on it; else an error that wraps ErrLayout and names the command. Cells 0
// takes any.
func (c *Client) CheckLayout(ctx context.Context, cells int) (Layout, error) {
	l, err := c.Layout(ctx)
	switch {
	case err != nil:
		return l, err
	case l.Target != 0:
		return l, fmt.Errorf("%w is being changed from %d to %d, or that was interrupted: run `lapwing migrate --cells %d` again to finish, or `lapwing migrate --cells %d` to leave it as it was",
			ErrLayout, l.Cells, l.Target, l.Target, l.Cells)
	case cells != 0 && cells != l.Cells:
		return l, fmt.Errorf("%w is %d, but detect.cells is %d: set detect.cells to %d, or run `lapwing migrate --cells %d`, which moves what is known of the identities",
			ErrLayout, l.Cells, cells, l.Cells, cells)
	}
	return l, nil
}

// AddPartitions gives topics at least n partitions, and waits until each has a
// leader.
func (c *Client) AddPartitions(ctx context.Context, topics []string, n int) error {
	for _, topic := range topics {
		have, err := c.partitions(ctx, topic)
		if err != nil {
			return err
		}
		if have >= n {
			continue
		}
		err = c.retry(ctx, "add partitions to "+topic, func(ctx context.Context) error {
			res, err := c.api.CreatePartitions(ctx, &kafkago.CreatePartitionsRequest{Topics: []kafkago.TopicPartitionsConfig{{
				Name: topic, Count: int32(n), //nolint:gosec // below maxCells
			}}})
			if err != nil {
				return err
			}
			return res.Errors[topic]
		})
		if err != nil {
			return err
		}
		for b := newBackoff(); ; {
			state, err := c.describe(ctx, []Topic{{Name: topic}})
			if s := state[topic]; err == nil && s.led && s.partitions >= n {
				break
			}
			if b.tries >= 30 || !b.wait(ctx) {
				return fmt.Errorf("kafka: new partitions of %s have no leader yet: %w", topic, errors.Join(err, ctx.Err()))
			}
		}
	}
	// The transport's own picture of the cluster must have the new ones too.
	for _, topic := range topics {
		for p := range n {
			err := c.retry(ctx, "bounds of "+topic, func(ctx context.Context) error {
				_, _, err := c.bounds(ctx, topic, p)
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	c.mu.Lock()
	clear(c.plain)
	c.mu.Unlock()
	return nil
}

// Members counts the live members of a consumer group.
func (c *Client) Members(ctx context.Context, group string) (int, error) {
	n := 0
	err := c.retry(ctx, "describe group "+group, func(ctx context.Context) error {
		res, err := c.api.DescribeGroups(ctx, &kafkago.DescribeGroupsRequest{GroupIDs: []string{group}})
		if err != nil {
			return err
		}
		n = 0
		for _, g := range res.Groups {
			if g.Error != nil && !errors.Is(g.Error, kafkago.GroupIdNotFound) {
				return g.Error
			}
			n += len(g.Members)
		}
		return nil
	})
	return n, err
}

// FenceEnrich refuses what an enricher that hangs might still write of a raw
// partition, in every partition of lapwing.events.
func (c *Client) FenceEnrich(ctx context.Context, topic string, partition int) error {
	events := c.Topic("events")
	n, err := c.partitions(ctx, events)
	if err != nil {
		return err
	}
	p, err := c.newProducer(ctx, "migrate", events, c.txName("enrich", topic, strconv.Itoa(partition)))
	if err != nil {
		return err
	}
	_, err = stream.Fence(ctx, p, n, topic, partition, int32(p.identity().epoch))
	return err
}

// MoveCell writes the state of a cell of the layout that is about to be; see
// stream.WriteMoved. It fences whoever kept that cell before.
func (c *Client) MoveCell(ctx context.Context, m stream.MovedSnapshot) (int64, error) {
	name := strconv.Itoa(m.Cell)
	w, err := c.newProducer(ctx, "migrate", c.Topic("state"), c.txName("detect", name))
	if err != nil {
		return 0, err
	}
	var fence stream.Batch
	fence.Add([]byte(name+"/fence"), []byte(strconv.Itoa(int(w.identity().epoch))), nil)
	if _, err := w.Append(ctx, m.Cell, &fence); err != nil {
		return 0, err
	}
	state, err := c.reader(c.Topic("state"), m.Cell)
	if err != nil {
		return 0, err
	}
	if m.Now.IsZero() {
		m.Now = time.Now()
	}
	return stream.WriteMoved(ctx, w, state, m)
}
