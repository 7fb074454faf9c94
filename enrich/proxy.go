package enrich

import (
	"fmt"
	"net/netip"

	"github.com/lapwing-sec/lapwing/schemas"
)

// MaxTrustedProxies bounds the list of trusted proxies.
const MaxTrustedProxies = 10_000

// proxies are the addresses that are believed about whom they forward for. A
// nil value trusts nobody.
type proxies struct {
	trusted      *prefixTable
	privatePeers bool
}

// newProxies takes prefixes and single addresses.
func newProxies(cidrs []string, privatePeers bool) (*proxies, error) {
	if len(cidrs) > MaxTrustedProxies {
		return nil, fmt.Errorf("%d trusted proxies: at most %d", len(cidrs), MaxTrustedProxies)
	}
	p := &proxies{privatePeers: privatePeers}
	prefixes := make([]netip.Prefix, 0, len(cidrs))
	for _, text := range cidrs {
		prefix, err := parseCIDR(text)
		if err != nil {
			return nil, fmt.Errorf("trusted proxy %q: want an address or prefix, such as 10.0.0.0/8", shorten(text))
		}
		prefixes = append(prefixes, prefix)
	}
	p.trusted = newPrefixTable(prefixes)
	return p, nil
}

// CheckTrustedProxy reports what is wrong with an entry of
// Config.TrustedProxies.
func CheckTrustedProxy(cidr string) error {
	_, err := newProxies([]string{cidr}, false)
	return err
}

// trust reports whether an address is a trusted proxy, and whether it counts as
// one when it is the peer that connected. Private peers are trusted as peers
// only: further back in a header, a private address is as likely a client that
// wrote the rest of the header itself.
func (p *proxies) trust(addr netip.Addr) (proxy, peer bool) {
	if p == nil {
		return false, false
	}
	proxy = p.trusted.find(addr) != nothing
	return proxy, proxy || p.privatePeers && (addr.IsPrivate() || addr.IsLoopback())
}

// forward decides who called, from the peer that connected and the addresses in
// the forwarding headers: when the peer is trusted, the addresses are walked
// from the newest, which the peer itself wrote, past trusted proxies to the
// first that is not one. Whatever stands before that, the client may have made
// up. A thing that is no address ends the walk at the last one believed. When
// all are trusted the call began at the first.
func (st *state) forward(ev *schemas.Event, peer *place) *place {
	if !peer.proxyPeer {
		return peer
	}
	at := peer
	for i := len(ev.ForwardedFor) - 1; i >= 0; i-- {
		hop := st.place(ev.ForwardedFor[i])
		if !hop.addr.IsValid() {
			break
		}
		at = hop
		if !hop.proxy {
			break
		}
	}
	if at != peer {
		ev.PeerIp, ev.SrcIp = ev.SrcIp, at.ip
	}
	return at
}
