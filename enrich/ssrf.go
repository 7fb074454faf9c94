package enrich

import (
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// metadataHosts are names and addresses under which clouds tell a machine its
// credentials (the providers' documentation of instance metadata).
var metadataHosts = []string{
	"169.254.169.254", "169.254.170.2", "169.254.170.23", "100.100.100.200", "192.0.0.192", "fd00:ec2::254", "fd00:ec2::23",
	"metadata.google.internal", "metadata.goog", "metadata.azure.com", "metadata.azure.internal", "instance-data",
}

// maxParameters bounds how many query parameters of one call are looked at.
const maxParameters = 64

// judgeParameters appends a violation when a query parameter holds the address
// of a metadata service or of the inside: somebody has the service call it.
func judgeParameters(ev *schemas.Event, d *schemas.Declared) {
	if ev.HttpMethod == "" || len(ev.Attributes) == 0 {
		return
	}
	if query := ev.Attributes["query"]; suspicious(query) {
		n := 0
		for pair := range strings.SplitSeq(query, "&") {
			if n++; n > maxParameters {
				break
			}
			name, value, _ := strings.Cut(pair, "=")
			if where := inside(name, value); where != "" {
				violate(d, ssrfShape, clipParameter(name)+"="+where, "")
				return
			}
		}
		return
	}
	var found []string // the attributes have no order
	for key, value := range ev.Attributes {
		name, ok := strings.CutPrefix(key, "query.")
		if !ok || !suspicious(value) {
			continue
		}
		if where := inside(name, value); where != "" {
			found = append(found, clipParameter(name)+"="+where)
		}
	}
	if len(found) > 0 {
		violate(d, ssrfShape, slices.Min(found), "")
	}
}

func clipParameter(name string) string {
	const most = 64
	if len(name) > most {
		return strings.ToValidUTF8(name[:most], "") + "…"
	}
	return name
}

// suspicious settles nearly every query at once: it holds no URL and no
// address of a metadata service.
func suspicious(query string) bool {
	return len(query) > 6 && (strings.Contains(query, "://") || strings.Contains(query, "%3A") || strings.Contains(query, "%3a") ||
		strings.Contains(query, "169.254") || strings.Contains(query, "metadata"))
}

// inside returns the inner host that a parameter's value points at, or "".
func inside(name, value string) string {
	for range 2 { // percent-encoded, perhaps twice
		plain, err := url.QueryUnescape(value)
		if err != nil || plain == value {
			break
		}
		value = plain
	}
	host, local := value, ""
	if scheme, rest, ok := strings.Cut(value, "://"); ok {
		host = rest
		switch s := strings.ToLower(scheme); s {
		case "file", "gopher", "dict", "netdoc": // what no service has to fetch for its callers
			local = s + "://"
		}
	} else if !slices.ContainsFunc(metadataHosts, func(h string) bool { return strings.HasPrefix(value, h) }) {
		return ""
	}
	if i := strings.IndexAny(host, "/?#\\"); i >= 0 {
		host = host[:i]
	}
	host = host[strings.LastIndexByte(host, '@')+1:]
	if h, _, ok := strings.Cut(host, "]"); ok && strings.HasPrefix(h, "[") {
		host = h[1:]
	} else if h, _, ok := strings.Cut(host, ":"); ok && strings.Count(host, ":") == 1 {
		host = h
	}
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	addr, ok := looseAddress(host)
	if slices.Contains(metadataHosts, host) || ok && slices.Contains(metadataHosts, addr.String()) {
		return host
	}
	// A browser, not the service, follows where a sign-in leads back to; while
	// an application is made, that is the developer's own machine.
	if back := strings.ToLower(name); strings.Contains(back, "redirect") || strings.Contains(back, "return") || strings.Contains(back, "callback") ||
		strings.Contains(back, "next") || strings.Contains(back, "continue") || strings.Contains(back, "origin") || strings.Contains(back, "refer") {
		return ""
	}
	if local != "" {
		return local
	}
	if host == "localhost" || ok && (addr.IsLoopback() || addr.IsPrivate() || addr.IsLinkLocalUnicast() || addr.IsUnspecified()) {
		return host
	}
	return ""
}

// looseAddress reads an address in the spellings that C libraries take: fewer
// than four parts, octal, hexadecimal, one number.
func looseAddress(host string) (netip.Addr, bool) {
	if a, err := netip.ParseAddr(host); err == nil {
		return a.Unmap().WithZone(""), true
	}
	parts := strings.Split(host, ".")
	if len(parts) > 4 {
		return netip.Addr{}, false
	}
	var sum uint64
	for i, part := range parts {
		v, err := strconv.ParseUint(part, 0, 32) // 0x and 0 as C has them
		last := i == len(parts)-1
		if err != nil || strings.ContainsAny(part, "_boBO") || !last && v > 255 {
			return netip.Addr{}, false
		}
		if last {
			room := 8 * (4 - i)
			if v >= 1<<room {
				return netip.Addr{}, false
			}
			sum = sum<<room | v
			break
		}
		sum = sum<<8 | v
	}
	return netip.AddrFrom4([4]byte{byte(sum >> 24), byte(sum >> 16), byte(sum >> 8), byte(sum)}), true
}
