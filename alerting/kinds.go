package alerting

import (
	"fmt"
	"strings"
)

// Kind is a row of the table of sinks.
type Kind struct {
	Name string
	// Title says what it is, for --help and the docs.
	Title string
	// Effects says what a destination of this kind sees after a crash.
	Effects string
	// OnCall kinds get pages and closings only.
	OnCall bool
	// Forgets: the destination keeps open alerts in memory only, so they are
	// put again while they are open. One that remembers must not get them: who
	// has resolved an incident there would be paged anew.
	Forgets bool

	check func(Destination) error
	open  func(Destination) (Sink, error)
}

// Kinds lists every sink, one file each. ClickHouse is a destination too; it
// is wired beside these because its writer lives with the migrations.
func Kinds() []Kind {
	return []Kind{
		{"file", "NDJSON appended to a file", "at least once; id and version in each line", false, false, checkFile, openFile},
		{"webhook", "HTTP POST signed per Standard Webhooks", "at least once; webhook-id is alert id and version", false, false, checkWebhook, openWebhook},
		{"splunk-hec", "Splunk HTTP Event Collector", "at least once; id and version in the event", false, false, checkHEC, openHEC},
		{"syslog", "RFC 5424 over TCP or TLS, CEF or OCSF payload", "at least once; id and version in the message", false, false, checkSyslog, openSyslog},
		{"alertmanager", "Prometheus Alertmanager API v2", "once per alert id (label alert_id)", true, true, checkAlertmanager, openAlertmanager},
		{"pagerduty", "PagerDuty Events API v2", "once per alert id (dedup_key)", true, false, checkPagerDuty, openPagerDuty},
	}
}

func kindOf(name string) (Kind, bool) {
	for _, k := range Kinds() {
		if k.Name == name {
			return k, true
		}
	}
	return Kind{}, false
}

func kindNames() []string {
	var names []string
	for _, k := range Kinds() {
		names = append(names, k.Name)
	}
	return names
}

// Open validates d and makes its sink. It does not connect: a destination that
// is down must not keep the process from starting.
func Open(d Destination) (Sink, error) {
	if err := d.Validate(); err != nil {
		return nil, fmt.Errorf("destination %q: %w", d.Name, err)
	}
	k, _ := kindOf(d.Kind)
	s, err := k.open(d)
	if err != nil {
		return nil, fmt.Errorf("destination %q: %w", d.Name, err)
	}
	return s, nil
}

// IsOnCall reports whether destinations of that kind get pages and closings only.
func IsOnCall(kind string) bool {
	k, ok := kindOf(strings.ToLower(kind))
	return ok && k.OnCall
}

// Forgets reports whether open alerts must be repeated to destinations of that
// kind.
func Forgets(kind string) bool {
	k, ok := kindOf(strings.ToLower(kind))
	return ok && k.Forgets
}
