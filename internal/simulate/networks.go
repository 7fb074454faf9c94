package simulate

// Address blocks. Each is a /16 whose addresses belong to one country in the
// usual public databases; a test looks them up. Private and documentation
// ranges carry no country.

type blockKind uint8

const (
	kindCloud   blockKind = iota // public addresses of the cloud that the fleet runs in
	kindRunner                   // hosted CI runners
	kindHosting                  // rented servers
	kindISP                      // access providers: offices, homes, phones
)

type block struct {
	cc   string
	kind blockKind
	a, b byte
}

func (b block) base() uint32 { return uint32(b.a)<<24 | uint32(b.b)<<16 }

var blocks = []block{
	{"US", kindCloud, 3, 208}, {"US", kindCloud, 18, 204}, {"US", kindCloud, 34, 192}, {"US", kindCloud, 52, 20},
	{"US", kindCloud, 54, 160}, {"US", kindCloud, 44, 192}, {"US", kindCloud, 35, 160}, {"US", kindCloud, 54, 184},
	{"IE", kindCloud, 52, 208}, {"IE", kindCloud, 34, 240}, {"IE", kindCloud, 63, 32}, {"IE", kindCloud, 54, 216},
	{"DE", kindCloud, 18, 184}, {"DE", kindCloud, 3, 120}, {"DE", kindCloud, 35, 156}, {"DE", kindCloud, 18, 156},
	{"GB", kindCloud, 18, 130}, {"GB", kindCloud, 3, 8}, {"GB", kindCloud, 35, 176},
	{"FR", kindCloud, 13, 36}, {"FR", kindCloud, 15, 188}, {"SG", kindCloud, 13, 228}, {"SG", kindCloud, 18, 136},
	{"JP", kindCloud, 13, 112}, {"JP", kindCloud, 18, 176}, {"AU", kindCloud, 13, 210}, {"IN", kindCloud, 13, 126},
	{"BR", kindCloud, 18, 228}, {"CA", kindCloud, 99, 79}, {"CA", kindCloud, 35, 182},

	{"US", kindRunner, 20, 51}, {"US", kindRunner, 20, 1}, {"US", kindRunner, 4, 236}, {"US", kindRunner, 40, 76},
	{"US", kindRunner, 13, 64}, {"US", kindRunner, 20, 80}, {"US", kindRunner, 52, 224},

	{"US", kindHosting, 104, 131}, {"US", kindHosting, 45, 55}, {"DE", kindHosting, 88, 198}, {"DE", kindHosting, 78, 46},
	{"DE", kindHosting, 116, 202}, {"DE", kindHosting, 144, 76}, {"FR", kindHosting, 62, 210}, {"FR", kindHosting, 195, 154},
	{"FI", kindHosting, 95, 216}, {"FI", kindHosting, 135, 181}, {"RO", kindHosting, 188, 24}, {"CN", kindHosting, 47, 92},
	{"CN", kindHosting, 47, 94},

	{"US", kindISP, 24, 0}, {"US", kindISP, 24, 16}, {"US", kindISP, 73, 0}, {"US", kindISP, 98, 192}, {"US", kindISP, 71, 192},
	{"US", kindISP, 68, 32}, {"US", kindISP, 76, 16}, {"US", kindISP, 99, 0}, {"US", kindISP, 108, 0}, {"US", kindISP, 50, 16},
	{"DE", kindISP, 91, 66}, {"DE", kindISP, 93, 192}, {"DE", kindISP, 84, 128}, {"DE", kindISP, 87, 128}, {"DE", kindISP, 62, 155},
	{"GB", kindISP, 81, 128}, {"GB", kindISP, 86, 128}, {"GB", kindISP, 82, 0}, {"GB", kindISP, 90, 192},
	{"FR", kindISP, 90, 0}, {"FR", kindISP, 82, 64}, {"FR", kindISP, 86, 192}, {"NL", kindISP, 145, 131}, {"NL", kindISP, 84, 104},
	{"NL", kindISP, 77, 248}, {"ES", kindISP, 80, 32}, {"ES", kindISP, 83, 32}, {"IT", kindISP, 2, 32}, {"IT", kindISP, 79, 0},
	{"PL", kindISP, 83, 0}, {"PL", kindISP, 31, 0}, {"AT", kindISP, 80, 108}, {"CH", kindISP, 85, 0}, {"SE", kindISP, 91, 128},
	{"DK", kindISP, 130, 225}, {"CA", kindISP, 70, 24}, {"CA", kindISP, 99, 224}, {"BR", kindISP, 177, 32}, {"BR", kindISP, 187, 32},
	{"IN", kindISP, 49, 36}, {"IN", kindISP, 122, 160}, {"JP", kindISP, 126, 0}, {"JP", kindISP, 60, 32}, {"KR", kindISP, 175, 192},
	{"AU", kindISP, 1, 120}, {"RU", kindISP, 95, 24}, {"UA", kindISP, 176, 36}, {"TR", kindISP, 88, 224}, {"TR", kindISP, 78, 160},
	{"NG", kindISP, 105, 112}, {"VN", kindISP, 113, 160}, {"VN", kindISP, 14, 160}, {"ID", kindISP, 36, 64}, {"ID", kindISP, 36, 80},
	{"CN", kindISP, 114, 80}, {"ZA", kindISP, 105, 224}, {"RO", kindISP, 86, 120},
}

// pool is the base addresses of some blocks.
func pool(kind blockKind, countries ...string) []uint32 {
	var out []uint32
	for _, b := range blocks {
		if b.kind != kind {
			continue
		}
		for _, cc := range countries {
			if b.cc == cc {
				out = append(out, b.base())
			}
		}
	}
	return out
}

// countryOf is the block table's own look-up, "" outside of it.
func countryOf(ip uint32) string {
	for i := range blocks {
		if blocks[i].base() == ip&0xffff0000 {
			return blocks[i].cc
		}
	}
	return ""
}

func ip4(a, b, c, d byte) uint32 {
	return uint32(a)<<24 | uint32(b)<<16 | uint32(c)<<8 | uint32(d)
}

func appendIP(dst []byte, ip uint32) []byte {
	dst = appendUint(dst, uint64(ip>>24))
	dst = append(dst, '.')
	dst = appendUint(dst, uint64(ip>>16&255))
	dst = append(dst, '.')
	dst = appendUint(dst, uint64(ip>>8&255))
	dst = append(dst, '.')
	return appendUint(dst, uint64(ip&255))
}

// appendCIDR writes the network of 32-bits prefix length around ip.
func appendCIDR(dst []byte, ip uint32, hostBits uint8) []byte {
	dst = appendIP(dst, ip&^(1<<hostBits-1))
	dst = append(dst, '/')
	return appendUint(dst, uint64(32-hostBits))
}

// netUse is one way in which an identity's calls leave: a few hosts within a
// network, or anywhere in a pool of blocks.
type netUse struct {
	base   uint32
	bits   uint8    // host bits of the network
	hosts  uint16   // hosts in use at one time; with a pool, 0
	churn  uint16   // hours after which a host gets another address; 0 is never
	weight uint8    // share of the calls, relative
	pool   []uint32 // shared; base addresses of /16 blocks
}

// at picks the source address: who (identity and use) and slot decide, r picks
// one of the hosts in use.
func (n *netUse) at(who uint64, hour int, r uint64) uint32 {
	if n.pool != nil {
		h := hash(who, r)
		return n.pool[h%uint64(len(n.pool))] + uint32(h>>32&0xffff)
	}
	if n.bits == 0 {
		return n.base
	}
	host := uint64(0)
	if n.hosts > 1 {
		host = r % uint64(n.hosts)
	}
	slot := uint64(0)
	if n.churn > 0 {
		// Hosts are replaced one after the other, not all at once.
		slot = (uint64(hour) + host*7) / uint64(n.churn) //nolint:gosec // hours count from 0
	}
	h := hash(uint64(n.base), who, host, slot)
	span := uint64(1) << n.bits
	if span <= 4 {
		return n.base + uint32(h%span) //nolint:gosec // below span
	}
	return n.base + 1 + uint32(h%(span-2)) //nolint:gosec // below span
}
