package enrich

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/lapwing-sec/lapwing/schemas"
)

// watchlist is the operator's list of what must not be seen, compiled. It is
// immutable; a nil one holds nothing.
type watchlist struct {
	prefixes  *prefixTable
	addresses []schemas.Watched // by index in prefixes
	exact     map[string]string // credentials and identities: why they are watched
	agents    []watchedAgent
}

type watchedAgent struct {
	pattern pattern
	reason  string
}

// newWatchlist compiles lists; hash gives the keyed hashes under which logs may
// show a credential that is listed in plain.
func newWatchlist(hash func(ref string) []string, lists ...[]schemas.Watched) *watchlist {
	w := &watchlist{exact: map[string]string{}}
	var prefixes []netip.Prefix
	for _, list := range lists {
		for i := range list {
			item := &list[i]
			switch {
			case item.Address != "":
				if p, err := parseCIDR(item.Address); err == nil {
					prefixes, w.addresses = append(prefixes, p), append(w.addresses, *item)
				}
			case item.Credential != "":
				w.exact[item.Credential] = item.Reason
				if hash != nil {
					for _, h := range hash(item.Credential) {
						w.exact[h] = item.Reason
					}
				}
			case item.Identity != "":
				w.exact[item.Identity] = item.Reason
				w.exact[Canonical(item.Identity)] = item.Reason
			case item.Agent != "":
				w.agents = append(w.agents, watchedAgent{compilePattern(item.Agent), item.Reason})
			}
		}
	}
	if len(prefixes) == 0 && len(w.exact) == 0 && len(w.agents) == 0 {
		return nil
	}
	if len(prefixes) > 0 {
		w.prefixes = newPrefixTable(prefixes)
	}
	return w
}

// judge appends what an event shows that is watched for.
func (w *watchlist) judge(ev *schemas.Event, pl *place, d *schemas.Declared) {
	if w == nil {
		return
	}
	if w.prefixes != nil && pl.addr.IsValid() {
		if at := w.prefixes.find(pl.addr); at != nothing {
			violate(d, watchedIndicator, "address "+pl.ip, w.addresses[at].Reason)
		}
	}
	if len(w.exact) > 0 {
		if reason, ok := w.exact[ev.CredentialId]; ok && ev.CredentialId != "" {
			violate(d, watchedIndicator, "credential "+ev.CredentialId, reason)
		}
		if reason, ok := w.exact[ev.IdentityId]; ok {
			violate(d, watchedIndicator, "identity "+ev.IdentityId, reason)
		}
	}
	for i := range w.agents {
		if w.agents[i].pattern.match(ev.UserAgent) {
			violate(d, watchedIndicator, "client "+ev.UserAgent, w.agents[i].reason)
			return
		}
	}
}

// checkWatched says what is wrong with an entry of the list.
func checkWatched(w *schemas.Watched) error {
	given := slices.DeleteFunc([]string{w.Address, w.Credential, w.Identity, w.Agent}, func(s string) bool { return s == "" })
	if len(given) != 1 {
		return errors.New("watch: an entry names one of address, credential, identity and agent")
	}
	if w.Address != "" {
		if _, err := parseCIDR(w.Address); err != nil {
			return fmt.Errorf("address: %q: want an address or a prefix such as 203.0.113.0/24", shorten(w.Address))
		}
	}
	return nil
}
