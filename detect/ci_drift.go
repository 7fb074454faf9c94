package detect

import (
	"strings"

	"github.com/lapwing-sec/lapwing/schemas"
)

var ciDriftCard = Meta{
	Name: "ci-drift", Title: "A pipeline's token from another job", Basis: Learned, Family: FamilyClient, Way: WayConsequence,
	Severity: schemas.SeverityMedium, Wake: OnNew(Pipeline, Repository, Federation, Runner),
	MinSample: "learned (7 active days, or 200 calls below 1% novelty); alone: " + matureSample + "; outside a job, and on a runner of one's own: 100 calls for which a pipeline's provider vouched, or whose runner the log names",
	Floor:     "one accepted call; alone: a repository that never used the identity, no more than 3 known, and fewer than 3 peers that it uses; or a session for which the provider of all its jobs does not vouch, as of no more than a quarter of its peers; as the fleet's other wonders allow: a runner of one's own where the provider's ran all of its jobs",
	Kept:      "one slot of 8 bytes a repository and one for each (repository, ref), 16 of each, and one for each provider; of each kind of runner that the log names, 16",
	Model:     "Good-Turing novelty rate of the subject's repository and ref, of who vouches for its sessions, and of its runners (whose they are, group, labels, name without numbers); pull requests and tags are one ref each",
	Attacks:   []schemas.Technique{{UID: "T1195.002", Name: "Compromise Software Supply Chain"}},
	NHI:       []string{"NHI6:2025"}, API: []string{"API2:2023"}, NIST: nistActivity, PCI: []string{"6.2.1", "10.4.1.1"},
	FirstChecks: []string{
		"Open the run that the token names: who started it, from which commit?",
		"Read the role's trust policy: does it name repository and branch, or everybody's?",
		"Revoke what the job got, then narrow the subject that may have it.",
	},
}

// ciDrift watches the subject of a pipeline's token (OpenID Connect): which
// repository and ref the job belongs to, who vouches for it, and on whose runner it
// ran. Another branch is
// evidence; another repository under the same identity is a finding, and so is a
// call outside any job: by a session that came about in another way.
type ciDrift struct{ arrivalOnly }

const (
	// fewRepositories is up to how many repositories a further one is news by itself.
	fewRepositories = 3
	// Who vouches where the log names no provider but the job's subject, and where
	// nobody does.
	vouchedByJob = "job"
	unvouched    = "\x00nobody"
	federatedBy  = "session.federatedProvider"
)

// Meta implements Detector.
func (ciDrift) Meta() *Meta { return &ciDriftCard }

// subject finds the claim in which a pipeline's token names its job:
// "repo:OWNER/NAME:ref:REF", "project_path:GROUP/NAME:ref_type:branch:ref:REF".
func subject(ev *schemas.Event) string {
	for _, s := range [...]string{ev.Principal, ev.SessionId, ev.Workload} {
		if isSubject(s) {
			return s
		}
	}
	if len(ev.Attributes) == 0 {
		return ""
	}
	for _, key := range subjectKeys {
		if s := ev.Attributes[key]; isSubject(s) {
			return s
		}
	}
	return ""
}

var subjectKeys = [...]string{
	"session.webIdentity.token.actions.githubusercontent.com:sub", "session.webIdentity.gitlab.com:sub", "session.webIdentity.sub", "subject", "sub", "oidc_sub",
}

func isSubject(s string) bool {
	return len(s) > 8 && (strings.HasPrefix(s, "repo:") || strings.HasPrefix(s, "project_path:")) && strings.IndexByte(s, '/') > 0
}

// job cuts a subject into repository and ref. Numbers of pull requests and names
// of tags are left out: they are new each time.
func job(subject string) (repository, ref string) {
	_, rest, _ := strings.Cut(subject, ":")
	repository, ref, _ = strings.Cut(rest, ":")
	switch {
	case strings.Contains(ref, "refs/tags/") || strings.Contains(ref, "ref_type:tag"):
		ref = "tags"
	case strings.Contains(ref, "pull_request") || strings.Contains(ref, "refs/pull/") || strings.Contains(ref, "merge_request"):
		ref = "pull requests"
	}
	return repository, ref
}

// pipeline looks up the job behind a call. Only pipelines' calls are looked at.
func (c *Call) pipeline(p *Profile) {
	ev := c.Event
	if ev.IdentityKind != "ci_pipeline" && p.observed[Repository] == 0 && ev.PrincipalType != "WebIdentityUser" {
		if ev.Format == "github" {
			c.runner(p) // a bot's workflows
		}
		return
	}
	c.runner(p)
	sub := subject(ev)
	switch by := ev.Attributes[federatedBy]; {
	case by != "":
		c.sight(p, Federation, by)
	case sub != "":
		c.sight(p, Federation, vouchedByJob)
	case p.observed[Federation] > 0 && ev.CredentialType == "session" && len(ev.Delegation) == 0:
		c.sight(p, Federation, unvouched)
	}
	if sub == "" {
		return
	}
	repository, ref := job(sub)
	c.sight(p, Repository, repository)
	c.look(p, Pipeline, hashNumber(Pipeline, uint64(hashValue(Pipeline, ref))<<32|uint64(hashValue(Repository, repository))))
}

// Observe implements Detector.
func (ciDrift) Observe(c *Cell, p *Profile, call *Call, out *Findings) {
	ev := call.Event
	if !call.Success || p.Human() {
		return
	}
	if call.New(Federation) && p.observed[Federation] > 0 && outsideJob(c, p, call, out) {
		return
	}
	if call.New(Runner) {
		onAnotherRunner(c, p, call, out)
	}
	repository, ref := job(subject(ev))
	if call.New(Repository) {
		s, rarity := c.Novelty(p, call, Repository)
		if s == 0 {
			return
		}
		f := Finding{
			Way: WayFused, Severity: schemas.SeverityMedium, Surprise: s, Value: clip(repository, 120),
			Did: "was used by a job of another repository, " + clip(repository, 80),
			Sentence: who(ev) + " called " + ev.Operation + touched(ev) + origin(ev) + " for a job of " + clip(repository, 120) + " (" + clip(ref, 80) +
				"). That repository was " + rarity + ".",
			Observed: "a job of " + clip(repository, 120), Expected: "the repositories seen before", Rarity: rarity,
		}
		have, _ := others(c, p, call, Repository)
		if mature(p, call) && !call.Backfill && valuesOf(c, p, Repository) <= fewRepositories && have < usedByPeers {
			f.Way = WayConsequence
			if changesSomething(call) {
				f.Severity = schemas.SeverityHigh
			}
		}
		out.Add(f)
		return
	}
	if !call.New(Pipeline) || call.Sight(Repository).State == Absent || valuesOf(c, p, Pipeline) >= Pipeline.limit() {
		return
	}
	s, rarity := c.Novelty(p, call, Pipeline)
	if s == 0 {
		return
	}
	out.Add(Finding{
		Way: WayFused, Severity: schemas.SeverityLow, Surprise: s, Value: clip(repository+" "+ref, 160),
		Did: "was used by another kind of job, " + clip(ref, 80),
		Sentence: who(ev) + " called " + ev.Operation + touched(ev) + origin(ev) + " for a job of " + clip(repository, 120) + " on " + clip(ref, 80) +
			"; such a job was " + rarity + ".",
		Observed: "a job on " + clip(ref, 80), Expected: "the refs seen before", Rarity: rarity,
	})
}

// outsideJob finds a session for which a pipeline's provider does not vouch, of an
// identity that only its jobs used until now. It reports whether it found one.
func outsideJob(c *Cell, p *Profile, call *Call, out *Findings) bool {
	ev := call.Event
	by := ev.Attributes[federatedBy]
	jobs := c.e.look(p, Federation, hashValue(Federation, vouchedByJob), call.Day).State != Unseen
	if by == "" && subject(ev) != "" || by != "" && valuesOf(c, p, Federation) == btoi(jobs) {
		return false // the log has only begun to name the provider, or does so at times
	}
	s, rarity := c.Novelty(p, call, Federation)
	if s == 0 {
		return false
	}
	have, of := others(c, p, call, Federation)
	f := Finding{
		Way: WayFused, Severity: schemas.SeverityMedium, Surprise: s, Value: "outside a job",
		Did: "was used outside its jobs",
		Sentence: who(ev) + " called " + ev.Operation + touched(ev) + origin(ev) + " in a session for which no pipeline vouches: it was taken in another way than by a job. That was " +
			rarity + inPeers(p, have, of, "are used so") + ".",
		Observed: "a session without a job", Expected: "sessions of jobs", Rarity: rarity,
	}
	if by != "" {
		f.Value, f.Did = clip(by, 120), "was used by a job of another provider"
		f.Sentence = who(ev) + " called " + ev.Operation + touched(ev) + origin(ev) + " in a session for which " + clip(by, 120) + " vouches. That provider was " +
			rarity + inPeers(p, have, of, "use it") + "."
		f.Observed, f.Expected = clip(by, 120), "the providers seen before"
	}
	if s >= strongSurprise && p.Observations(Federation) >= matureCalls && peersElsewhere*have <= of && mature(p, call) && !call.Backfill {
		f.Way = WayConsequence
		if changesSomething(call) {
			f.Severity = schemas.SeverityHigh
		}
	}
	out.Add(f)
	return true
}
