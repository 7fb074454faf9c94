package ingest

import "strings"

// jwt finds the compact serialisation of RFC 7515 and RFC 7516: base64url
// parts joined by dots, the first one an object ("eyJ").
func jwt(s string, start int) (int, int) {
	i, parts := start, 0
	for {
		for i < len(s) && tokenByte(s[i]) {
			i++
		}
		parts++
		if parts == 5 || i+1 >= len(s) || s[i] != '.' || !tokenByte(s[i+1]) {
			break
		}
		i++
	}
	if i-start < 16 {
		return 0, 0
	}
	return start, i
}

// sessionToken finds a session token of AWS by how they begin at i.
func sessionToken(s string, i int, prefix string) (start, end int) {
	if i < 0 || !strings.HasPrefix(s[i:], prefix) || i > 0 && isAlnum(s[i-1]) {
		return 0, 0
	}
	for end = i; end < len(s) && (tokenByte(s[end]) || strings.IndexByte("+/=", s[end]) >= 0); end++ {
	}
	if end-i < 40 {
		return 0, 0
	}
	return i, end
}

// webhooks are addresses whose last part is the secret that lets one post.
var webhooks = []string{".slack.com/services/", ".slack.com/workflows/", ".com/api/webhooks/", ".office.com/webhook"}

// webhook finds the secret in the address of an incoming webhook whose host
// has its dot at i: the last segment of its path.
func (m *memo) webhook(s string, i int) (start, end int) {
	for _, w := range webhooks {
		if !strings.HasPrefix(s[i:], w) {
			continue
		}
		for end = i + len(w); end < len(s) && (tokenByte(s[end]) || s[end] == '/' || s[end] == '@'); end++ {
		}
		m.work += end - i
		start = i + 1 + strings.LastIndexByte(s[i:end], '/')
		if end-start >= 16 && !strings.HasPrefix(s[end:], ":") {
			return start, end
		}
	}
	return 0, 0
}

// tokenPrefixes are the published prefixes of providers' secrets, by the byte
// at which each is recognised: its last, or the z of AIza.
var tokenPrefixes = func() (t [256][]string) {
	for _, p := range []string{
		"ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "gldt-", "glrt-", "xoxb-", "xoxp-", "xoxa-", "xoxr-", "xoxs-", "xapp-",
		"sk_live_", "sk_test_", "rk_live_", "rk_test_", "whsec_", "sk-", "npm_", "pypi-", "hf_", "dop_v1_", "doo_v1_", "shpat_", "shpss_", "dapi-",
		"hvs.", "ya29.", "SG.", "lin_api_", "pat_", "AIz", "figd_", "sntrys_", "dckr_pat_", "pscale_tkn_", "PMAK-", "NRAK-", "atlasv1_", "sq0csp-", "EAAA_",
		"glptt-", "glft-", "glimt-", "glagent-", "glcbt-", "glsoat-", "gloas-", "xoxc-", "xoxd-", "xoxe-", "hvb.", "hvr.", "glsa_", "glc_", "tskey-", "dp.st.", "dp.pt.", "dp.ct.", "dp.sa.",
		"gsk_", "xai-", "nvapi-", "pplx-", "r8_", "pcsk_", "lsv2_", "AGE-SECRET-KEY-", "xkeysib-", "sbp_", "ntn_", "pul-", "sgp_", "shpca_", "shppa_", "rubygems_",
	} {
		c := p[len(p)-1]
		t[c] = append(t[c], p)
	}
	return t
}()

// prefixPairs holds, by the last byte of a prefix, the two bytes that stand before
// it, of each the five low bits: that settles nearly every dash, dot and
// underscore of a log with one look.
var prefixPairs = func() (t [256]*[1 << 10]bool) {
	for last, list := range tokenPrefixes {
		for _, p := range list {
			if t[last] == nil {
				t[last] = new([1 << 10]bool)
			}
			t[last][pairOf(p, len(p)-1)] = true
		}
	}
	return t
}()

// pairOf is the place in a table of prefixPairs of the two bytes before s[i].
func pairOf(s string, i int) int { return int(s[i-1]&31)<<5 | int(s[i-2]&31) }

// prefixed finds a token by the well-known prefix that ends at i.
func prefixed(s string, i int) (start, end int) {
	if !prefixEnds(s, i) {
		return 0, 0
	}
	for _, p := range tokenPrefixes[s[i]] {
		start = i + 1 - len(p)
		if start < 0 || s[start:i+1] != p || start > 0 && (isAlnum(s[start-1]) || s[start-1] == '-' || s[start-1] == '_') {
			continue
		}
		// A random token shows a letter and a digit early; one that does not is
		// not searched to its end.
		letters, numbers := false, false
		for end = i + 1; end < len(s) && (tokenByte(s[end]) || s[end] == '.') && (end-i < 64 || letters && numbers); end++ {
			letters = letters || isLetter(s[end])
			numbers = numbers || isDigit(s[end])
		}
		if letters && numbers && end-i > 16 {
			return start, end
		}
	}
	return 0, 0
}

// privateKey finds a PEM block of a private key, to its end or the text's.
func privateKey(s string, i int) (start, end int) {
	line := s[i:min(len(s), i+64)]
	if !strings.Contains(line, "PRIVATE KEY") && !strings.Contains(line, "PRIVATE+KEY") {
		return 0, 0
	}
	if e := strings.Index(s[i:], "-----END"); e >= 0 {
		if f := strings.Index(s[i+e+8:], "-----"); f >= 0 {
			return i, i + e + 8 + f + 5
		}
	}
	return i, len(s)
}

const awsSecretSize = 40

// awsSecretShape recognises a text that is as a whole like an AWS secret
// access key: 40 characters of base64 with both cases and digits, no SHA-1.
func awsSecretShape(s string) bool {
	upper, lower, digit, slash := false, false, false, 0
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'A' && c <= 'Z':
			upper = true
		case c >= 'a' && c <= 'z':
			lower = true
		case isDigit(c):
			digit = true
		case c == '/':
			slash++
		case c == '+':
		default:
			return false
		}
	}
	return upper && lower && digit && slash <= 3
}
