package faults

import "strings"

// KillPoint is a row of the tables in docs/delivery.md: what a process was doing
// when it died, or what befell its state.
type KillPoint struct {
	// Stage and Dies are the row's, in the page's words.
	Stage, Dies string
	// At are the places where the suite makes it so. One that ends in "before" or
	// "after" is a request, or a call of a sink, that was not sent or whose answer
	// did not come.
	At []string
}

// around gives the places before and after each of some requests.
func around(requests ...string) (at []string) {
	for _, r := range requests {
		at = append(at, r+", before", r+", after")
	}
	return at
}

// Places that are no request's.
const (
	aPart      = "produce events, to one of two cells" // verified in the log
	standStill = "stands still past the session"
	bothSlots  = "both slots damaged"
)

// KillPoints lists all of them, by stage. A full run visits each.
func KillPoints() []KillPoint {
	return []KillPoint{
		{"enrich", "before a write", append(around("fetch raw"), "enrich", "produce events, before")},
		{"enrich", "after a write to some of the cells", []string{aPart}},
		{"enrich", "after the write, its answer lost", []string{"produce events, after"}},
		{"enrich", "before the commit", []string{"commit enrich, before"}},
		{"enrich", "after the commit, its answer lost", []string{"commit enrich, after"}},
		{"enrich", "while it takes over", around("join", "take over", "fence events", "positions enrich")},
		{"enrich", "not at all, only paused", []string{standStill}},

		{"detect", "anywhere between snapshots", append(around("fetch events", "produce alerts", "commit detect"), "apply")},
		{"detect", "among the chunks of a snapshot", append(around("snapshot chunk"), "snapshot end, before")},
		{"detect", "after the end record, its answer lost", []string{"snapshot end, after"}},
		{"detect", "while it takes over", around("fence state", "fetch state")},
		{"detect", "both slots are damaged or gone", []string{bothSlots}},
		{"detect", "paused past its session", []string{standStill}},

		{"store", "before `end=X` is committed", []string{"plan store, before"}},
		{"store", "after it, before, in or after the insert", append(around("insert"), "plan store, after")},
		{"store", "before X is committed", []string{"commit store, before"}},
		{"store", "after X is committed, its answer lost", []string{"commit store, after"}},

		{"destinations", "before the delivery", append(around("fetch alerts"), "deliver siem, before", "deliver pager, before", "deliver manager, before", "deliver clickhouse, before")},
		{"destinations", "between the delivery and the memory of it", []string{"deliver siem, after", "deliver pager, after", "deliver manager, after", "deliver clickhouse, after", "produce alert-state, before"}},
		{"destinations", "after that", append(around("commit alert-siem", "commit alert-pager", "commit alert-manager", "commit alert-clickhouse"), "produce alert-state, after")},
	}
}

// killPlaces are those at which a process dies, each once.
func killPlaces() (all []string) {
	seen := map[string]bool{standStill: true, bothSlots: true}
	for _, k := range KillPoints() {
		for _, at := range k.At {
			if !seen[at] {
				seen[at] = true
				all = append(all, at)
			}
		}
	}
	return all
}

// killsEach is how many processes a seed of the first scenario kills at places that
// come in turn; the others it chooses at random.
const killsEach = 3

// allPlaces reports whether so many seeds of the first scenario come to each place
// at least three times.
func allPlaces(seeds int) bool { return seeds*killsEach >= 3*len(killPlaces()) }

// requestAt splits a place into the point at which the wire sees it and, for the
// write of a part, the visit.
func requestAt(place string) (point string, visit int) {
	if place == aPart {
		return "produce events, before", 2
	}
	return strings.TrimSpace(place), 0
}
