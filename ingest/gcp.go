package ingest

import (
	"strings"
)

// gcpTime sets the time of a LogEntry: when it happened, else when it came in.
func gcpTime(r *record, entry part) error {
	return r.when("timestamp", entry.at("timestamp").n, entry.at("receiveTimestamp").n)
}

// gcpPlace reads the monitored resource of a LogEntry: the project that owns
// the log, and where it is.
func gcpPlace(r *record, entry part) (project string) {
	labels := entry.at("resource", "labels")
	project = labels.text("project_id")
	if name := entry.at("logName"); project == "" && name.there() {
		if rest, ok := strings.CutPrefix(name.value(), "projects/"); ok {
			project, _, _ = strings.Cut(rest, "/")
		}
	}
	r.ev.CloudProvider = "gcp"
	r.ev.Region = first(labels.text("location"), labels.text("region"))
	if r.ev.Region == "" {
		r.ev.Region = gcpRegion(labels.text("zone"))
	}
	anywhere(r.ev)
	return project
}

// gcpRegion cuts the zone's letter off: us-central1-a lies in us-central1.
func gcpRegion(zone string) string {
	if i := len(zone) - 2; i > 2 && zone[i] == '-' && isDigit(zone[i-1]) {
		return zone[:i]
	}
	return zone
}

// gcpAccountProject returns the project of a service account, or "" where the
// address is a person's or does not show the project.
func gcpAccountProject(email string) string {
	name, host, _ := strings.Cut(email, "@")
	if project, ok := strings.CutSuffix(host, ".iam.gserviceaccount.com"); ok {
		if rest, ok := strings.CutPrefix(name, "service-"); ok && digits(rest) >= 0 {
			return "" // an agent of Google, of one of its own projects
		}
		return project
	}
	if host == "appspot.gserviceaccount.com" {
		return name
	}
	return ""
}

// gcpCode names a code of google.rpc.Status.
func gcpCode(code string) string {
	names := [...]string{
		"", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED",
		"FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
	}
	if v := digits(code); code != "" && len(code) < 3 && v >= 0 && v < len(names) {
		return names[v]
	}
	return code
}
