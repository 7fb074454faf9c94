package ingest

import "strings"

// term is a well-known word with a number in it, without the number: k8s, sha256.
// What is behind the number is "" where more letters may follow (md5sum).
type term struct{ before, after string }

// termsOf are the well-known words with a number in them.
func termsOf(number string) []term {
	switch number {
	case "1":
		return terms1
	case "2":
		return terms2
	case "3":
		return terms3
	case "4":
		return terms4
	case "5":
		return terms5
	case "6":
		return terms6
	case "7":
		return terms7
	case "8":
		return terms8
	case "10":
		return terms10
	case "11":
		return terms11
	case "12":
		return terms12
	case "13":
		return terms13
	case "16":
		return terms16
	case "18":
		return terms18
	case "32":
		return terms32
	case "58", "62", "85":
		return termsBase
	case "64":
		return terms64
	case "86":
		return terms86
	case "128", "192":
		return termsAES
	case "224", "256", "384", "512", "521":
		return terms256
	case "1024", "2048", "3072", "4096":
		return termsRSA
	case "365":
		return terms365
	case "448", "25519":
		return terms25519
	case "509":
		return terms509
	case "27001":
		return terms27001
	}
	return nil
}

var (
	terms1 = []term{{"sha", ""}, {"sha-", ""}, {"oauth", ""}, {"http", ""}, {"asn", ""}, {"secp256k", ""}, {"", "password"}}
	terms2 = []term{{"", "fa"}, {"", "sv"}, {"oauth", ""}, {"http", ""}, {"h", ""}, {"ec", ""}, {"p", "p"}, {"b", "b"}, {"b", "c"}, {"m", "m"}, {"e", "e"}, {"u", "f"},
		{"fido", ""}, {"sha", ""}, {"saml", ""}, {"soc", ""}, {"argon", ""}, {"pbkdf", ""}, {"bzip", ""}}
	terms3     = []term{{"", "ds"}, {"", "dsecure"}, {"", "d"}, {"s", ""}, {"h", ""}, {"http", ""}, {"mp", ""}, {"sha", ""}, {"sha-", ""}}
	terms4     = []term{{"ipv", ""}, {"mp", ""}, {"md", ""}, {"", "xx"}}
	terms5     = []term{{"md", ""}, {"html", ""}, {"socks", ""}, {"", "g"}, {"", "xx"}}
	terms6     = []term{{"ipv", ""}}
	terms7     = []term{{"pkcs", ""}}
	terms8     = []term{{"k", "s"}, {"utf", ""}, {"utf-", ""}, {"pkcs", ""}}
	terms10    = []term{{"l", "n"}, {"icd", ""}}
	terms11    = []term{{"a", "y"}, {"pkcs", ""}}
	terms12    = []term{{"p", ""}, {"pkcs", ""}, {"tls", ""}}
	terms13    = []term{{"tls", ""}}
	terms16    = []term{{"utf", ""}, {"utf-", ""}, {"crc", ""}}
	terms18    = []term{{"i", "n"}}
	terms32    = []term{{"base", ""}, {"crc", ""}, {"utf", ""}, {"utf-", ""}, {"win", ""}, {"int", ""}}
	termsBase  = []term{{"base", ""}}
	terms64    = []term{{"base", ""}, {"crc", ""}, {"amd", ""}, {"arm", ""}, {"aarch", ""}, {"win", ""}, {"int", ""}, {"x86_", ""}}
	terms86    = []term{{"x", ""}}
	termsAES   = []term{{"aes", ""}, {"aes-", ""}}
	terms256   = []term{{"sha", ""}, {"sha-", ""}, {"aes", ""}, {"aes-", ""}, {"hs", ""}, {"rs", ""}, {"es", ""}, {"ps", ""}, {"p", ""}, {"secp", ""}}
	termsRSA   = []term{{"rsa", ""}, {"rsa-", ""}}
	terms365   = []term{{"office", ""}, {"dynamics", ""}, {"m", ""}, {"o", ""}}
	terms25519 = []term{{"ed", ""}, {"x", ""}, {"curve", ""}}
	terms509   = []term{{"x", ""}}
	terms27001 = []term{{"iso", ""}}
)

// termAt finds the well-known word, or the version, around the number s[from:to]:
// [start, end), or end 0. It begins where a word does (use-md5, useMd5), but for the
// second factors, which are also written behind a word: reset2fa.
func termAt(s string, from, to int) (start, end int) {
	if from > 0 && s[from-1]|0x20 == 'v' && to-from <= 2 && beginsWord(s, from-1) && endsWord(s, to) {
		return from - 1, to
	}
	for _, t := range termsOf(s[from:to]) {
		start, end = from-len(t.before), to+len(t.after)
		if start < 0 || end > len(s) || !strings.EqualFold(s[start:from], t.before) || !strings.EqualFold(s[to:end], t.after) {
			continue
		}
		behind := t.before == "" && (t.after == "fa" || t.after == "ds" || t.after == "sv")
		if !behind && !beginsWord(s, start) {
			continue
		}
		if endsWord(s, end) || t.after == "" && len(t.before) >= 2 && isLetter(s[end]) {
			return start, end
		}
	}
	return 0, 0
}

// beginsWord says that a word can begin at s[i].
func beginsWord(s string, i int) bool {
	return i == 0 || !isAlnum(s[i-1]) || isUpper(s[i]) && isLower(s[i-1])
}

// endsWord says that a word can end before s[i].
func endsWord(s string, i int) bool {
	return i == len(s) || !isAlnum(s[i]) || isUpper(s[i])
}

// hasTerms says that a segment has numbers, and all of them in well-known words:
// 2fa-setup, k8sCluster, list_v2_items.
func hasTerms(s string) bool {
	found := false
	for at := 0; at < len(s); {
		if !isDigit(s[at]) {
			at++
			continue
		}
		from := at
		for at < len(s) && isDigit(s[at]) {
			at++
		}
		if _, end := termAt(s, from, at); end == 0 {
			return false
		}
		found = true
	}
	return found
}

// appendWithoutTerms appends what hasTerms found no well-known words in.
func appendWithoutTerms(b []byte, s string) []byte {
	for at, kept := 0, 0; ; {
		for at < len(s) && !isDigit(s[at]) {
			at++
		}
		if at == len(s) {
			return append(b, s[kept:]...)
		}
		from := at
		for at < len(s) && isDigit(s[at]) {
			at++
		}
		start, end := termAt(s, from, at)
		b = append(b, s[kept:max(kept, start)]...)
		at = max(at, end)
		kept = at
	}
}

// isExtension recognises the kind of a file. It is a list, since what stands behind
// a dot may also be a name: users/anna22.lee.
func isExtension(s string) bool {
	if len(s) < 2 || len(s) > 7 {
		return false
	}
	switch strings.ToLower(s) {
	case "json", "jsonl", "ndjson", "geojson", "xml", "xsd", "wsdl", "yaml", "yml", "toml", "ini", "conf", "cfg", "csv", "tsv", "parquet", "avro", "orc", "proto", "sql", "db", "sqlite",
		"pdf", "doc", "docx", "xls", "xlsx", "ppt", "pptx", "odt", "ods", "odp", "rtf", "epub", "txt", "md", "log", "eml", "msg", "ics", "vcf",
		"html", "htm", "xhtml", "css", "js", "mjs", "map", "wasm", "php", "asp", "aspx", "jsp", "cgi", "rss", "atom",
		"png", "jpg", "jpeg", "gif", "svg", "webp", "avif", "heic", "ico", "bmp", "tif", "tiff", "psd", "eps", "dcm", "ttf", "otf", "woff", "woff2", "eot",
		"mp3", "mp4", "m4a", "m4v", "mov", "avi", "mkv", "webm", "wav", "ogg", "flac", "aac", "opus", "m3u8", "ts", "mpd", "vtt", "srt",
		"zip", "gz", "tgz", "tar", "bz2", "xz", "zst", "7z", "rar", "jar", "war", "whl", "gem", "deb", "rpm", "apk", "ipa", "dmg", "iso", "msi", "exe", "dll", "so", "bin", "dat", "bak", "tmp",
		"pem", "crt", "cer", "der", "csr", "key", "crl", "p12", "pfx", "jks", "asc", "sig", "gpg", "sh", "py", "rb", "ps1", "bat", "tf", "mod", "sum",
		"mvt", "pbf", "kml", "kmz", "gpx", "shp", "stl", "obj", "glb", "gltf", "dwg", "dxf", "edi", "hl7":
		return true
	}
	return false
}
