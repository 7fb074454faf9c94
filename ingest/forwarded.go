package ingest

import (
	"net/netip"
	"strings"
)

// Bounds of forwarding headers. A client can write as much into them as a
// server takes, and what proxies appended stands behind it: so the last entries
// are kept.
const (
	maxForwarded      = 16
	maxForwardedBytes = 64 << 10
	longestNode       = 64
)

// unknownNode stands for an entry that is no address: what RFC 7239 says of a
// sender that is not told, and what anything unreadable becomes. It keeps its
// place, so that nobody takes the entry before it for its neighbour.
const unknownNode = "unknown"

// forwarded appends the addresses of one forwarding header to a list, in their
// order, and keeps the last 16 of all. It reads X-Forwarded-For, with or without
// ports, and Forwarded (RFC 7239), told apart entry by entry: a client may have
// sent one in the other's place. Obfuscated names ("_hidden") stay, all else
// that is no address becomes "unknown". Entries may alias header.
//
// Quotes protect no comma here: no address holds one, and a client that sends a
// lone quote would else hide what the proxies append behind it.
func forwarded(header string, list []string) []string {
	if cut := len(header) - maxForwardedBytes; cut > 0 {
		header = header[cut:]
		header = header[strings.IndexByte(header, ',')+1:]
	}
	// From the end, so that a header of thousands costs what 16 do.
	var last [maxForwarded]string
	n := 0
	for more := strings.TrimSpace(header) != ""; more && n < maxForwarded; n++ {
		i := strings.LastIndexByte(header, ',')
		last[maxForwarded-1-n] = forwardedNode(header[i+1:])
		if more = i >= 0; more {
			header = header[:i]
		}
	}
	list = append(list, last[maxForwarded-n:]...)
	if extra := len(list) - maxForwarded; extra > 0 {
		list = list[:copy(list, list[extra:])]
	}
	return list
}

// forwardedNode reads one entry: an address, or the pairs of RFC 7239.
func forwardedNode(entry string) string {
	entry = strings.TrimSpace(entry)
	if plainIPv4(entry) {
		return entry // most of them
	}
	if strings.IndexByte(entry, '=') >= 0 {
		entry = forPair(entry)
	}
	entry = strings.TrimSpace(strings.Trim(entry, `"`))
	if entry == "" || len(entry) > longestNode || entry == unknownNode {
		return unknownNode
	}
	if entry[0] == '_' && obfuscated(entry) {
		return entry
	}
	// [IPv6], [IPv6]:port, IPv4:port, or an address alone.
	host, bracket := entry, entry[0] == '['
	if bracket {
		end := strings.IndexByte(entry, ']')
		if end < 0 || !portOrNone(entry[end+1:]) {
			return unknownNode
		}
		host = entry[1:end]
	} else if i := strings.IndexByte(entry, ':'); i >= 0 && i == strings.LastIndexByte(entry, ':') {
		if !portOrNone(entry[i:]) {
			return unknownNode
		}
		host = entry[:i]
	}
	addr, err := netip.ParseAddr(host)
	if err != nil || bracket && addr.Is4() {
		return unknownNode
	}
	return canonicalNode(addr, host)
}

// forPair is the value of the pair "for", or "".
func forPair(entry string) string {
	for entry != "" {
		var pair string
		pair, entry, _ = strings.Cut(entry, ";")
		if name, value, ok := strings.Cut(pair, "="); ok && strings.EqualFold(strings.TrimSpace(name), "for") {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// canonicalNode gives an IPv4 address that is written as IPv6 as what it is,
// and an address without its zone.
func canonicalNode(addr netip.Addr, text string) string {
	if addr.Is4In6() || addr.Zone() != "" {
		return addr.Unmap().WithZone("").String()
	}
	return text
}

// portOrNone accepts nothing, or a colon with a port; RFC 7239 lets a port be
// obfuscated, too.
func portOrNone(s string) bool {
	if s == "" {
		return true
	}
	if len(s) < 2 || len(s) > 1+longestNode || s[0] != ':' {
		return false
	}
	if s[1] == '_' {
		return obfuscated(s[1:])
	}
	return len(s) <= 6 && digits(s[1:]) >= 0
}

// obfuscated reports whether s is an identifier as RFC 7239, section 6.3, has it.
func obfuscated(s string) bool {
	if len(s) < 2 || s[0] != '_' {
		return false
	}
	for i := 1; i < len(s); i++ {
		if c := s[i]; !isAlnum(c) && c != '.' && c != '_' && c != '-' {
			return false
		}
	}
	return true
}
