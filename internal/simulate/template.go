package simulate

import (
	"strconv"
	"strings"
)

// variable is a place in a template.
type variable uint8

const (
	varNone variable = iota
	varBucket
	varKey
	varPrefix
	varRegion
	varAccount
	varStem
	varTeam
	varEnv
	varCluster
	varTable
	varQueue
	varSecret
	varKMS
	varInstance
	varVolume
	varSnapshot
	varImage
	varUUID
	varHex8
	varHex17
	varHex32
	varKey13
	varKey16
	varKey17
	varNumber
	varDate
	varDollar
	varObject // gateways: a number of this identity's objects
	varObjectUUID
	varSlug
	varPage
	varDay
)

// Longer names stand before their prefixes.
var variableNames = []struct {
	name string
	v    variable
}{
	{"$bucket", varBucket}, {"$cluster", varCluster}, {"$prefix", varPrefix}, {"$region", varRegion}, {"$secret", varSecret}, {"$hex17", varHex17}, {"$hex32", varHex32},
	{"$KEY13", varKey13}, {"$KEY16", varKey16}, {"$KEY17", varKey17}, {"$table", varTable}, {"$queue", varQueue}, {"$acct", varAccount}, {"$stem", varStem}, {"$team", varTeam},
	{"$inst", varInstance}, {"$snap", varSnapshot}, {"$uuid", varUUID}, {"$hex8", varHex8}, {"$date", varDate}, {"$env", varEnv}, {"$kms", varKMS}, {"$vol", varVolume},
	{"$img", varImage}, {"$key", varKey}, {"$$", varDollar}, {"$n", varNumber},
}

var pathVariables = []struct {
	name string
	v    variable
}{{"{n}", varObject}, {"{u}", varObjectUUID}, {"{s}", varSlug}, {"{p}", varPage}, {"{d}", varDay}}

// template is literal text and variables in turn.
type template []segment

type segment struct {
	text string
	v    variable
}

func parseTemplate(s string) template {
	var out template
	start := 0
	for i := 0; i < len(s); {
		if s[i] != '$' {
			i++
			continue
		}
		matched := false
		for _, n := range variableNames {
			if strings.HasPrefix(s[i:], n.name) {
				out = append(out, segment{text: s[start:i], v: n.v})
				i += len(n.name)
				start, matched = i, true
				break
			}
		}
		if !matched {
			i++
		}
	}
	if start < len(s) {
		out = append(out, segment{text: s[start:]})
	}
	return out
}

func parsePath(s string) template {
	var out template
	for s != "" {
		at, v, n := -1, varNone, 0
		for _, p := range pathVariables {
			if i := strings.Index(s, p.name); i >= 0 && (at < 0 || i < at) {
				at, v, n = i, p.v, len(p.name)
			}
		}
		if at < 0 {
			out = append(out, segment{text: s})
			break
		}
		out = append(out, segment{text: s[:at], v: v})
		s = s[at+n:]
	}
	return out
}

func appendUint(dst []byte, v uint64) []byte { return strconv.AppendUint(dst, v, 10) }

const (
	hexDigits = "0123456789abcdef"
	keyDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
)

func appendHex(dst []byte, h uint64, n int) []byte {
	for i := 0; i < n; i++ {
		if i > 0 && i%16 == 0 {
			h = hash(h)
		}
		dst = append(dst, hexDigits[h>>(4*(i%16))&15])
	}
	return dst
}

func appendKeyDigits(dst []byte, h uint64, n int) []byte {
	for i := 0; i < n; i++ {
		if i > 0 && i%12 == 0 {
			h = hash(h)
		}
		dst = append(dst, keyDigits[h>>(5*(i%12))&31])
	}
	return dst
}

// appendUUID writes a version 4 uuid.
func appendUUID(dst []byte, h uint64) []byte {
	lo := hash(h, 1)
	dst = appendHex(dst, h, 8)
	dst = append(dst, '-')
	dst = appendHex(dst, h>>32, 4)
	dst = append(dst, '-', '4')
	dst = appendHex(dst, h>>48, 3)
	dst = append(dst, '-', "89ab"[lo&3])
	dst = appendHex(dst, lo>>2, 3)
	dst = append(dst, '-')
	return appendHex(dst, lo>>14, 12)
}

var (
	bucketSuffixes = []string{"-raw", "-data", "-export", "-archive"}
	keyStems       = []string{"events", "orders", "snapshots", "facts", "sessions", "items"}
	secretSuffixes = []string{"/db", "/api-token", "/redis", "/smtp", "/signing", "/oauth-client", "/webhook", "/replica"}
	slugs          = []string{"red-shoes", "lamp", "desk-oak", "garden-hose", "mug", "tent-2p", "kettle", "rug-wool", "bike-light", "backpack", "vase", "phone-case", "usb-c", "drill", "paint-white", "pillow"}
)

// scope is what the variables of one call are read from. Every variable is a
// function of the call's salt, so that it has one value all over a record.
type scope struct {
	id     *identity
	salt   uint64
	day    int64 // days since 1970
	region string
	object uint64 // a fixed object number plus one; 0 draws one
	fleet  *Fleet
}

// skewed draws from 0..n-1, the first ones far more often.
func skewed(h uint64, n uint64) uint64 {
	u := unit(h)
	return uint64(u*u*u*float64(n)) % n
}

func (s *scope) append(dst []byte, t template) []byte {
	for i := range t {
		dst = append(dst, t[i].text...)
		if t[i].v != varNone {
			dst = s.appendVariable(dst, t[i].v)
		}
	}
	return dst
}

func (s *scope) appendVariable(dst []byte, v variable) []byte {
	h := hash(s.salt, uint64(v))
	own := s.id.seed
	switch v {
	case varBucket:
		dst = append(dst, "harborline-"...)
		dst = append(dst, s.id.stem...)
		return append(dst, bucketSuffixes[skewed(h, 4)]...)
	case varKey:
		dst = append(dst, keyStems[h%uint64(len(keyStems))]...)
		dst = append(dst, "/dt="...)
		dst = appendDay(dst, s.day-int64(skewed(h>>8, 5))) //nolint:gosec // below 5
		dst = append(dst, "/part-"...)
		n := h >> 20 % 400
		dst = append(dst, '0', byte('0'+n/100), byte('0'+n/10%10), byte('0'+n%10))
		return append(dst, ".parquet"...)
	case varPrefix:
		dst = append(dst, keyStems[h%uint64(len(keyStems))]...)
		dst = append(dst, "/dt="...)
		return appendDay(dst, s.day)
	case varRegion:
		return append(dst, s.region...)
	case varAccount:
		return append(dst, s.id.account...)
	case varStem:
		return append(dst, s.id.stem...)
	case varTeam:
		return append(dst, s.id.team...)
	case varEnv:
		return append(dst, s.id.env...)
	case varCluster:
		dst = append(dst, s.id.env...)
		return append(dst, "-main"...)
	case varTable:
		dst = append(dst, s.id.stem...)
		return append(dst, [...]string{"-items", "-state", "-locks"}[skewed(h, 3)]...)
	case varQueue:
		dst = append(dst, s.id.stem...)
		return append(dst, "-jobs"...)
	case varSecret:
		dst = append(dst, s.id.env...)
		dst = append(dst, '/')
		if s.id.secrets > uint16(len(secretSuffixes)) { //nolint:gosec // a short table
			// A synchroniser reads the secrets of many services.
			n := h % uint64(s.id.secrets)
			dst = append(dst, domains[n/8%uint64(len(domains))]...)
			return append(dst, secretSuffixes[n%8]...)
		}
		dst = append(dst, s.id.stem...)
		return append(dst, secretSuffixes[skewed(h, uint64(max(1, s.id.secrets)))]...)
	case varKMS:
		return appendUUID(dst, hash(own, 5))
	case varInstance:
		dst = append(dst, "i-0"...)
		return appendHex(dst, hash(own, 6, skewed(h, 40)), 16)
	case varVolume:
		dst = append(dst, "vol-0"...)
		return appendHex(dst, hash(own, 7, h%24), 16)
	case varSnapshot:
		dst = append(dst, "snap-0"...)
		return appendHex(dst, h, 16)
	case varImage:
		return appendHex(dst, hash(own, 8), 17)
	case varUUID:
		return appendUUID(dst, h)
	case varHex8:
		return appendHex(dst, h, 8)
	case varHex17:
		return appendHex(dst, hash(own, 9, h%5), 17)
	case varHex32:
		return appendHex(dst, h, 32)
	case varKey13:
		return appendKeyDigits(dst, hash(own, 10), 13)
	case varKey16:
		return appendKeyDigits(dst, h, 16)
	case varKey17:
		return appendKeyDigits(dst, hash(own, 11), 17)
	case varNumber:
		return appendUint(dst, 100+h%900)
	case varDate, varDay:
		return appendDay(dst, s.day)
	case varDollar:
		return append(dst, '$')
	case varObject:
		if s.object > 0 {
			return appendUint(dst, s.object-1)
		}
		return appendUint(dst, 100000+own%700000+skewed(h, 30000))
	case varObjectUUID:
		return appendUUID(dst, hash(own, 12, skewed(h, 20000)))
	case varSlug:
		return append(dst, slugs[skewed(h, uint64(len(slugs)))]...)
	case varPage:
		return appendUint(dst, 1+skewed(h, 40))
	case varNone:
	}
	return dst
}
