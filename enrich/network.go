package enrich

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// Network classes that are known without being declared.
const (
	classPrivate  = "private"
	classInternal = "internal"
)

// place is all that is known of one source address. It is computed once and
// then shared, so nothing may change it.
type place struct {
	ip        string
	addr      netip.Addr
	prefix    string
	country   string
	precision string
	latitude  float64
	longitude float64
	asn       uint32
	asOrg     string
	class     string
	name      string
	declared  bool // in a declared network: its geography says nothing
}

// sourcePrefix is the /24 of an IPv4 address, the /48 of an IPv6 one, or "".
func sourcePrefix(ip string) string {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return ""
	}
	return prefixOf(addr.Unmap().WithZone(""))
}

func prefixOf(addr netip.Addr) string {
	bits := 48
	if addr.Is4() {
		bits = 24
	}
	p, err := addr.Prefix(bits)
	if err != nil {
		return ""
	}
	return p.String()
}

// locate describes a source address: what is declared of its network wins over
// what is known of the address itself.
func locate(ip string, declared *networkTable, geo *geoSet) place {
	p := place{ip: ip}
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		// CloudTrail names the service where a service calls for a user.
		if isService(ip) {
			p.class = classInternal
		}
		return p
	}
	addr = addr.Unmap().WithZone("")
	p.addr, p.prefix = addr, prefixOf(addr)
	if class := reservedClass(addr); class != "" {
		p.class = class
	} else {
		geo.fill(&p)
	}
	if n := declared.find(addr); n != nil {
		p.declared = true
		p.name = n.Name
		if n.Class != "" {
			p.class = n.Class
		}
	}
	return p
}

// reserved lists the address blocks that belong to no place: RFC 1918, 6598,
// 3927, 4193, 4291, 5737, 2544 and 3849, with the class they get.
var reserved = []struct {
	prefix netip.Prefix
	class  string
}{
	{netip.MustParsePrefix("10.0.0.0/8"), classPrivate},
	{netip.MustParsePrefix("172.16.0.0/12"), classPrivate},
	{netip.MustParsePrefix("192.168.0.0/16"), classPrivate},
	{netip.MustParsePrefix("fc00::/7"), classPrivate},
	{netip.MustParsePrefix("100.64.0.0/10"), classInternal},
	{netip.MustParsePrefix("127.0.0.0/8"), classInternal},
	{netip.MustParsePrefix("::1/128"), classInternal},
	{netip.MustParsePrefix("169.254.0.0/16"), classInternal},
	{netip.MustParsePrefix("fe80::/10"), classInternal},
	{netip.MustParsePrefix("0.0.0.0/8"), classInternal},
	{netip.MustParsePrefix("::/128"), classInternal},
}

func reservedClass(addr netip.Addr) string {
	for i := range reserved {
		if reserved[i].prefix.Contains(addr) {
			return reserved[i].class
		}
	}
	return ""
}

// networkTable finds the longest declared prefix that holds an address: a map
// of all prefixes, asked once for each length in use, longest first.
type networkTable struct {
	byPrefix map[netip.Prefix]*schemas.Network
	lengths4 []int
	lengths6 []int
}

// newNetworkTable takes networks in order of precedence: of two that declare
// the same prefix the first one stands. Entries that are not prefixes, which
// the parser of the inventory refuses, are left out.
func newNetworkTable(lists ...[]schemas.Network) *networkTable {
	t := &networkTable{byPrefix: make(map[netip.Prefix]*schemas.Network)}
	for _, list := range lists {
		for i := range list {
			p, err := parseCIDR(list[i].CIDR)
			if err != nil {
				continue
			}
			if _, taken := t.byPrefix[p]; taken {
				continue
			}
			t.byPrefix[p] = &list[i]
			lengths := &t.lengths6
			if p.Addr().Is4() {
				lengths = &t.lengths4
			}
			if !slices.Contains(*lengths, p.Bits()) {
				*lengths = append(*lengths, p.Bits())
			}
		}
	}
	for _, l := range [][]int{t.lengths4, t.lengths6} {
		slices.Sort(l)
		slices.Reverse(l)
	}
	return t
}

func (t *networkTable) find(addr netip.Addr) *schemas.Network {
	if t == nil || !addr.IsValid() {
		return nil
	}
	lengths := t.lengths6
	if addr.Is4() {
		lengths = t.lengths4
	}
	for _, bits := range lengths {
		p, err := addr.Prefix(bits)
		if err != nil {
			continue
		}
		if n, ok := t.byPrefix[p]; ok {
			return n
		}
	}
	return nil
}

// parseCIDR reads a prefix, or a single address as the prefix of its full
// length, and clears the bits behind the prefix.
func parseCIDR(s string) (netip.Prefix, error) {
	if !strings.Contains(s, "/") {
		addr, err := netip.ParseAddr(s)
		if err != nil {
			return netip.Prefix{}, err
		}
		addr = addr.Unmap().WithZone("")
		return netip.PrefixFrom(addr, addr.BitLen()), nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return netip.Prefix{}, err
	}
	if p.Addr().Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p.Masked(), nil
}

// parseASN reads "asn:64500".
func parseASN(s string) (uint32, bool) {
	digits, ok := strings.CutPrefix(s, "asn:")
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseUint(digits, 10, 32)
	return uint32(n), err == nil
}

func decimal(n int) string { return strconv.Itoa(n) }
