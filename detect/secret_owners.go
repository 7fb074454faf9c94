package detect

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// secretOwners remembers which owners' identities read which secrets. A secret
// that one owner's identities have read for a week, and nobody else's, is that
// owner's.
//
// Only reads that succeed count. What is asked at hour k rests on the hours up to
// k-4, in which nothing changes any more, so the interleaving of topics changes
// no answer.
type secretOwners struct {
	seen   map[uint32]*secretUse // by fingerprint of the secret
	newest int64                 // newest hour that was asked for
	swept  int64
}

// secretUse is who reads a secret.
type secretUse struct {
	users []secretUser // by owner
	last  int32        // newest hour
}

// secretUser is one owner as a reader of a secret.
type secretUser struct {
	owner string
	// hours are the first hours of the earliest days on which it was read.
	hours []int32
}

const (
	// ownedDays is on how many days an owner must have read a secret for it to be
	// his, ownedHours how long ago the first of them lies; so long, too, others
	// may still join, and so long a newcomer counts for nothing.
	ownedDays  = 3
	ownedHours = 7 * 24
	// maxSecrets bounds the secrets watched, maxSecretUsers the owners of one: the
	// least by name, since the secret is shared anyhow.
	maxSecrets     = 20_000
	maxSecretUsers = 4
	// secretKept is for how many hours a secret that nobody reads is remembered:
	// more than a quarter of a year.
	secretKept = 100 * 24
)

func (o *secretOwners) init() { o.seen = map[uint32]*secretUse{} }

// ownerOf is who owns an identity: its team, else a person; "" where the
// inventory says nothing.
func ownerOf(f *facts) string {
	if f.team != "" {
		return f.team
	}
	return f.owner
}

// note takes a read of a secret. It reports whether there was no room for it.
func (o *secretOwners) note(f *facts, p *Profile, call *Call) (refused bool) {
	s := call.sights[Secret]
	if s.State == Absent || !call.Success || call.Backfill || p.Anonymous() || provider(call.Event) {
		return false
	}
	hour := hourOf(call.pane)
	if o.newest != 0 && hour <= o.newest-egressLag {
		hour = o.newest - egressLag + 1 // what was answered from stays
	}
	return o.take(s.hash, secretUser{owner: ownerOf(f), hours: []int32{int32(hour)}}, int32(hour)) //nolint:gosec // hours since 1970
}

// take merges in what is known of one user of a secret. Taking the same twice
// changes nothing.
func (o *secretOwners) take(secret uint32, u secretUser, last int32) (refused bool) {
	use := o.seen[secret]
	if use == nil {
		if len(o.seen) >= maxSecrets {
			return true
		}
		use = &secretUse{}
		o.seen[secret] = use
	}
	use.last = max(use.last, last)
	i, found := slices.BinarySearchFunc(use.users, u.owner, func(x secretUser, owner string) int { return strings.Compare(x.owner, owner) })
	if !found {
		if i == maxSecretUsers {
			return false
		}
		use.users = slices.Insert(use.users, i, secretUser{owner: u.owner})
		use.users = use.users[:min(len(use.users), maxSecretUsers)]
	}
	for _, h := range u.hours {
		use.users[i].read(h)
	}
	return false
}

// read notes an hour: the earliest of each day, of the earliest days.
func (u *secretUser) read(hour int32) {
	i, found := slices.BinarySearchFunc(u.hours, hour, func(x, h int32) int { return cmp.Compare(x/24, h/24) })
	switch {
	case found:
		u.hours[i] = min(u.hours[i], hour)
	case i < ownedDays:
		u.hours = slices.Insert(u.hours, i, hour)
		u.hours = u.hours[:min(len(u.hours), ownedDays)]
	}
}

// ownedBy is the one other owner whose a secret is, for a reader of an owner at an
// hour; "" where it is the reader's own, or shared, or not known for long.
func (o *secretOwners) ownedBy(secret uint32, reader string, hour int64) string {
	list := o.known(secret, hour)
	upTo := o.upTo(hour)
	first := int32(1<<31 - 1)
	for i := range list {
		first = min(first, list[i].hours[0])
	}
	owner := ""
	for i := range list {
		u := &list[i]
		begun := u.hours[0]
		if begun > upTo {
			continue
		}
		if begun >= first+ownedHours && begun > upTo-ownedHours {
			continue // a newcomer
		}
		if u.owner == reader || owner != "" || u.owner == "" || len(u.hours) < ownedDays || u.hours[ownedDays-1] > upTo || begun > upTo-ownedHours {
			return ""
		}
		owner = u.owner
	}
	return owner
}

// borrows reports whether an owner's identities came to a secret a day or more
// after others, and have read it for a week.
func (o *secretOwners) borrows(secret uint32, reader string, hour int64) bool {
	upTo := o.upTo(hour)
	own, others := int32(0), int32(0)
	for _, u := range o.known(secret, hour) {
		if begun := u.hours[0]; begun > upTo-ownedHours {
			continue
		} else if u.owner == reader {
			own = begun
		} else if others == 0 || begun < others {
			others = begun
		}
	}
	return own != 0 && others != 0 && own >= others+24
}

func (o *secretOwners) known(secret uint32, hour int64) []secretUser {
	o.newest = max(o.newest, hour)
	if use := o.seen[secret]; use != nil {
		return use.users
	}
	return nil
}

func (o *secretOwners) upTo(hour int64) int32 {
	return int32(max(hour, o.newest-oldestView) - egressLag) //nolint:gosec // hours since 1970
}

// sweep forgets secrets that nobody reads any more, once a day.
func (o *secretOwners) sweep(hour int64) {
	if hour < o.swept+24 {
		return
	}
	o.swept = hour
	for secret, use := range o.seen {
		if int64(use.last) < hour-secretKept {
			delete(o.seen, secret)
		}
	}
}

func (o *secretOwners) secrets() []uint32 { return slices.Sorted(maps.Keys(o.seen)) }

func (o *secretOwners) visit(c *codec) {
	c.i64(&o.newest)
	c.i64(&o.swept)
	keys := o.secrets()
	list(c, &keys, func(k *uint32) {
		c.u32(k)
		use := o.seen[*k]
		if use == nil {
			use = &secretUse{}
			o.seen[*k] = use
		}
		c.i32(&use.last)
		list(c, &use.users, func(u *secretUser) {
			c.text(&u.owner)
			list(c, &u.hours, c.i32)
			if len(u.hours) == 0 {
				c.fail(errDamaged)
			}
		})
	})
}
