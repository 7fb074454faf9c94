package detect

import (
	"maps"
	"slices"
)

// secrets gives what is known of secrets to every cell: their owners' identities
// may be in any.
func (r *rekey) secrets() {
	for _, e := range r.old {
		for _, to := range r.fresh {
			to.secrets.newest = max(to.secrets.newest, e.secrets.newest)
			to.secrets.swept = max(to.secrets.swept, e.secrets.swept)
		}
		for _, k := range e.secrets.secrets() {
			use := e.secrets.seen[k]
			for _, u := range use.users {
				for _, to := range r.fresh {
					to.secrets.take(k, u, use.last)
				}
			}
		}
	}
}

// deeds tells every cell what was done, and the cell of whoever it may concern of
// the calls that wait for a deed.
func (r *rekey) deeds() {
	for _, e := range r.old {
		for _, to := range r.fresh {
			to.deeds.swept = max(to.deeds.swept, e.deeds.swept)
		}
		for _, k := range slices.Sorted(maps.Keys(e.deeds.done)) {
			for _, x := range e.deeds.done[k] {
				for _, to := range r.fresh {
					to.deeds.add(k, x)
				}
			}
		}
		for _, k := range slices.Sorted(maps.Keys(e.deeds.uses)) {
			for _, u := range e.deeds.uses[k] {
				r.fresh[r.cellOf(u.identity)].deeds.waits(k, u)
			}
		}
	}
}
