package ingest

import (
	"bytes"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"unicode/utf8"
)

// envelope returns the node inside object n that holds the records, where the
// object is one of the usual envelopes, or none. Whether it is one, or a
// record that looks like it, is for the format to say.
func (d *document) envelope(n int) int {
	if d.traits&isEnvelope == 0 {
		return none // no key of one is in the whole document
	}
	for c := d.first(n); c != none; c = d.after(n, c) {
		if d.nodes[c].is&isEnvelope == 0 {
			continue
		}
		kind := d.nodes[c].kind
		switch d.nodes[c].key {
		case "Records", "records", "items", "value", "logEvents", "entries", "events", "result", "logs":
			// CloudTrail in S3, Azure diagnostics, lists of Kubernetes and of
			// Google Workspace, Microsoft Graph, CloudWatch Logs subscriptions,
			// Slack, Okta, Cloudflare's API, Auth0's log streams
			if kind == kindArray {
				return c
			}
		case "data":
			if events := d.get(c, "events"); events != none && d.nodes[events].kind == kindArray {
				return events // Okta event hook
			}
			if kind == kindArray && (d.get(n, "has_more") != none || d.text(d.get(n, "object")) == "list") {
				return c // a page of OpenAI's or Anthropic's API
			}
			if kind == kindObject && d.get(n, "specversion") != none {
				return c // CloudEvents
			}
		case "properties":
			if log := d.get(c, "log"); log != none && d.nodes[log].kind == kindString && d.get(n, "category") != none {
				return log // Azure Monitor, of what AKS logs
			}
		case "detail":
			if kind == kindObject && d.get(n, "detail-type") != none {
				return c // EventBridge
			}
		case "log", "message", "MESSAGE", "body", "_raw", "@message", "Message", "textPayload", "line":
			// Docker's json-file, Fluent Bit, Filebeat, Vector, journald, Splunk,
			// CloudWatch Logs, SNS, Google Cloud Logging, Loki
			if kind == kindString && d.nodes[c].str != "" {
				return c
			}
			if data := d.get(c, "data"); data != none && d.nodes[data].kind == kindString {
				return data // Pub/Sub push
			}
			if kind == kindObject {
				return c
			}
		case "event", "jsonPayload":
			if kind == kindObject || kind == kindString && d.nodes[c].str != "" {
				return c // Splunk HEC, Google Cloud Logging
			}
		}
	}
	return none
}

// envelopeKey reports whether envelope knows the key.
func envelopeKey(key string) bool {
	switch key {
	case "Records", "records", "items", "value", "logEvents", "entries", "events", "result", "logs", "data", "properties", "detail",
		"log", "message", "MESSAGE", "body", "_raw", "@message", "Message", "textPayload", "line", "event", "jsonPayload":
		return true
	}
	return false
}

// batch reports whether node n holds several records.
func (d *document) batch(n int) bool {
	if d.nodes[n].kind == kindArray {
		return true
	}
	inner := d.envelope(n)
	return inner != none && d.nodes[inner].kind == kindArray
}

// enclosed returns the text in node n of an envelope; of Pub/Sub, which comes
// in base64.
func (d *document) enclosed(n int) (string, error) {
	text := strings.TrimSpace(d.nodes[n].str)
	if parent := int(d.nodes[n].parent); d.nodes[n].key == "data" && parent != none && d.nodes[parent].key == "message" {
		b, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return "", errors.New("message.data: not base64")
		}
		text = strings.TrimSpace(presentedHashes(cleanText(b)))
	}
	return text, nil
}

// bytes returns the text of node n as it stands in the source.
func (d *document) bytes(n int) []byte {
	start, end := d.nodes[n].start, d.nodes[n].end
	if d.raw != nil {
		return d.raw[start:end]
	}
	return []byte(d.src[start:end])
}

// isDirective recognises a line that describes those below it (W3C extended
// log file format, as CloudFront writes it); it is no record.
func isDirective(line []byte) bool {
	if len(line) == 0 || line[0] != '#' {
		return false
	}
	for _, word := range []string{"#Version:", "#Fields:", "#Software:", "#Date:", "#Start-Date:", "#End-Date:", "#Remark:"} {
		if bytes.HasPrefix(line, []byte(word)) {
			return true
		}
	}
	return false
}

const fieldsDirective = "#Fields:"

// maxFieldsLine bounds a #Fields line, which goes along with every record. Forty
// names take 700 bytes.
const maxFieldsLine = 4 << 10

// ownOrder reports whether a directive says in which order the fields of the
// lines below it stand, and returns the line, or "" for the usual order and for
// one that is too long to go along.
func ownOrder(directive []byte) (fields string, ok bool) {
	rest, ok := bytes.CutPrefix(directive, []byte(fieldsDirective))
	if !ok {
		return "", false
	}
	if len(directive) > maxFieldsLine || slices.Equal(fieldNames(string(rest)), cloudFrontStandard[:]) {
		return "", true
	}
	return cleanText(directive), true
}

// fieldNames are the names in a #Fields line, behind its first word.
func fieldNames(s string) []string {
	return strings.FieldsFunc(strings.TrimPrefix(s, fieldsDirective), func(r rune) bool { return r == ' ' || r == '\t' || r == ',' || r == ';' || r == '|' || r == '\r' })
}

// unwrapLine takes off what container runtimes, syslog and journald put before
// a line.
func unwrapLine(line string) string {
	if bareLine(line) {
		return line
	}
	for range maxWraps {
		line = strings.TrimSpace(line)
		rest := unwrapCRI(line)
		if rest == line {
			rest = unwrapSyslog(line)
		}
		if rest == line || rest == "" {
			return line
		}
		line = rest
	}
	return line
}

// bareLine settles most lines by a few of their bytes: those of an access log begin
// with an address.
func bareLine(line string) bool {
	n := len(line)
	return n > 16 && line[0] > ' ' && line[0] < utf8.RuneSelf && line[n-1] > ' ' && line[n-1] < utf8.RuneSelf &&
		line[0] != '<' && line[3] != ' ' && line[4] != '-'
}

// unwrapCRI takes off "TIME stdout F ", which the Kubernetes container runtime
// interface puts before each line.
func unwrapCRI(line string) string {
	if len(line) < 20 || line[4] != '-' || line[10] != 'T' {
		return line
	}
	rest := line
	for i := range 3 {
		word, tail, ok := strings.Cut(rest, " ")
		if !ok || i == 1 && word != "stdout" && word != "stderr" || i == 2 && word != "F" && word != "P" {
			return line
		}
		rest = tail
	}
	return rest
}

// unwrapSyslog takes off the header of RFC 5424 or RFC 3164, with or without
// its priority, as files and journalctl show it.
func unwrapSyslog(line string) string {
	rest := line
	if rest != "" && rest[0] == '<' {
		end := strings.IndexByte(rest, '>')
		if end < 2 || end > 4 || digits(rest[1:end]) < 0 {
			return line
		}
		rest = rest[end+1:]
		if v, tail, ok := strings.Cut(rest, " "); ok && v == "1" {
			return orWhole(syslog5424(tail), line)
		}
	}
	switch {
	case len(rest) > 16 && bsdTime(rest):
		rest = rest[16:]
	case len(rest) > 20 && rest[4] == '-' && rest[7] == '-' && rest[10] == 'T':
		_, tail, ok := strings.Cut(rest, " ") // rsyslog's file format
		if !ok {
			return line
		}
		rest = tail
	default:
		return line
	}
	// HOST TAG: or HOST TAG[PID]:, and some senders leave out the host.
	for range 2 {
		word, tail, ok := strings.Cut(rest, " ")
		if !ok {
			return line
		}
		if tag, ok := strings.CutSuffix(word, ":"); ok && isTag(tag) {
			return strings.TrimLeft(tail, " ")
		}
		rest = tail
	}
	return line
}

func orWhole(s, whole string) string {
	if s == "" {
		return whole
	}
	return s
}

// syslog5424 returns the message behind TIME HOST APP PROCID MSGID SD, or "".
func syslog5424(s string) string {
	for range 5 {
		_, tail, ok := strings.Cut(s, " ")
		if !ok {
			return ""
		}
		s = tail
	}
	if tail, ok := strings.CutPrefix(s, "- "); ok {
		return strings.TrimPrefix(tail, string(bom))
	}
	for strings.HasPrefix(s, "[") {
		quoted, i := false, 1
		for ; i < len(s) && (quoted || s[i] != ']'); i++ {
			switch s[i] {
			case '\\':
				i++
			case '"':
				quoted = !quoted
			}
		}
		if i >= len(s) {
			return ""
		}
		s = s[i+1:]
	}
	return strings.TrimPrefix(strings.TrimLeft(s, " "), string(bom))
}

// bsdTime recognises "Jan  2 15:04:05 ".
func bsdTime(s string) bool {
	if s[3] != ' ' || s[6] != ' ' || s[9] != ':' || s[12] != ':' || s[15] != ' ' || !isDigit(s[5]) {
		return false
	}
	return monthOf(s[:3]) > 0
}

// isTag recognises the name of a program, with its process in brackets.
func isTag(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !isAlnum(c) && strings.IndexByte("-_./[]", c) < 0 {
			return false
		}
	}
	return true
}
