package enrich

import (
	"math"
	"sync/atomic"

	"github.com/cespare/xxhash/v2"

	"github.com/lapwing-sec/lapwing/schemas"
)

// sharing keeps what is declared of events in one copy: most events of an
// identity say the same, and most identities too. Like a cache it is a table in
// which a newcomer takes the place of whatever holds its slot; what comes out
// equals what went in, so it depends on nothing that it holds.
type sharing struct {
	declared    [1 << 13]atomic.Pointer[schemas.Declared]
	credentials [1 << 13]atomic.Pointer[schemas.Credential]
}

// declare gives a Declared equal to d, which must be the caller's own. The
// result may be shared with other events and must not be changed.
func (s *sharing) declare(d *schemas.Declared) *schemas.Declared {
	if len(d.Violations) > 0 || len(d.Exceptions) > 0 {
		return copyDeclared(d)
	}
	h := uint64(d.LastUsed) ^ math.Float64bits(d.RatePerMinute)<<1 ^ uint64(d.RateBurst)<<32 ^ uint64(len(d.TargetEnvironment))<<8 ^ d.SpendMicrosPerDay<<3 ^ d.TokensPerDay<<5 ^ uint64(d.Workloads)<<40 ^ uint64(len(d.Policy))<<16 //nolint:gosec // mixed only
	if d.Credential != nil {
		h ^= xxhash.Sum64String(d.Credential.Ref)
	}
	slot := &s.declared[h*0x9E3779B97F4A7C15>>(64-13)]
	if have := slot.Load(); have != nil && have.Managed == d.Managed && have.RatePerMinute == d.RatePerMinute && have.RateBurst == d.RateBurst &&
		have.SpendMicrosPerDay == d.SpendMicrosPerDay && have.TokensPerDay == d.TokensPerDay && have.Workloads == d.Workloads && have.Credential == d.Credential && have.TargetEnvironment == d.TargetEnvironment && have.LastUsed == d.LastUsed && have.Policy == d.Policy {
		return have
	}
	own := copyDeclared(d)
	slot.Store(own)
	return own
}

// copyDeclared moves d to the heap, with its lists.
func copyDeclared(d *schemas.Declared) *schemas.Declared {
	return &schemas.Declared{
		Managed: d.Managed, Violations: d.Violations, RatePerMinute: d.RatePerMinute, RateBurst: d.RateBurst, Exceptions: d.Exceptions,
		Credential: d.Credential, TargetEnvironment: d.TargetEnvironment, LastUsed: d.LastUsed,
		SpendMicrosPerDay: d.SpendMicrosPerDay, TokensPerDay: d.TokensPerDay, Policy: d.Policy, Workloads: d.Workloads,
	}
}

// credential gives a credential as it goes with an event; it may be shared.
func (s *sharing) credential(c *schemas.KnownCredential) *schemas.Credential {
	slot := &s.credentials[xxhash.Sum64String(c.Ref)>>(64-13)]
	if have := slot.Load(); have != nil && have.Ref == c.Ref && have.Type == c.Type && have.Issued == unixNano(c.Issued) &&
		have.Expires == unixNano(c.Expires) && have.Revoked == unixNano(c.Revoked) && have.RotateEvery == int64(c.RotateEvery) {
		return have
	}
	own := declaredCredential(c)
	slot.Store(own)
	return own
}
