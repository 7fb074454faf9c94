package simulate

import "slices"

// strata is where an attack comes from and with what: the identity's usual
// network, one that the organisation knows, or a foreign one; the identity's
// own client or another.
type strata struct{ network, client string }

// allStrata are the six of them.
var allStrata = [...]strata{
	{"usual", "own"}, {"usual", "other"}, {"known", "own"}, {"known", "other"}, {"foreign", "own"}, {"foreign", "other"},
}

// stratum settles from where and with what an attack is made; empty ones are
// drawn. With a turn, an attack takes another stratum for each seed and turn.
func (f *Fleet) stratum(at *attack) (network, client string) {
	if f.cfg.Turn == 0 || at.intrinsic {
		return at.network, at.client
	}
	i := slices.IndexFunc(attacks, func(x attack) bool { return x.name == at.name })
	s := allStrata[(uint64(i)+f.cfg.Seed+uint64(f.cfg.Turn))%uint64(len(allStrata))] //nolint:gosec // small, positive
	return s.network, s.client
}

// turned is an order of attacks moved on by as many as the turns before have
// taken.
func (f *Fleet) turned(order []*attack, limit int) []*attack {
	if f.cfg.Turn == 0 || len(order) == 0 {
		return order
	}
	at := (f.cfg.Turn - 1) * limit % len(order)
	return slices.Concat(order[at:], order[:at])
}
