package detect

import (
	"strconv"
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// Bounds of the names in sentences and in titles, in bytes.
const (
	shownThing  = 120
	titledThing = 56
	// maxThings is how many resources of a call are looked at for words.
	maxThings = 16
)

// things are what a call touched, each once: some logs name one thing twice, in
// capitals and in its own spelling, by its name and its id, or with what it lies in.
func things(ev *schemas.Event) (out []string) {
	named := false
	for i, r := range ev.Resources {
		if i == maxThings {
			out = append(out, ev.Resources[i:]...)
			break
		}
		if r == "" {
			continue
		}
		have := false
		for k, o := range out {
			if have = strings.EqualFold(o, r); have {
				if o == strings.ToUpper(o) {
					out[k] = r // in its own spelling
				}
				break
			}
			if have = strings.HasPrefix(o, r+"/"); have {
				break // what another lies in
			}
		}
		if have || named && isUUID(r) {
			continue
		}
		named = named || !isUUID(r)
		out = append(out, r)
	}
	return out
}

// touched names what a call touched: " on prod/db", or nothing.
func touched(ev *schemas.Event) string {
	list := things(ev)
	switch len(list) {
	case 0:
		return ""
	case 1:
		// A route without ids is its own resource: "GET /v1/orders on /v1/orders".
		if strings.HasSuffix(ev.Operation, " "+list[0]) {
			return ""
		}
		return " on " + clipMiddle(list[0], shownThing)
	}
	return " on " + clipMiddle(list[0], shownThing) + " and " + strconv.Itoa(len(list)-1) + " more"
}

// touchedValue is what a call touched as a finding's value has it: analysts' words
// are bound to it, so that it stays as it is.
func touchedValue(ev *schemas.Event) string {
	switch len(ev.Resources) {
	case 0:
		return ""
	case 1:
		if strings.HasSuffix(ev.Operation, " "+ev.Resources[0]) {
			return ""
		}
		return " on " + clip(ev.Resources[0], 120)
	}
	return " on " + clip(ev.Resources[0], 120) + " and " + strconv.Itoa(len(ev.Resources)-1) + " more"
}

// target is the first resource of a call, else its account or host, else or.
func target(ev *schemas.Event, or string) string {
	list := things(ev)
	switch {
	case len(list) > 0 && list[0] != ev.Service:
		return clipMiddle(list[0], shownThing)
	case ev.TargetAccount != "":
		return "account " + ev.TargetAccount
	case ev.Host != "":
		return ev.Host
	}
	return or
}

// targetValue is target as a finding's value has it.
func targetValue(ev *schemas.Event) string {
	switch {
	case len(ev.Resources) > 0:
		return clip(ev.Resources[0], 160)
	case ev.TargetAccount != "":
		return "account " + ev.TargetAccount
	case ev.Host != "":
		return ev.Host
	}
	return ev.Service
}

// titled is a thing's name for a title: what stands behind the account or the
// subscription that it lies in.
func titled(name string) string {
	if parts := strings.SplitN(name, ":", 6); len(parts) == 6 && parts[0] == "arn" {
		name = parts[5]
	}
	if i := strings.LastIndexByte(name, '/'); i > 0 && len(name) > titledThing/2 {
		// The kind and the name: ".../vaults/kv-orders".
		name = name[strings.LastIndexByte(name[:i], '/')+1:]
	}
	return clipMiddle(name, titledThing)
}

// titledTarget is what a call touched for a title, or nothing.
func titledTarget(ev *schemas.Event) string {
	list := things(ev)
	if len(list) == 0 || strings.HasSuffix(ev.Operation, " "+list[0]) || list[0] == ev.Service {
		return ""
	}
	return titled(list[0])
}

// shortOperation is an operation's name for a title: the call, without the interface
// that it is of. "secretmanager:google.cloud.secretmanager.v1.SecretManagerService.
// AccessSecretVersion" is "secretmanager:AccessSecretVersion".
func shortOperation(op string) string {
	service, name, ok := strings.Cut(op, ":")
	switch {
	case !ok || strings.IndexByte(op, ' ') >= 0 && strings.IndexByte(service, ' ') < 0 && service != "entra":
		// a route, or a verb and its object
	case strings.Count(name, ".") > 1 && strings.IndexByte(name, '/') < 0 && len(name) > titledThing/2 && service != "okta":
		op = service + ":" + name[strings.LastIndexByte(name, '.')+1:]
	case strings.Count(name, "/") > 1:
		name = strings.TrimSuffix(name, "/action")
		if i := strings.LastIndexByte(name, '/'); i > 0 {
			name = name[strings.LastIndexByte(name[:i], '/')+1:]
		}
		op = service + ":" + name
	}
	return clipMiddle(op, titledThing)
}

// clipMiddle cuts s to at most n bytes and the mark of the cut, where it matters
// least: a path's or an ARN's beginning says where, its end says what.
func clipMiddle(s string, n int) string {
	if len(s) <= n {
		return s
	}
	head := n / 4
	cut := len(s) - (n - head)
	// Whole parts at the end, where there are any.
	if i := strings.IndexAny(s[cut:], "/:"); i >= 0 && i < (n-head)/2 {
		cut += i
	}
	for head > 0 && s[head]&0xC0 == 0x80 {
		head--
	}
	for cut < len(s) && s[cut]&0xC0 == 0x80 {
		cut++
	}
	return s[:head] + "…" + s[cut:]
}

// isUUID says that a name is a bare UUID, which tells a person nothing.
func isUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		switch c := s[i]; i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'f') {
				return false
			}
		}
	}
	return true
}
