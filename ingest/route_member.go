package ingest

import "strings"

// isMember says that a segment names a member of the collection before it, by its
// digits (users/lena.smith168) or because it is random text, which needs less length
// there, as behind a prefix (quotes/puSoZYBoGBeVOr). A version is none, and no word
// such as 2fa-setup.
func isMember(collection, s string) bool {
	n := len(collection)
	if n < 4 || collection[n-1] != 's' || len(s) < 5 || s[0] == 'v' && isDigit(s[1]) || !hasDigit(s) && !randomPieces(s, 10) {
		return false
	}
	for _, end := range [...]string{"ss", "us", "is", "tics", "rics", "news"} { // no plurals
		if strings.HasSuffix(collection, end) {
			return false
		}
	}
	for i := range n {
		if c := collection[i]; (c < 'a' || c > 'z') && c != '-' && c != '_' {
			return false
		}
	}
	for i := range len(s) {
		if c := s[i]; !isLetter(c) && !isDigit(c) && c != '.' && c != '-' && c != '_' && c != '~' {
			return false
		}
	}
	if !hasTerms(s) {
		return true
	}
	var buf [maxRouteSize]byte
	return randomPieces(string(appendWithoutTerms(buf[:0], s)), 10)
}

// isSlug recognises the name of an object made from its title: two words or more in
// lower case and the number that tells it from others of that title (cedar-table-2).
func isSlug(s, number string) bool {
	if number == "" || len(number) != digitsIn(s) {
		return false
	}
	words := 0
	for rest := s[:len(s)-len(number)]; rest != ""; words++ {
		word, after, ok := strings.Cut(rest, "-")
		if !ok || len(word) < 3 {
			return false
		}
		for i := range len(word) {
			if !isLower(word[i]) {
				return false
			}
		}
		rest = after
	}
	return words >= 2
}
