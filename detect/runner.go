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
	labels             []string
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
			r.labels = append(r.labels, v)
		}
		if v := ev.Attributes[list]; v != "" && len(r.labels) == 0 { // one text
			r.labels = strings.FieldsFunc(v, func(c rune) bool { return c == ',' || c == ' ' })
			r.labels = r.labels[:min(len(r.labels), maxRunnerLabels)]
		}
	}
	if environment == "" && r.group == "" && r.name == "" && len(r.labels) == 0 {
		return r, false
	}
	slices.Sort(r.labels)
	switch {
	case environment == "self-hosted" || environment == "" && slices.Contains(r.labels, "self-hosted"):
		r.class = runnerOwn
	case environment != "" || len(r.labels) > 0:
		r.class = runnerHosted
	}
	r.name = stem(r.name)
	return r, true
}

// stem is a runner's name without what tells one of a kind from another: the parts
// that have a digit. Of a name that has no other parts, all of it.
func stem(name string) string {
	parts := strings.FieldsFunc(name, func(c rune) bool { return c == '-' || c == '_' || c == ' ' || c == '.' })
	kept := slices.DeleteFunc(slices.Clone(parts), func(s string) bool { return strings.ContainsAny(s, "0123456789") })
	if len(kept) == 0 {
		return name
	}
	return strings.Join(kept, "-")
}

// String is the runner in a sentence, and what the profile knows it by.
func (r runner) String() string {
	var b strings.Builder
	for _, s := range [...]string{r.class, r.group, strings.Join(r.labels, ","), r.name} {
		if s == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteString(" / ")
		}
		b.WriteString(s)
	}
	return b.String()
}

// runner looks up on what the job of a call ran. Few events say so.
func (c *Call) runner(p *Profile) {
	if r, ok := runnerOf(c.Event); ok {
		c.sight(p, Runner, r.String())
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
