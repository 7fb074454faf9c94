package detect

import (
	"slices"
	"strings"

	"github.com/lapwing-sec/lapwing/detect/capability"
	"github.com/lapwing-sec/lapwing/schemas"
)

// violations calls found for each violation of the event that names detector.
// The enricher evaluated the policies and attached them, so the log alone
// decides the verdict.
func violations(ev *schemas.Event, detector string, found func(v *schemas.Violation)) {
	for _, v := range ev.GetDeclared().GetViolations() {
		if v.GetDetector() == detector {
			if once := eachOnce(v.GetExpected()); once != v.GetExpected() {
				v = &schemas.Violation{Detector: v.GetDetector(), Observed: v.GetObserved(), Expected: once}
			}
			found(v)
		}
	}
}

// eachOnce leaves out of a list what stands before in it: "a, b" of "a, b, a".
func eachOnce(list string) string {
	if !strings.Contains(list, ", ") {
		return list
	}
	var out []string
	for _, s := range strings.Split(list, ", ") {
		if !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return strings.Join(out, ", ")
}

// policyFinding words a broken policy. did is the title's end; what follows the
// identity's name and the call in the sentence.
func policyFinding(call *Call, v *schemas.Violation, value, did, what string) Finding {
	ev := call.Event
	f := Finding{
		Refused: call.Denied, Value: value, Did: did,
		Sentence: who(ev) + " called " + ev.Operation + touched(ev) + origin(ev) + ended(call) + ": " + what + ".",
		Observed: v.GetObserved(), Expected: "only " + v.GetExpected(),
	}
	if call.Can.Set.Any(capability.Grave) && call.Success {
		f.Severity = schemas.SeverityHigh
	}
	return f
}

// or is s, or other when s is empty.
func or(s, other string) string {
	if s != "" {
		return s
	}
	return other
}
