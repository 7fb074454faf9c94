package kafka

import (
	"cmp"
	"slices"
)

// claim is what a member says when it joins: the partitions that it is working
// on, as of the generation in which it got them.
type claim struct {
	member     string
	generation int
	owned      []topicPartition
}

// assign divides partitions among members so that nobody has two more than
// another, and as few as possible change hands. A partition that has to leave a
// member that still works on it goes to nobody yet: its owner sees that, stops,
// and joins again, and the next assignment gives it away. pending counts what a
// member will get then. The result depends on the arguments only.
func assign(parts []topicPartition, claims []claim) (given map[string][]topicPartition, pending map[string]int) {
	given, pending = make(map[string][]topicPartition, len(claims)), make(map[string]int)
	if len(claims) == 0 {
		return given, pending
	}
	claims = slices.Clone(claims)
	slices.SortFunc(claims, func(a, b claim) int { return cmp.Compare(a.member, b.member) })
	owner := owners(parts, claims)
	held := make(map[string][]topicPartition)
	for _, tp := range parts {
		if m, ok := owner[tp]; ok {
			held[m] = append(held[m], tp)
		}
	}
	// Who has most keeps most: the quotas differ by one.
	order := slices.Clone(claims)
	slices.SortStableFunc(order, func(a, b claim) int { return cmp.Compare(len(held[b.member]), len(held[a.member])) })
	quota := make(map[string]int, len(claims))
	for i, c := range order {
		quota[c.member] = len(parts) / len(claims)
		if i < len(parts)%len(claims) {
			quota[c.member]++
		}
	}
	taken := make(map[topicPartition]bool, len(parts))
	load := make(map[string]int, len(claims)) // with what is pending
	perTopic := make(map[string]map[string]int, len(claims))
	for _, c := range claims {
		keep := spread(held[c.member], quota[c.member])
		given[c.member], load[c.member], perTopic[c.member] = keep, len(keep), make(map[string]int)
		for _, tp := range keep {
			taken[tp] = true
			perTopic[c.member][tp.topic]++
		}
	}
	for _, tp := range parts {
		if taken[tp] {
			continue
		}
		to := ""
		for _, c := range claims {
			m := c.member
			if load[m] >= quota[m] {
				continue
			}
			if to == "" || perTopic[m][tp.topic] < perTopic[to][tp.topic] ||
				perTopic[m][tp.topic] == perTopic[to][tp.topic] && load[m] < load[to] {
				to = m
			}
		}
		load[to]++
		perTopic[to][tp.topic]++
		if _, busy := owner[tp]; busy {
			pending[to]++
			continue
		}
		given[to] = append(given[to], tp)
	}
	return given, pending
}

// owners settles who works on what: the claim of the newest generation counts,
// of two equal ones the first member's. (A member whose claim does not count
// stops, as with any partition that it is not given.)
func owners(parts []topicPartition, claims []claim) map[topicPartition]string {
	known := make(map[topicPartition]bool, len(parts))
	for _, tp := range parts {
		known[tp] = true
	}
	owner, since := make(map[topicPartition]string), make(map[topicPartition]int)
	for _, c := range claims {
		for _, tp := range c.owned {
			if _, ok := owner[tp]; known[tp] && (!ok || c.generation > since[tp]) {
				owner[tp], since[tp] = c.member, c.generation
			}
		}
	}
	return owner
}

// spread keeps n partitions, giving up those of the topics that have most.
func spread(held []topicPartition, n int) []topicPartition {
	keep := slices.Clone(held)
	count := make(map[string]int)
	for _, tp := range keep {
		count[tp.topic]++
	}
	for len(keep) > n {
		drop := 0
		for i, tp := range keep {
			if count[tp.topic] >= count[keep[drop].topic] {
				drop = i // of equals the last
			}
		}
		count[keep[drop].topic]--
		keep = slices.Delete(keep, drop, drop+1)
	}
	return keep
}
