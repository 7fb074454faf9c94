package detect

// Signal names a pooled tail: what is calibrated together. The numbers are
// part of the snapshot format.
type Signal uint8

// The signals.
const (
	SignalRate          Signal = iota // calls in a pane
	SignalRate3h                      // calls in 3 hours
	SignalRate24h                     // calls in 24 hours
	SignalBytes                       // bytes out in a pane
	SignalResources                   // distinct resources, given the calls
	SignalOperations                  // distinct operations, given the calls
	SignalDenied                      // refused calls, given the calls
	SignalDeniedBreadth               // distinct refused operations
	SignalNovelty                     // excess of first-seen values
	SignalDrift                       // CUSUM against the slow anchor
	SignalPlace                       // the most surprising new place of a pane
	SignalOperation                   // the most surprising new operation of a pane
	SignalTime                        // the most surprising timing of a pane
	SignalClient                      // the most surprising new client of a pane
	SignalFused2h                     // sum of family maxima over 2 hours
	SignalFused72h                    // sum of family maxima over 72 hours
	SignalSpend                       // what the calls of a pane cost
	SignalAuth                        // refused credentials, given the calls
	SignalSources                     // machines that use one credential
	SignalErrors                      // the least likely kind of failure of a pane
	SignalShape                       // the most outsized response of a pane
	SignalChurn                       // tokens taken, given the calls
	SignalPeers                       // distance from the peers' centre
	signals
	// SignalCold marks a verdict by the peers' distribution, already calibrated.
	SignalCold Signal = 255
)

var signalNames = [signals]string{
	"call rate", "call rate over 3 h", "call rate over 24 h", "bytes out", "distinct resources", "distinct operations",
	"refused calls", "distinct refused operations", "new values", "drift", "new place", "new operation", "timing", "new client", "combined evidence over 2 h", "combined evidence over 72 h",
	"cost", "refused credentials", "machines on one credential", "kinds of failures", "size of responses", "tokens taken", "distance from peers",
}

// String is the signal's name in a sentence.
func (s Signal) String() string {
	if s < signals {
		return signalNames[s]
	}
	return "unknown"
}
