package app

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lapwing-sec/lapwing/internal/clickhouse"
	"github.com/lapwing-sec/lapwing/internal/kafka"
)

// need is what the roles do with one topic or group.
type need struct {
	kind, name string // kind is topic or group
	rights     []kafka.Right
}

// needs lists the rights that roles need in Kafka, topics first. The rights on
// transactional ids cannot be asked for: docs/running.md has them.
func (c *Config) needs(roles []string) []need {
	var out []need
	add := func(kind, name string, rights ...kafka.Right) {
		i := slices.IndexFunc(out, func(n need) bool { return n.kind == kind && n.name == name })
		if i < 0 {
			out = append(out, need{kind: kind, name: name})
			i = len(out) - 1
		}
		for _, r := range append([]kafka.Right{kafka.Describe}, rights...) {
			if !slices.Contains(out[i].rights, r) {
				out[i].rights = append(out[i].rights, r)
			}
		}
	}
	ours := func(name string) string { return c.Kafka.Prefix + name }
	// Every process compares the topics, and reads the number of cells.
	for _, t := range c.topics() {
		add("topic", t.Name, kafka.DescribeConfigs)
	}
	add("topic", ours("alert-state"), kafka.Read)
	for _, role := range roles {
		switch role {
		case RoleIngest:
			for _, t := range c.RawTopics {
				add("topic", t.Topic, kafka.Write)
			}
		case RoleEnrich:
			for _, t := range c.RawTopics {
				add("topic", t.Topic, kafka.Read)
			}
			add("topic", ours("events"), kafka.Read, kafka.Write)
			add("topic", ours("identities"), kafka.Read)
			add("topic", ours("deadletter"), kafka.Write)
			add("group", c.groupName("enrich"), kafka.Read)
		case RoleDetect:
			add("topic", ours("events"), kafka.Read)
			add("topic", ours("state"), kafka.Read, kafka.Write)
			add("topic", ours("alerts"), kafka.Write)
			add("topic", ours("identities"), kafka.Write)
			add("group", c.groupName("detect"), kafka.Read)
		case RoleStore:
			add("topic", ours("events"), kafka.Read)
			add("topic", ours("identities"), kafka.Read)
			add("topic", ours("deadletter"), kafka.Write)
			add("group", c.groupName("store"), kafka.Read)
			add("group", c.groupName("store-identities"), kafka.Read)
		case RoleAlert:
			add("topic", ours("alerts"), kafka.Read)
			add("topic", ours("alert-state"), kafka.Read, kafka.Write)
			add("topic", ours("deadletter"), kafka.Write)
			add("group", c.groupName("alert-"+clickhouseDestination), kafka.Read)
			for _, d := range c.Destinations {
				add("group", c.groupName("alert-"+d.Name), kafka.Read)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b need) int { return strings.Compare(b.kind, a.kind) })
	return out
}

// checkKafka connects, and compares rights, topics, cells and their state.
func (s *services) checkKafka(ctx context.Context, roles []string, r *checkReport) {
	const what = "kafka"
	kc, err := s.openKafka(ctx)
	if err != nil {
		r.fail(what, err.Error(), "")
		return
	}
	defer kc.Close()
	r.ok(what, "connected")
	told, err := s.checkRights(ctx, kc, roles, r)
	if err != nil {
		r.fail("kafka rights", err.Error(), "")
	}
	// What we may not describe was said, and looks like a topic that is missing.
	topics := slices.DeleteFunc(s.cfg.topics(), func(t kafka.Topic) bool { return told[t.Name] })
	diffs, err := kc.CheckTopics(ctx, topics)
	if err != nil {
		r.fail("kafka topics", err.Error(), "")
		return
	}
	missing, left := false, 0
	if len(s.cfg.Kafka.Brokers) == 0 {
		// A demo makes the topics of what its fleet writes, and no others.
		raw := func(d kafka.Difference) bool {
			return d.Setting == "topic" && slices.ContainsFunc(s.cfg.RawTopics, func(t RawTopicConfig) bool { return t.Topic == d.Topic })
		}
		all := len(diffs)
		diffs = slices.DeleteFunc(diffs, raw)
		if left = all - len(diffs); left > 0 {
			r.note("raw topics", fmt.Sprintf("%s not there: the embedded broker has those of the formats that this Lapwing reads; lapwing up makes all", count(left, "raw topic")))
		}
	}
	for _, d := range diffs {
		says := fmt.Sprintf("%s is %s, want %s", d.Setting, d.Have, d.Want)
		switch d.Setting {
		case "topic":
			missing = true
			r.fail("topic "+d.Topic, "missing", "run `lapwing migrate`, which creates it")
		case "partitions":
			r.fail("topic "+d.Topic, says, "run `lapwing migrate --cells N` to have another number, or set detect.cells to the one in force")
		default:
			r.fail("topic "+d.Topic, says, fmt.Sprintf("kafka-configs.sh --alter --topic %s --add-config %s=%s", d.Topic, d.Setting, d.Want))
		}
	}
	if len(diffs) == 0 && len(topics) == len(s.cfg.topics()) {
		r.ok("kafka topics", fmt.Sprintf("%s with their partitions and cleanup policies", count(len(topics)-left, "topic")))
	}
	if missing || len(topics) < len(s.cfg.topics()) {
		return
	}
	layout, err := kc.CheckLayout(ctx, s.cfg.Detect.Cells)
	if err != nil {
		r.fail("cells", err.Error(), "")
		return
	}
	if err := kc.CheckCells(ctx); err != nil {
		for _, e := range unjoin(err) {
			r.fail("cells", e.Error(), "")
		}
		return
	}
	r.ok("cells", fmt.Sprintf("%s, their log reaches their state", count(layout.Cells, "cell")))
}

// checkRights asks the brokers what we may do. told are the topics that we may not
// even describe.
func (s *services) checkRights(ctx context.Context, kc *kafka.Client, roles []string, r *checkReport) (told map[string]bool, err error) {
	told = map[string]bool{}
	needs := s.cfg.needs(roles)
	var names []string
	for _, n := range needs {
		if n.kind == "topic" {
			names = append(names, n.name)
		}
	}
	topics, err := kc.TopicRights(ctx, names)
	if err != nil {
		return told, err
	}
	silent, complete := 0, true
	for _, n := range needs {
		have, known := topics[n.name]
		if n.kind == "group" {
			if have, err = kc.GroupRights(ctx, n.name); err != nil {
				return told, err
			}
			known = true
		}
		switch {
		case !known, have.Missing:
			continue // said as a topic that is missing
		case have.Error != nil:
			complete = false
			r.fail(n.kind+" "+n.name, have.Error.Error(), "")
			continue
		case !have.Known:
			silent++
			continue
		}
		lacks := slices.DeleteFunc(slices.Clone(n.rights), have.Has)
		if len(lacks) == 0 {
			continue
		}
		complete = false
		if n.kind == "topic" && slices.Contains(lacks, kafka.Describe) {
			told[n.name] = true
		}
		var words []string
		for _, l := range lacks {
			words = append(words, l.String())
		}
		r.fail(n.kind+" "+n.name, "no right to "+strings.Join(words, ", "), kc.Advice(n.kind, n.name, lacks))
	}
	switch {
	case silent > 0:
		r.note("kafka rights", fmt.Sprintf("the brokers do not tell what we may do with %s", count(silent, "topic or group")))
	case complete:
		r.ok("kafka rights", "reads, writes and groups as "+strings.Join(roles, ", ")+" need them; transactional ids cannot be asked for")
	}
	return told, nil
}

// checkClickHouse connects, and compares tables and grants.
func (s *services) checkClickHouse(ctx context.Context, roles []string, r *checkReport) {
	if !slices.Contains(roles, RoleStore) && !slices.Contains(roles, RoleAlert) {
		return
	}
	const what = "clickhouse"
	db, err := s.openClickHouse(ctx, false)
	if err != nil {
		r.fail(what, err.Error(), "")
		return
	}
	defer db.Close() //nolint:errcheck // nothing was written
	version, err := db.Version(ctx)
	if err != nil {
		r.fail(what, err.Error(), "")
		return
	}
	r.ok(what, "connected, "+version)
	if err := db.CheckSchema(ctx); err != nil {
		do := ""
		if errors.Is(err, clickhouse.ErrSchema) {
			do = "run `lapwing migrate`, which adds what is missing"
		}
		r.fail("clickhouse tables", err.Error(), do)
	} else {
		r.ok("clickhouse tables", "as expected")
	}
	s.checkGrants(ctx, db, roles, r)
}

// grants lists what the roles need in ClickHouse.
func grants(roles []string) []clickhouse.Grant {
	out := []clickhouse.Grant{{Right: "SELECT", Table: "migrations"}}
	if slices.Contains(roles, RoleStore) {
		out = append(out, clickhouse.Grant{Right: "INSERT", Table: "events"}, clickhouse.Grant{Right: "INSERT", Table: "identities"})
	}
	if slices.Contains(roles, RoleAlert) {
		out = append(out, clickhouse.Grant{Right: "INSERT", Table: "alerts"})
	}
	return out
}

func (s *services) checkGrants(ctx context.Context, db *clickhouse.DB, roles []string, r *checkReport) {
	complete := true
	for _, g := range grants(roles) {
		has, known, err := db.Granted(ctx, g)
		switch {
		case err != nil:
			r.fail("clickhouse grants", err.Error(), "")
			return
		case !known:
			r.note("clickhouse grants", "this server cannot be asked what is granted; scripts/clickhouse-grants.sh finds out")
			return
		case !has:
			complete = false
			r.fail("clickhouse grants", fmt.Sprintf("no right to %s on %s.%s", g.Right, db.Database(), g.Table), fmt.Sprintf("GRANT %s ON %s.%s TO %s", g.Right, db.Database(), g.Table, db.User()))
		}
	}
	if complete {
		r.ok("clickhouse grants", "as "+strings.Join(roles, ", ")+" need them")
	}
}

// unjoin gives the errors that were joined.
func unjoin(err error) []error {
	var joined interface{ Unwrap() []error }
	if errors.As(err, &joined) {
		return joined.Unwrap()
	}
	return []error{err}
}
