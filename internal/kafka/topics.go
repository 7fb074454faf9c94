package kafka

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	kafkago "github.com/segmentio/kafka-go"
)

// Topic is a topic as it should be.
type Topic struct {
	Name       string
	Partitions int
	// Config holds the settings that matter, such as cleanup.policy.
	Config map[string]string
	// Fixed topics must have exactly Partitions, PerCell ones at least so many, others
	// at least one.
	Fixed, PerCell bool
}

// Difference is one way in which a topic is not as it should be.
type Difference struct {
	Topic   string
	Setting string
	Want    string
	Have    string
}

func (d Difference) String() string {
	return fmt.Sprintf("topic %s: %s is %s, want %s", d.Topic, d.Setting, d.Have, d.Want)
}

// Topics lists the topics of an installation: ours, whose names begin with prefix
// (Config.Prefix), and the raw topics by name.
func Topics(prefix string, cells int, raw []string) []Topic {
	day := 24 * time.Hour
	deleteAfter := func(d time.Duration) map[string]string {
		return map[string]string{"cleanup.policy": "delete", "retention.ms": strconv.FormatInt(d.Milliseconds(), 10)}
	}
	compact := map[string]string{"cleanup.policy": "compact"}
	topics := []Topic{
		{Name: prefix + "events", Partitions: cells, Config: deleteAfter(7 * day), PerCell: true},
		{Name: prefix + "alerts", Partitions: cells, Config: deleteAfter(30 * day), PerCell: true},
		{Name: prefix + "state", Partitions: cells, Config: compact, PerCell: true},
		{Name: prefix + "alert-state", Partitions: 1, Config: compact, Fixed: true},
		{Name: prefix + "identities", Partitions: 1, Config: compact, Fixed: true},
		{Name: prefix + "deadletter", Partitions: 1, Config: deleteAfter(7 * day), Fixed: true},
	}
	for _, name := range raw {
		topics = append(topics, Topic{Name: name, Partitions: 4, Config: deleteAfter(7 * day)})
	}
	return topics
}

// EnsureTopics creates the topics that are missing and waits until every one
// of them has a leader for each partition. Topics that exist are left alone:
// CheckTopics says how they differ.
func (c *Client) EnsureTopics(ctx context.Context, topics []Topic) error {
	for b := newBackoff(); ; {
		missing, err := c.createMissing(ctx, topics)
		if err == nil && !missing {
			return nil
		}
		if err != nil && !retriable(err) {
			return err
		}
		if b.tries >= 30 || !b.wait(ctx) {
			if err == nil {
				err = errors.New("created topics have no leader yet")
			}
			return fmt.Errorf("kafka: create topics: %w", errors.Join(err, ctx.Err()))
		}
	}
}

func (c *Client) createMissing(ctx context.Context, topics []Topic) (missing bool, err error) {
	have, err := c.describe(ctx, topics)
	if err != nil {
		return true, err
	}
	var create []kafkago.TopicConfig
	for _, t := range topics {
		if h, ok := have[t.Name]; ok {
			missing = missing || !h.led
			continue
		}
		missing = true
		tc := kafkago.TopicConfig{Topic: t.Name, NumPartitions: t.Partitions, ReplicationFactor: c.cfg.Replication}
		for _, k := range slices.Sorted(maps.Keys(t.Config)) {
			tc.ConfigEntries = append(tc.ConfigEntries, kafkago.ConfigEntry{ConfigName: k, ConfigValue: t.Config[k]})
		}
		create = append(create, tc)
	}
	if len(create) == 0 {
		return missing, nil
	}
	rctx, cancel := context.WithTimeout(ctx, c.cfg.RequestTimeout)
	defer cancel()
	res, err := c.api.CreateTopics(rctx, &kafkago.CreateTopicsRequest{Topics: create})
	if err != nil {
		return true, err
	}
	var errs []error
	for _, t := range create {
		if e := res.Errors[t.Topic]; e != nil && !errors.Is(e, kafkago.TopicAlreadyExists) {
			errs = append(errs, fmt.Errorf("kafka: create topic %s: %w", t.Topic, e))
		}
	}
	return true, errors.Join(errs...)
}

type topicState struct {
	partitions int
	led        bool
}

// describe asks a broker, not the transport's cache, which of topics exist.
func (c *Client) describe(ctx context.Context, topics []Topic) (map[string]topicState, error) {
	names := make([]string, 0, len(topics))
	for _, t := range topics {
		names = append(names, t.Name)
	}
	res, err := c.freshMetadata(ctx, names)
	if err != nil {
		return nil, err
	}
	have := make(map[string]topicState)
	for _, t := range res.Topics {
		switch err := error(kafkago.Error(t.ErrorCode)); {
		case t.ErrorCode == 0:
		case errors.Is(err, kafkago.UnknownTopicOrPartition):
			continue
		case errors.Is(err, kafkago.LeaderNotAvailable):
		default:
			return nil, fmt.Errorf("kafka: describe topic %s: %w", t.Name, err)
		}
		s := topicState{partitions: len(t.Partitions), led: t.ErrorCode == 0 && len(t.Partitions) > 0}
		for _, p := range t.Partitions {
			s.led = s.led && p.ErrorCode == 0 && p.LeaderID >= 0
		}
		have[t.Name] = s
	}
	return have, nil
}

// CheckTopics compares what the cluster has with what is expected.
func (c *Client) CheckTopics(ctx context.Context, topics []Topic) ([]Difference, error) {
	var have map[string]topicState
	if err := c.retry(ctx, "describe topics", func(ctx context.Context) (err error) {
		have, err = c.describe(ctx, topics)
		return err
	}); err != nil {
		return nil, err
	}
	var diffs []Difference
	req := &kafkago.DescribeConfigsRequest{}
	for _, t := range topics {
		h, ok := have[t.Name]
		if !ok {
			diffs = append(diffs, Difference{Topic: t.Name, Setting: "topic", Want: "present", Have: "missing"})
			continue
		}
		if t.Fixed && h.partitions != t.Partitions || t.PerCell && h.partitions < t.Partitions {
			diffs = append(diffs, Difference{t.Name, "partitions", strconv.Itoa(t.Partitions), strconv.Itoa(h.partitions)})
		}
		if len(t.Config) > 0 {
			req.Resources = append(req.Resources, kafkago.DescribeConfigRequestResource{
				ResourceType: kafkago.ResourceTypeTopic, ResourceName: t.Name, ConfigNames: slices.Sorted(maps.Keys(t.Config)),
			})
		}
	}
	byTopic := func() []Difference {
		slices.SortStableFunc(diffs, func(a, b Difference) int { return cmp.Compare(a.Topic, b.Topic) })
		return diffs
	}
	if len(req.Resources) == 0 {
		return byTopic(), nil
	}
	var res *kafkago.DescribeConfigsResponse
	if err := c.retry(ctx, "describe configurations", func(ctx context.Context) (err error) {
		res, err = c.api.DescribeConfigs(ctx, req)
		return err
	}); err != nil {
		return nil, err
	}
	want := make(map[string]Topic, len(topics))
	for _, t := range topics {
		want[t.Name] = t
	}
	for _, r := range res.Resources {
		if r.Error != nil {
			return nil, fmt.Errorf("kafka: describe configuration of topic %s: %w", r.ResourceName, r.Error)
		}
		values := make(map[string]string)
		for _, e := range r.ConfigEntries {
			values[e.ConfigName] = e.ConfigValue
		}
		t := want[r.ResourceName]
		for _, k := range slices.Sorted(maps.Keys(t.Config)) {
			// Retention is the operator's to choose; the policy is not.
			if have := values[k]; k == "cleanup.policy" && have != t.Config[k] {
				diffs = append(diffs, Difference{t.Name, k, t.Config[k], have})
			}
		}
	}
	return byTopic(), nil
}
