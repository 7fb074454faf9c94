package ingest

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// Bounds of what an event keeps beside its named fields.
const (
	maxAttributes     = 64
	maxAttributeName  = 128
	maxAttributeValue = 512
	maxResources      = 32
	maxGrantees       = 32
	maxMessage        = 1024
	maxChain          = 16 // links of a delegation
	maxScopes         = 64
)

// attribute keeps one more thing that the source said, while there is room.
// The first maxAttributes in the order of the source are kept.
func attribute(ev *schemas.Event, name, value string) {
	if value == "" || value == "-" || len(ev.Attributes) >= maxAttributes {
		return
	}
	if ev.Attributes == nil {
		ev.Attributes = make(map[string]string, 8)
	}
	if len(name) > maxAttributeName {
		name = clip(name, maxAttributeName)
	}
	if len(value) > maxAttributeValue {
		value = clip(value, maxAttributeValue)
	}
	// One look into the map instead of two: a name is nearly never there already.
	had := len(ev.Attributes)
	if had == 0 {
		ev.Attributes[name] = value
		return
	}
	ev.Attributes[name] += value
	if len(ev.Attributes) == had {
		both := ev.Attributes[name]
		ev.Attributes[name] = both[:len(both)-len(value)]
	}
}

// newAttribute is attribute for a short name that no attribute of the event has.
func newAttribute(ev *schemas.Event, name, value string) {
	if value == "" || value == "-" || len(ev.Attributes) >= maxAttributes {
		return
	}
	if ev.Attributes == nil {
		ev.Attributes = make(map[string]string, 8)
	}
	if len(value) > maxAttributeValue {
		value = clip(value, maxAttributeValue)
	}
	ev.Attributes[name] = value
}

// attributes keeps the scalars below node n under dotted names.
func (d *document) attributes(ev *schemas.Event, n int, name string, skip func(name string) bool) {
	if n == none || len(ev.Attributes) >= maxAttributes || d.nodes[n].used {
		return
	}
	switch d.nodes[n].kind {
	case kindObject, kindArray:
		i := 0
		for c := d.first(n); c != none; c = d.after(n, c) {
			if d.nodes[n].kind == kindObject {
				if len(name)+len(d.nodes[c].key) <= maxAttributeName {
					d.attributes(ev, c, d.dotted(name, c), skip)
				}
				continue
			}
			if part := index(i); len(name)+len(part) <= maxAttributeName {
				d.attributes(ev, c, d.names.dotted(name, part), skip)
			}
			i++
		}
	case kindString, kindNumber, kindTrue, kindFalse:
		if skip == nil || !skip(name) {
			attribute(ev, name, d.nodes[n].str)
		}
	case kindNull:
	}
}

// cutByte is strings.Cut for a byte, at half its cost.
func cutByte(s string, c byte) (before, after string, found bool) {
	if i := strings.IndexByte(s, c); i >= 0 {
		return s[:i], s[i+1:], true
	}
	return s, "", false
}

func index(i int) string {
	const small = "0123456789"
	if i < len(small) {
		return small[i : i+1]
	}
	return strconv.Itoa(i) // allocates from 100 on
}

// addOnce appends v to list when it is not empty, not in it, and there is room.
func addOnce(list []string, v string, limit int) []string {
	if v == "" || len(list) >= limit {
		return list
	}
	for _, have := range list {
		if have == v {
			return list
		}
	}
	return append(list, v)
}

// httpOutcome sorts an HTTP status (RFC 9110).
func httpOutcome(status uint32) schemas.Outcome {
	switch {
	case status == 401 || status == 403:
		return schemas.Outcome_OUTCOME_DENIED
	case status >= 400:
		return schemas.Outcome_OUTCOME_ERROR
	case status > 0:
		return schemas.Outcome_OUTCOME_SUCCESS
	}
	return schemas.Outcome_OUTCOME_UNSPECIFIED
}

// first returns the first of its arguments that is not empty.
func first(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// address returns s as an IP address in its usual form, without port, zone and
// leading zeros, or "" when it is none.
func address(s string) string {
	if s == "" || s == "-" || isLetter(s[0]) && strings.IndexByte(s, ':') < 0 {
		return ""
	}
	if plainIPv4(s) {
		return s
	}
	if !addressLike(s) {
		return ""
	}
	// Most addresses are in their usual form already, and stay part of the record.
	host := s
	if i := strings.LastIndexByte(s, ':'); i > 0 && digits(s[i+1:]) >= 0 {
		if plainIPv4(s[:i]) {
			return s[:i]
		}
		if s[0] == '[' && s[i-1] == ']' {
			host = s[1 : i-1]
		}
	}
	if a, err := netip.ParseAddr(host); err == nil {
		var buf [64]byte
		if a = a.Unmap().WithZone(""); string(a.AppendTo(buf[:0])) == host {
			return host
		}
		return a.String()
	}
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap().WithZone("").String()
	}
	if a, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return a.Unmap().WithZone("").String()
	}
	parts := strings.Split(s, ".")
	if len(parts) != 4 {
		return ""
	}
	for i, part := range parts {
		if part = strings.TrimLeft(part, "0"); part == "" {
			part = "0"
		}
		parts[i] = part
	}
	if s = strings.Join(parts, "."); plainIPv4(s) {
		return s
	}
	return ""
}

// addressLike rules out most of what is no address without the cost of an
// error: it has colons or three dots, and but for a zone only digits of hex.
func addressLike(s string) bool {
	colons, dots := 0, 0
	for i := range len(s) {
		switch c := s[i]; {
		case c == ':':
			colons++
		case c == '.':
			dots++
		case isDigit(c) || c|0x20 >= 'a' && c|0x20 <= 'f' || c == '[' || c == ']':
		case c == '%':
			return colons > 0
		default:
			return false
		}
	}
	return colons > 0 || dots == 3
}

// plainIPv4 reports whether s is a dotted quad without leading zeros.
func plainIPv4(s string) bool {
	if len(s) < 7 || len(s) > 15 {
		return false
	}
	i := 0
	for part := 0; ; part++ {
		if i >= len(s) {
			return false
		}
		v := s[i] - '0'
		if v > 9 {
			return false
		}
		if i++; v > 0 && i < len(s) && s[i]-'0' <= 9 {
			n := int(v)*10 + int(s[i]-'0')
			if i++; i < len(s) && s[i]-'0' <= 9 {
				if n = n*10 + int(s[i]-'0'); n > 255 {
					return false
				}
				i++
			}
		}
		if part == 3 {
			return i == len(s)
		}
		if i >= len(s) || s[i] != '.' {
			return false
		}
		i++
	}
}

// maxEventID bounds an id taken from the log, in bytes; AWS writes 36.
const maxEventID = 128

// setID keeps the source's own id of the record, if it can be one.
func setID(ev *schemas.Event, id string) {
	if id != "" && len(id) <= maxEventID {
		ev.Id = id
	}
}

// setSource keeps the caller's address, or what the source writes in its place.
func setSource(ev *schemas.Event, name, v string) {
	if ev.SrcIp = address(v); ev.SrcIp == "" {
		attribute(ev, name, v)
	}
}

// setStatus keeps an HTTP status; what is none says nothing.
func setStatus(ev *schemas.Event, s string) {
	if v := count(s); v < 1000 {
		ev.StatusCode = uint32(v)
	}
}

// anywhere takes back a region that is none, so that no rule about regions is
// broken by it.
func anywhere(ev *schemas.Event) {
	if ev.Region == "global" {
		ev.Region = ""
		attribute(ev, "location", "global")
	}
}

// isUUID recognises the text form of RFC 9562, in either case.
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if i == 8 || i == 13 || i == 18 || i == 23 {
			if c != '-' {
				return false
			}
		} else if !isDigit(c) && (c|0x20 < 'a' || c|0x20 > 'f') {
			return false
		}
	}
	return true
}

// hostName returns host without its port, in lower case.
func hostName(host string) string {
	plain := len(host) <= 255
	for i := 0; i < len(host) && plain; i++ {
		c := host[i]
		plain = c >= 'a' && c <= 'z' || c >= '-' && c <= '9' // letters, digits, dots and dashes, and no colon
	}
	if plain {
		return host
	}
	if i := strings.LastIndexByte(host, ':'); i > 0 && digits(host[i+1:]) >= 0 && (strings.IndexByte(host, ':') == i || host[i-1] == ']') {
		host = host[:i]
	}
	return clip(strings.ToLower(host), 255)
}

// micros reads a duration of the given number of microseconds a unit; what is
// negative, no number or longer than a year is 0.
func micros(s string, unit float64) uint64 {
	v, ok := decimal(s)
	if !ok {
		v = number(s)
	}
	if v <= 0 || v*unit > 365*86400*1e6 {
		return 0
	}
	return uint64(v*unit + 0.5)
}

// decimal reads digits with at most one point among them, 15 bytes at most: both
// the digits and the power of ten are exact in a float64 then, and so is their
// quotient to the last bit, as strconv has it (W. D. Clinger, How to read floating
// point numbers accurately, 1990).
func decimal(s string) (v float64, ok bool) {
	if len(s) > 15 {
		return 0, false
	}
	whole, scale := uint64(0), 0.0
	for i := range len(s) {
		switch c := s[i]; {
		case isDigit(c):
			whole, scale = whole*10+uint64(c-'0'), scale*10
		case c == '.' && scale == 0:
			scale = 1
		default:
			return 0, false
		}
	}
	if scale <= 1 {
		return float64(whole), scale == 0 && s != ""
	}
	return float64(whole) / scale, true
}

// maxCount is how many digits of a count fit into 64 bits.
const maxCount = 19

// count reads a number of up to maxCount digits; anything else is 0.
func count(s string) (v uint64) {
	if len(s) > maxCount {
		return 0
	}
	for i := range len(s) {
		if !isDigit(s[i]) {
			return 0
		}
		v = v*10 + uint64(s[i]-'0')
	}
	return v
}
