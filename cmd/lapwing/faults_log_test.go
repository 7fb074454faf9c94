package main

import (
	"net/http"
	"strings"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/lapwing-sec/lapwing/internal/kafka"
)

func (w *world) group(role string) string { return strings.TrimSuffix(w.prefix, ".") + "-" + role }

func (w *world) unseen(at coordinates) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.seen[at] == 0
}

func (w *world) createTopic(name string, partitions int, config map[string]string) {
	w.t.Helper()
	require.NoError(w.t, w.kc.EnsureTopics(w.t.Context(), []kafka.Topic{{Name: name, Partitions: partitions, Config: config}}))
}

func (w *world) deleteTopic(name string) {
	w.t.Helper()
	req := kmsg.NewDeleteTopicsRequest()
	rt := kmsg.NewDeleteTopicsRequestTopic()
	rt.Topic = kmsg.StringPtr(name)
	req.Topics, req.TopicNames, req.TimeoutMillis = append(req.Topics, rt), append(req.TopicNames, name), 10_000
	res, err := req.RequestWith(w.t.Context(), w.oracle)
	require.NoError(w.t, err)
	require.Zero(w.t, res.Topics[0].ErrorCode)
}

// recreated goes on where judge has stopped everything: events of a cell are
// gone before they were judged, and a raw topic is another one than before.
func (w *world) recreated(_, _ *lapwingProcess) {
	t := w.t
	w.run(enrichRole)
	w.run(sinkRoles)
	w.feed(1200)
	w.await("the feed in lapwing.events", func() bool { return w.arrived() >= len(w.acked)-w.missing() })
	events := w.prefix + "events"
	_, end, err := w.kc.Bounds(t.Context(), events, 0)
	require.NoError(t, err)
	w.deleteRecords(events, 0, end-5)
	w.fault("retention takes the events of cell 0 that detect has not seen")

	d := w.run(detectRole).up(t)
	w.await("cell 0 to stand still", func() bool {
		status, body := d.get("/readyz")
		return status == http.StatusServiceUnavailable && strings.Contains(body, "detect cell 0: ") && strings.Contains(body, "retention took")
	})
	w.await("the log to say so too", func() bool { return d.said("stands still", `"cell":0`) })
	w.await("cell 1 to go on", func() bool {
		at, err := w.kc.Committed(t.Context(), w.group(detectRole), events)
		ends, err2 := w.kc.Ends(t.Context(), events)
		return err == nil && err2 == nil && at[1] >= ends[1]
	})
	w.leave(d)
	code, stdout, stderr := lapwing(t, "", "check", "--config", w.config)
	require.Equal(t, 1, code, stderr)
	require.Contains(t, stdout+stderr, "retention took")
	code, _, stderr = lapwing(t, "", "check", "--config", w.config, "--accept-reset")
	require.Zero(t, code, stderr)
	d = w.run(detectRole).up(t)
	w.healed = time.Now()
	w.await("detect to be ready", func() bool { status, _ := d.get("/readyz"); return status == http.StatusOK })
	w.feed(200)
	w.await("the feed in lapwing.events", func() bool { return w.arrived() >= len(w.acked)-w.missing() })
	w.applied(detectRole, nil)

	// A raw topic that is made anew is not read as if it were the old one.
	w.stopRoles(enrichRole)
	kong := w.raw("kong")
	w.deleteTopic(kong)
	w.await("the topic to be gone and made anew", func() bool {
		return w.kc.EnsureTopics(t.Context(), []kafka.Topic{{Name: kong, Partitions: 2}}) == nil && w.emptied(kong)
	})
	w.fault("%s made anew", kong)
	e := w.run(enrichRole).up(t)
	// A broker that forgot the group's positions with the topic lets it begin at
	// the start; else enrich stands still until an operator says so.
	recreated := false
	w.await("enrich to be ready, or to stand still", func() bool {
		status, body := e.get("/readyz")
		recreated = status == http.StatusServiceUnavailable && strings.Contains(body, "the topic was recreated")
		return recreated || status == http.StatusOK
	})
	if recreated {
		w.await("the log to say so too", func() bool { return e.said("stands still", "recreated") })
		w.leave(e)
		w.resetGroup(w.group(enrichRole), kong, 2)
		e = w.run(enrichRole).up(t)
		w.await("enrich to be ready", func() bool { status, _ := e.get("/readyz"); return status == http.StatusOK })
	}
	w.connectOracle()
	count := w.eventCount()
	w.feed(300)
	w.await("the new topic's events", func() bool { return w.eventCount() >= count+300 })
	require.Equal(t, count+300, w.eventCount())
	w.result.Events(300)
	w.result.Recovered(time.Since(w.healed))
	w.stopRoles("")
}

// missing is how many acknowledged records no event was seen of.
func (w *world) missing() int { return w.spared }

func (w *world) emptied(topic string) bool {
	ends, err := w.kc.Ends(w.t.Context(), topic)
	if err != nil {
		return false
	}
	for _, end := range ends {
		if end != 0 {
			return false
		}
	}
	return true
}

// eventCount is how many events lapwing.events still holds.
func (w *world) eventCount() (n int) {
	for _, recs := range w.readAll(w.prefix + "events") {
		for _, rec := range recs {
			if !isControl(rec) {
				n++
			}
		}
	}
	return n
}

// resetGroup sets the positions of a group without members to the start, as an
// operator does with kafka-consumer-groups.
func (w *world) resetGroup(group, topic string, partitions int32) {
	w.t.Helper()
	req := kmsg.NewOffsetCommitRequest()
	req.Group, req.Generation = group, -1
	rt := kmsg.NewOffsetCommitRequestTopic()
	rt.Topic = topic
	for p := range partitions {
		rp := kmsg.NewOffsetCommitRequestTopicPartition()
		rp.Partition = p
		rt.Partitions = append(rt.Partitions, rp)
	}
	req.Topics = append(req.Topics, rt)
	w.await("the group to be reset", func() bool {
		res, err := req.RequestWith(w.t.Context(), w.oracle)
		return err == nil && res.Topics[0].Partitions[0].ErrorCode == 0
	})
}
