package ingest

import "strings"

// presentedPrefix is what hashPrefix becomes where a log has it already. It is
// as long, so that places in a record stay.
const presentedPrefix = "HMAC:"

// hashDigits is how many digits of hex a hash has behind its prefix.
const hashDigits = 32

// hexDigits says which bytes they are made of.
var hexDigits = func() (t [256]bool) {
	for _, c := range []byte("0123456789abcdef") {
		t[c] = true
	}
	return t
}()

// presentedHashes spells the hashes that stand in text as it came in another
// way. Redaction keeps what looks like one of its hashes, for it meets its own
// again (a line in a string in JSON is searched twice); a hash that a log brings
// along was chosen by somebody, who may have read it in an alert and wants to
// appear as its owner.
//
// A hash ends in 32 digits of hex: so every 32nd byte is looked at only, unless one
// may be there. Searching for its prefix takes twice as long in a record of JSON,
// where half the words have an h.
func presentedHashes(s string) string {
	var b []byte
	for i := len(hashPrefix) + hashDigits - 1; i < len(s); i += hashDigits {
		if !hexDigits[s[i]] {
			continue
		}
		start := i
		for i-start < hashDigits-1 && hexDigits[s[start-1]] {
			start--
		}
		if at := start - len(hashPrefix); s[start-1] == ':' && hashAt(s, at) {
			if b == nil {
				b = []byte(s)
			}
			copy(b[at:], presentedPrefix)
		}
	}
	if b == nil {
		return s
	}
	return string(b)
}

// decodedHashes is presentedHashes for text from which a layer of encoding was
// taken off. The hashes that from shows as they are were put there by redaction
// (presentedHashes saw the rest) and survive the decoding; if there are more
// now, somebody hid one.
func decodedHashes(text, from string) string {
	if !strings.Contains(text, hashPrefix) || hashes(text) == hashes(from) {
		return text
	}
	return presentedHashes(text)
}

// hashes counts what looks like one of ours.
func hashes(s string) (n int) {
	for {
		at := strings.Index(s, hashPrefix)
		if at < 0 {
			return n
		}
		if hashAt(s, at) {
			n++
		}
		s = s[at+1:]
	}
}

func hashAt(s string, at int) bool {
	end := at + len(hashPrefix) + 32
	return end <= len(s) && isHash(s[at:end])
}
