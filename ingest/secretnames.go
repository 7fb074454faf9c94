package ingest

import "strings"

// secrecy is what a name says of the value that it names.
type secrecy uint8

const (
	public secrecy = iota
	maybe          // secret when the value looks like one: "key", "code"
	secret         // always
)

// secretSuffixes end the names of secrets, after lower-casing and without
// anything but letters and digits, by last letter.
var secretSuffixes = func() (t [256][]string) {
	for _, s := range []string{
		"password", "passwd", "pwd", "passphrase", "passcode", "passwords",
		"secret", "clientsecrets", "secretstring", "secretbinary", "secretvalue", "secrettext", "secretdata", "secrethash",
		"token", "tokenvalue", "tokenstring", "jwt", "assertion", "codeverifier", "devicecode", "authorization", "authcode", "bearer",
		"apikey", "apikeys", "secretkey", "privatekey", "accesskey", "authkey", "subscriptionkey", "functionskey", "sharedkey", "signingkey", "masterkey", "encryptionkey", "hostkey", "appkey", "applicationkey", "accountkey", "encryptioncustomerkey", "ssecustomerkey", "apikeyvalue",
		"keymaterial", "keydata", "dockercfg", "dockerconfigjson", "privatekeypem", "certificateprivatekey",
		"signature", "cookie", "cookies", "samlresponse", "samlrequest", "connectionstring",
		"secretkeybase", "sshkey", "hmackey", "enckey", "storagekey", "recoverycodes", "backupcodes", "cvv",
		"securevalue", "kubeconfig", "kubeconfigs", "licensekey",
		"accesskeysecret", "otp", "otpcode", "mfacode", "tokencode", "sessionkey",
	} {
		c := s[len(s)-1]
		t[c] = append(t[c], s)
	}
	return t
}()

// secretNames are secret only as whole names.
var secretNames = map[string]secrecy{
	"sig": secret, "pass": secret, "creds": secret, "pin": secret, "csrf": secret, "xsrf": secret, "sessionid": secret, "sid": secret,
	"phpsessid": secret, "jsessionid": secret, "aspsessionid": secret, "connectsid": secret, "xauth": secret, "xsessionid": secret, "sessid": secret, "httpxsessionid": secret,
	"hmac": secret, "plaintext": secret, "xamzsignature": secret, "xgoogsignature": secret, "authcookie": secret, "sessioncookie": secret,
	"key": maybe, "code": maybe, "auth": maybe, "session": maybe, "credential": maybe, "k": maybe, "t": maybe, "state": maybe, "nonce": maybe,
	"hash": maybe, "apitoken": secret, "xkey": maybe, "credentials": maybe, "httpxkey": maybe, "accesstokens": secret,
	"certdata": secret, "primarykey": maybe, "secondarykey": maybe,
	"refreshtokens": secret, "apitokens": secret, "authtokens": secret, "sessiontokens": secret, "bearertokens": secret,
}

// secretWords are secret as the last word of a name: too short to be one's end,
// as in bypass.
var secretWords = [...]string{"pass", "pw", "psw", "psk"}

// endsInWord reports whether name ends in a word of secretWords, behind a
// separator or with a capital behind a small letter: db_pass, dbPass.
func endsInWord(name string) bool {
	for _, w := range secretWords {
		at := len(name) - len(w)
		if at < 0 || !strings.EqualFold(name[at:], w) {
			continue
		}
		if at == 0 || !isLetter(name[at-1]) || name[at] < 'a' && name[at-1] >= 'a' {
			return true
		}
	}
	return false
}

// publicNames end like secrets but are none: places in a list, labels,
// policies, counts.
var publicNames = map[string]bool{
	"nexttoken": true, "continuationtoken": true, "nextcontinuationtoken": true, "paginationtoken": true, "pagetoken": true, "nextpagetoken": true,
	"startingtoken": true, "clienttoken": true, "clientrequesttoken": true, "idempotencytoken": true, "creationtoken": true,
	"minimumpasswordlength": true, "maxpasswordage": true, "passwordreuseprevention": true, "passwordlastused": true, "passwordlastchanged": true,
	"resultsignature": true, // of Azure Monitor: what came of a call
	"hashedtoken":     true, // GitHub's own SHA-256 of a token, by which one is searched for
	"idempotencykey":  true, "passwordstdin": true, "passwordfile": true, "passwordexpirypolicy": true, "passwordresetrequired": true,
}

// maxName bounds what is looked at of a name: some are judged once for each of
// thousands of values beside them.
const maxName = 256

// nameSecrecy judges a JSON key, a header, a query parameter or a variable by
// its name. It looks at the last 64 letters and digits only.
func nameSecrecy(name string) secrecy {
	if len(name) < 1 {
		return public
	}
	if len(name) > maxName {
		name = name[len(name)-maxName:]
	}
	// Digits at the end are numbering (password2), brackets those of a form.
	end := len(name)
	for end > 0 && !isLetter(name[end-1]) {
		end--
	}
	if end > 2 && end < len(name) && name[end-1]|0x20 == 'v' && !isAlnum(name[end-2]) {
		for end--; end > 0 && !isLetter(name[end-1]); { // api_key_v2
			end--
		}
	}
	if end == 0 || plainEnding(name, end) {
		return public
	}
	if endsInWord(name[:end]) {
		return secret
	}
	var buf [64]byte
	n := len(buf)
	for i := end - 1; i >= 0 && n > 0; i-- {
		c := name[i]
		if c >= 'A' && c <= 'Z' {
			c += 'a' - 'A'
		}
		if isLetter(c) || c >= '0' && c <= '9' {
			n--
			buf[n] = c
		}
	}
	norm := buf[n:]
	for _, s := range secretSuffixes[norm[len(norm)-1]] {
		if len(norm) >= len(s) && string(norm[len(norm)-len(s):]) == s {
			if publicNames[string(norm)] {
				return public
			}
			return secret
		}
	}
	if len(norm) <= 16 {
		if s := secretNames[string(norm)]; s != public {
			return s
		}
	}
	if len(norm) > 6 && string(norm[:6]) == "cookie" && name[0]|0x20 == 'c' {
		return secret // $cookie_NAME of nginx
	}
	if len(norm) > 5 && containsPassw(norm) && !publicNames[string(norm)] {
		return secret
	}
	return public
}

// endings are the last two letters of all names that may be secret.
var endings = func() (t [26 * 26]bool) {
	add := func(name string) {
		if n := len(name); n >= 2 {
			t[int(name[n-2]-'a')*26+int(name[n-1]-'a')] = true
		}
	}
	for _, list := range secretSuffixes {
		for _, s := range list {
			add(s)
		}
	}
	for s := range secretNames {
		add(s)
	}
	for _, s := range secretWords {
		add(s)
	}
	return t
}()

// plainEnding settles most names by their last two letters, at a fifth of the
// cost of the full test.
func plainEnding(name string, end int) bool {
	if end < 2 {
		return false
	}
	switch c := name[end-2]; {
	case isLetter(c):
		if endings[int(c|0x20-'a')*26+int(name[end-1]|0x20-'a')] {
			return false
		}
	case !isDigit(c): // a digit and a letter, as in a time, end no secret's name
		return false
	}
	for i := range end {
		if c := name[i] | 0x20; c == 'w' || c == 'k' && i >= 3 && i <= 12 {
			return false // passw…, cookie…
		}
	}
	return true
}

func containsPassw(b []byte) bool {
	for i := 0; i+5 <= len(b); i++ {
		if b[i] == 'p' && string(b[i:i+5]) == "passw" {
			return true
		}
	}
	return false
}

func isSpace(c byte) bool  { return c == ' ' || c == '\t' || c == '\n' || c == '\r' }
func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
func isAlnum(c byte) bool  { return isLetter(c) || isDigit(c) }

// maxOpaque bounds what is looked at as a credential.
const maxOpaque = 4096

// opaque reports whether s looks like a random credential rather than a word,
// a number or a path: 16 or more of the characters of base64url and hex, with
// letters and digits among them.
func opaque(s string) bool {
	if len(s) < 16 || len(s) > maxOpaque {
		return false
	}
	letters, digits := false, false
	for i := range len(s) {
		switch c := s[i]; {
		case isLetter(c):
			letters = true
		case isDigit(c):
			digits = true
		case c == '-' || c == '_' || c == '+' || c == '=' || c == '~':
		default:
			return false
		}
	}
	return letters && digits
}

// schemes are the first words of an Authorization value; what follows is
// hashed without them, so that a key has one hash wherever it is presented.
var schemes = []string{"bearer", "basic", "token", "apikey", "key", "digest", "negotiate", "ntlm", "aws4-hmac-sha256", "hmac", "hawk", "dpop", "signature"}

// manyParts reports whether a scheme is followed by several parameters, of
// which more than the first is secret.
func manyParts(scheme string) bool {
	switch strings.ToLower(strings.TrimSpace(scheme)) {
	case "digest", "hmac", "hawk", "signature", "aws4-hmac-sha256":
		return true
	}
	return false
}

// scheme returns the length of a leading scheme and the spaces after it.
func scheme(s string) int {
	i := strings.IndexByte(s[:min(len(s), 18)], ' ')
	if i <= 0 || i > 16 {
		return 0
	}
	for _, w := range schemes {
		if len(w) == i && strings.EqualFold(s[:i], w) {
			for i < len(s) && s[i] == ' ' {
				i++
			}
			return i
		}
	}
	return 0
}

// hidden reports whether a value under a secret name is no secret: empty,
// masked by the source, a literal, or an access key id, which only identifies.
func hidden(s string) bool {
	switch s {
	case "", "-", "true", "false", "null", "None", "HIDDEN_DUE_TO_SECURITY_REASONS", "REDACTED", "[REDACTED]", "<redacted>":
		return true
	}
	return strings.Trim(s, "*") == "" || isAccessKeyID(s)
}

// isAccessKeyID recognises the ids of AWS access keys (IAM user guide,
// "Understanding unique ID prefixes").
func isAccessKeyID(s string) bool {
	if len(s) < 16 || len(s) > 32 || s[0] != 'A' || (s[1:4] != "KIA" && s[1:4] != "SIA") {
		return false
	}
	for i := 4; i < len(s); i++ {
		if (s[i] < 'A' || s[i] > 'Z') && !isDigit(s[i]) {
			return false
		}
	}
	return true
}
