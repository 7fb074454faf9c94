package ingest

import "strings"

// presentedPrefix is what hashPrefix becomes where a log has it already. It is
// as long, so that places in a record stay.
const presentedPrefix = "HMAC:"

// presentedHashes spells the hashes that stand in text as it came in another
// way. Redaction keeps what looks like one of its hashes, for it meets its own
// again (a line in a string in JSON is searched twice); a hash that a log brings
// along was chosen by somebody, who may have read it in an alert and wants to
// appear as its owner.
func presentedHashes(s string) string {
	var b []byte
	for at := 0; ; at++ {
		next := strings.Index(s[at:], hashPrefix)
		if next < 0 {
			break
		}
		if at += next; hashAt(s, at) {
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
