package detect

import (
	"slices"
	"strconv"
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

// runner is on what a job ran, as far as a log tells: hosted by the provider or by
// the organisation itself, its group, labels and name.
type runner struct {
	class, group, name string
	labels             [maxRunnerLabels]string // sorted
	many               int                     // of labels
}

// The classes of runners.
const (
	runnerHosted = "hosted by the provider"
	runnerOwn    = "self-hosted"
)

// The claims and fields in which logs name runners: tokens of GitHub and GitLab, as
// AWS and others log them, GitHub's audit log and its webhooks.
var (
	runnerEnvironments = [...]string{
		"runner_environment", "session.webIdentity.token.actions.githubusercontent.com:runner_environment", "session.webIdentity.gitlab.com:runner_environment",
		"session.webIdentity.runner_environment",
	}
	runnerGroups = [...]string{"runner_group_name", "workflow_job.runner_group_name", "runner_group"}
	runnerNames  = [...]string{"runner_name", "workflow_job.runner_name"}
	runnerLabels = [...]string{"runner_labels", "workflow_job.labels"}
)

// fewRunners is up to how many jobs whose runner is known tell nothing.
const fewRunners = 20

// maxRunnerLabels bounds the labels of a runner that are looked at.
const maxRunnerLabels = 10

// labelKeys are the attributes of lists of labels, made once.
var labelKeys = func() (out [len(runnerLabels)][maxRunnerLabels]string) {
	for i, list := range runnerLabels {
		for k := range out[i] {
			out[i][k] = list + "." + strconv.Itoa(k)
		}
	}
	return out
}()

// runnerOf reads the runner of a call; ok is false where the log names none.
func runnerOf(ev *schemas.Event) (r runner, ok bool) {
	if len(ev.Attributes) == 0 {
		return r, false
	}
	first := func(keys []string) string {
		for _, key := range keys {
			if v := ev.Attributes[key]; v != "" {
				return v
			}
		}
		return ""
	}
	environment := first(runnerEnvironments[:])
	r.group, r.name = first(runnerGroups[:]), first(runnerNames[:])
	for i, list := range runnerLabels {
		for k := range labelKeys[i] {
			v := ev.Attributes[labelKeys[i][k]]
			if v == "" {
				break
			}
			r.label(v)
		}
		if v := ev.Attributes[list]; v != "" && r.many == 0 { // one text
			for more := true; more; {
				end := strings.IndexAny(v, ", ")
				if more = end >= 0; !more {
					end = len(v)
				}
				if end > 0 {
					r.label(v[:end])
				}
				v = v[min(len(v), end+1):]
			}
		}
	}
	if environment == "" && r.group == "" && r.name == "" && r.many == 0 {
		return r, false
	}
	slices.Sort(r.labels[:r.many])
	r.class = r.whose(environment)
	return r, true
}

// label adds a label, while there is room.
func (r *runner) label(s string) {
	if r.many < len(r.labels) {
		r.labels[r.many] = s
		r.many++
	}
}

// whose is the class of a runner, "" where nothing tells. A label of its own alone
// is no provider's: runners of one's own can be without the label self-hosted, as
// those of Actions Runner Controller's scale sets are.
func (r *runner) whose(environment string) string {
	switch environment {
	case "self-hosted":
		return runnerOwn
	case "":
	default:
		return runnerHosted
	}
	hosted := r.group == "GitHub Actions"
	for _, label := range r.labels[:r.many] {
		if strings.EqualFold(label, "self-hosted") {
			return runnerOwn
		}
		hosted = hosted || isHostedLabel(label)
	}
	if hosted {
		return runnerHosted
	}
	return ""
}

// isHostedLabel recognises the labels of GitHub's own runners.
func isHostedLabel(label string) bool {
	for _, system := range [...]string{"ubuntu-", "windows-", "macos-"} {
		if len(label) > len(system) && strings.EqualFold(label[:len(system)], system) {
			return true
		}
	}
	return false
}

// appendStem appends a runner's name without what tells one of a kind from another:
// the parts that have a digit. Of a name that has no other parts, all of it.
func appendStem(b []byte, name string) []byte {
	start := len(b)
	for rest := name; rest != ""; {
		end := strings.IndexAny(rest, "-_ .")
		if end < 0 {
			end = len(rest)
		}
		if part := rest[:end]; part != "" && !strings.ContainsAny(part, "0123456789") {
			if len(b) > start {
				b = append(b, '-')
			}
			b = append(b, part...)
		}
		rest = rest[min(len(rest), end+1):]
	}
	if len(b) == start {
		return append(b, name...)
	}
	return b
}

// String is the runner in a sentence, and what the profile knows it by.
func (r *runner) String() string { return string(r.append(nil)) }

// append appends String.
func (r *runner) append(b []byte) []byte {
	part := func() {
		if len(b) > 0 {
			b = append(b, " / "...)
		}
	}
	for _, s := range [...]string{r.class, r.group} {
		if s != "" {
			part()
			b = append(b, s...)
		}
	}
	for i, label := range r.labels[:r.many] {
		if i == 0 {
			part()
		} else {
			b = append(b, ',')
		}
		b = append(b, label...)
	}
	if r.name != "" {
		part()
		b = appendStem(b, r.name)
	}
	return b
}

// runner looks up on what the job of a call ran. Few events say so.
func (c *Call) runner(p *Profile) {
	if r, ok := runnerOf(c.Event); ok {
		var buf [256]byte
		c.look(p, Runner, hashBytes(Runner, r.append(buf[:0])))
	}
}

// onAnotherRunner finds a job on a runner of another kind than ever: of the
// organisation's own where the provider's ran all of them is a finding, other labels,
// another group or name is evidence.
func onAnotherRunner(c *Cell, p *Profile, call *Call, out *Findings) {
	ev := call.Event
	r, ok := runnerOf(ev)
	if !ok || valuesOf(c, p, Runner) >= Runner.limit() {
		return
	}
	class := Sight{State: Known}
	if r.class != "" {
		class = call.See(p, Runner, r.class)
	}
	s, rarity := c.Novelty(p, call, Runner)
	if s == 0 || p.Observations(Runner) < fewRunners { // else the log has only begun to name them
		return
	}
	have, of := others(c, p, call, Runner)
	f := Finding{
		Way: WayFused, Severity: schemas.SeverityLow, Surprise: s, Value: "runner " + clip(r.String(), 150),
		Did: "was used by a job on another runner",
		Sentence: who(ev) + " called " + ev.Operation + touched(ev) + origin(ev) + " for a job whose runner is " + clip(r.String(), 160) + ". Such a runner was " +
			rarity + inPeers(p, have, of, "run there") + ".",
		Observed: clip(r.String(), 120), Expected: "the runners seen before", Rarity: rarity,
	}
	if class.State == Unseen {
		f.Severity = schemas.SeverityMedium
		f.Did = "was used by a job on a runner that is " + r.class
		if r.class == runnerOwn && s >= strongSurprise && p.Observations(Runner) >= matureCalls && peersElsewhere*have <= of && mature(p, call) && !call.Backfill {
			f.Way = WayStrong
		}
	}
	out.Add(f)
}
