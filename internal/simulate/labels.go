package simulate

import "time"

// Kinds of labels.
const (
	KindAttack = "attack"
	KindHard   = "hard"
	// KindHousekeeping is a true fact about an identity that is no attack: a
	// credential past its rotation, an identity in no inventory.
	KindHousekeeping = "housekeeping"
)

// Label says what happened besides ordinary days, to which identity and when.
type Label struct {
	// ID is unique within a fleet.
	ID string `json:"id"`
	// Kind is attack, hard or housekeeping.
	Kind string `json:"kind"`
	// Case is the number of the use case that it belongs to; 0 for none.
	Case int `json:"case,omitempty"`
	// Name is the scenario; Title says in words what happens and what makes
	// it visible.
	Name  string `json:"name"`
	Title string `json:"title"`
	// Identity is the canonical id; Identities are all of them where a hard
	// case touches several.
	Identity   string   `json:"identity"`
	Identities []string `json:"identities,omitempty"`
	// Log is the format that an attack's calls are logged in.
	Log string `json:"log,omitempty"`
	// Network is the source: usual, known or foreign. Client is own or other.
	Network string `json:"network,omitempty"`
	Client  string `json:"client,omitempty"`
	// Visible is what sets an attack's calls apart from ordinary ones.
	Visible []string `json:"visible,omitempty"`
	// Refused says that no call of it was allowed.
	Refused bool `json:"refused,omitempty"`
	// Start and End enclose it.
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
	// Times are the exact event times of its calls, in Unix milliseconds at
	// the log's resolution, ascending.
	Times []int64 `json:"times,omitempty"`
	// Events are ids of its events, where they are known: they name a call as
	// Times do.
	Events []string `json:"events,omitempty"`
	// Silence says that what happens is that nothing does.
	Silence bool `json:"silence,omitempty"`
}

// Window is from when on and until when, exclusively, an alert may be opened that
// belongs to the label by time.
func (l *Label) Window() (opens, until time.Time) {
	slack := matchSlack
	if l.Silence {
		slack = silenceSlack
	}
	return l.Start.Add(-matchLead), l.End.Add(slack)
}

// Who are the identities that the label is about.
func (l *Label) Who() []string {
	if len(l.Identities) > 0 {
		return l.Identities
	}
	return []string{l.Identity}
}
