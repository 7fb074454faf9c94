package enrich

import (
	"net/netip"
	"strconv"
	"strings"
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
	radius    uint32 // km, 0 unknown
	asn       uint32
	asOrg     string
	class     string
	name      string
	declared  bool // in a declared network: its geography says nothing
	proxy     bool // a trusted proxy: it is believed about whom it forwards for
	proxyPeer bool // the same, when it is the connecting peer
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

// atlas is what addresses are looked up in; any part may be nil.
type atlas struct {
	declared *networkTable
	lists    *listTable
	geo      *geoSet
	proxies  *proxies
}

// locate describes a source address: what is declared of its network wins over
// what lists say, and these over what databases know of the address.
func (a *atlas) locate(ip string) place {
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
	p.proxy, p.proxyPeer = a.proxies.trust(addr)
	if class := reservedClass(addr); class != "" {
		p.class = class
	} else {
		a.geo.fill(&p)
	}
	if l := a.lists.find(addr); l != nil && (!hides(p.class) || hides(l.class)) {
		p.class, p.name = l.class, l.name
	}
	if n := a.declared.find(addr); n != nil {
		p.declared = true
		p.name = n.Name
		if n.Class != "" {
			p.class = n.Class
		}
	}
	return p
}

// hides reports whether a class of network hides who calls; the word of a
// database that an address does so is not undone by a list that knows only
// whose the wire is.
func hides(class string) bool { return class == classTor || class == classVPN }

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
