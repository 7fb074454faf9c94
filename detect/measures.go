package detect

import (
	"math"
	"strings"

	"github.com/lapwing-sec/lapwing/detect/capability"
	"github.com/lapwing-sec/lapwing/schemas"
)

// failureKinds are the kinds of failures that a pane counts apart.
const (
	failMalformed   = iota // 400, 422: the request itself
	failRefused            // 401, 403
	failMissing            // 404, 410
	failConflict           // any other 4xx
	failThrottled          // 429
	failBroken             // 500, 501
	failUnavailable        // 502 and above
	failureKinds
)

var failureNames = [failureKinds]string{"malformed request", "refusal", "missing thing", "conflict", "throttling", "internal error", "unavailable backend"}

// failureOf is the kind of a failed call, by its status, else by the words that
// clouds use.
func failureOf(ev *schemas.Event) int {
	switch s := ev.StatusCode; {
	case s == 400 || s == 422:
		return failMalformed
	case s == 401 || s == 403:
		return failRefused
	case s == 404 || s == 410:
		return failMissing
	case s == 429:
		return failThrottled
	case s >= 400 && s < 500:
		return failConflict
	case s >= 502:
		return failUnavailable
	case s >= 500:
		return failBroken
	}
	if ev.Outcome == schemas.Outcome_OUTCOME_DENIED {
		return failRefused
	}
	code := ev.ErrorCode
	has := func(words ...string) bool {
		for _, w := range words {
			if strings.Contains(code, w) {
				return true
			}
		}
		return false
	}
	switch {
	case has("NotFound", "NoSuch", "NOT_FOUND", "DoesNotExist"):
		return failMissing
	case has("Throttl", "TooMany", "LimitExceeded", "SlowDown", "RESOURCE_EXHAUSTED"):
		return failThrottled
	case has("Validation", "Malformed", "Invalid", "INVALID", "BadRequest"):
		return failMalformed
	case has("Unavailable", "UNAVAILABLE", "Timeout", "DEADLINE"):
		return failUnavailable
	case has("Internal", "INTERNAL", "Unknown", "UNKNOWN"):
		return failBroken
	}
	return failConflict
}

// failurePhrases complete "20 …".
var failurePhrases = [failureKinds]string{
	"sent a malformed request", "were refused", "asked for something that is not there", "were in conflict with what is there",
	"were throttled", "met an internal error", "found the backend unavailable",
}

// serverSide says that a kind of failure is the server's: an outage, not an
// attempt.
func serverSide(kind int) bool { return kind >= failThrottled }

// The stages of an intrusion, in their order.
const (
	stageLook = iota // who am I, what is there
	stageSecret
	stageRights
	stageAct
	stages
)

var stageNames = [stages]string{"looked around", "read secrets", "changed rights or made credentials", "took, exposed or destroyed something"}

// stageOf is the stage that a class of calls belongs to, or -1.
func stageOf(set capability.Set) int {
	switch {
	case set.Any(capability.ExportsData | capability.ExposesResource | capability.DestroysData | capability.DisablesLogging | capability.RunsCode):
		return stageAct
	case set.Any(capability.GrantsPrivilege | capability.MintsCredential | capability.ChangesTrust):
		return stageRights
	case set.Has(capability.ReadsSecret):
		return stageSecret
	case set.Any(capability.ReadsIdentities | capability.Lists):
		return stageLook
	}
	return -1
}

// tokenCalls are operations that hand out a token, by fingerprint.
var tokenCalls = func() (out [9]uint32) {
	for i, op := range [...]string{
		"sts:AssumeRole", "sts:AssumeRoleWithWebIdentity", "sts:AssumeRoleWithSAML", "sts:GetSessionToken", "sts:GetFederationToken",
		"POST /oauth/token", "POST /oauth2/token", "POST /token", "iamcredentials:GenerateAccessToken",
	} {
		out[i] = hashValue(Operation, op)
	}
	return out
}()

func handsOutToken(operation uint32) bool {
	for _, h := range tokenCalls {
		if h == operation {
			return true
		}
	}
	return false
}

// addKinds counts what an event says beyond calls and bytes: its kind of
// failure, the machine it came from, tokens, numbered objects, its stage, and
// how its response compares with the largest of its endpoint. All of it is sums,
// sets and extremes: the order of events changes nothing.
func (p *Pane) addKinds(ev *schemas.Event, call *Call) {
	if call.Denied || call.Failed {
		p.Failures[failureOf(ev)]++
	} else if handsOutToken(call.sights[Operation].hash) {
		p.Issued++
	}
	if k := call.sights[Credential].hash; k != 0 && call.Success {
		usedFrom(&p.oneKey, &p.Sources, ev, call)
		if temporary(ev) {
			p.Sessions.Add(k)
		}
	}
	if n := len(ev.Resources); n > 0 {
		if x, ok := objectNumber(ev.Resources[n-1]); ok {
			if p.numbered == 0 {
				p.low, p.high = x, x
			}
			p.low, p.high = min(p.low, x), max(p.high, x)
			p.numbered++
		}
	}
	p.Stages |= call.stage
	if call.outsized > p.outsized || call.outsized > 0 && call.outsized == p.outsized && p.outsizedBy.after(ev) {
		p.outsized = call.outsized
		p.outsizedBy.take(ev)
	}
}

// usedFrom counts the machine of a call with a credential: of the credential with
// the least fingerprint, so that no order of calls changes the count.
func usedFrom(key *uint32, machines *Sketch, ev *schemas.Event, call *Call) {
	k := call.sights[Credential].hash
	if k < *key || *key == 0 {
		*key, *machines = k, Sketch{}
	}
	if k != *key {
		return
	}
	if ev.Workload != "" {
		machines.Add(hashValue(Attested, ev.Workload))
	} else if h := call.sights[Address].hash; h != 0 {
		machines.Add(h)
	}
}

// taken is how many tokens the pane shows: those used, or those handed out.
func (p *Pane) taken() float64 { return math.Max(p.Sessions.Count(), float64(p.Issued)) }

// objectNumber is the number that ends a resource's name: 1234 of
// "/v1/orders/1234". Longer than 15 digits is no number but an id.
func objectNumber(name string) (x uint64, ok bool) {
	i := len(name)
	for i > 0 && name[i-1] >= '0' && name[i-1] <= '9' {
		i--
	}
	if i == len(name) || len(name)-i > 15 {
		return 0, false
	}
	for _, c := range []byte(name[i:]) {
		x = x*10 + uint64(c-'0')
	}
	return x, true
}

// The ways in which a pane can have gone.
const (
	ranWell = iota + 1
	ranBadly
)

// learnHour notes the hour of a pane, and how it went.
func (s *statistics) learnHour(p *Pane) {
	h := int(mod(hourOf(p.Number), 24))
	if s.hours[h] == 1<<8-1 {
		for i := range s.hours {
			s.hours[i] -= s.hours[i] / 2 // rounded up: a rare hour is not forgotten
		}
	}
	s.hours[h]++
	s.lastRun = ranWell
	if p.Errors+p.Denied > 0 {
		s.lastRun = ranBadly
	}
}

// learnWeekday notes the day of the week of a day that is over.
func (s *statistics) learnWeekday() {
	d := s.day % 7
	if s.weekdays[d] == 1<<8-1 {
		for i := range s.weekdays {
			s.weekdays[i] -= s.weekdays[i] / 2 // rounded up, as hours are
		}
	}
	s.weekdays[d]++
}

// codeUnit is one in the shares of failures.
const codeUnit = 1<<16 - 1

// learnCodes moves the shares of the kinds of failures by a sixty-fourth.
func (s *statistics) learnCodes(p *Pane) {
	if p.Calls == 0 {
		return
	}
	for i, n := range p.Failures {
		if n == 0 && s.codes[i] == 0 {
			continue
		}
		old := float64(s.codes[i]) / codeUnit
		share := math.Min(float64(n)/float64(p.Calls), 1)
		gain := 1 / math.Min(float64(s.judged)+1, 64)
		// Rounded up, so that what was seen once is not called never seen.
		s.codes[i] = uint16(math.Min(math.Ceil((old+float64(gain*(share-old)))*codeUnit), codeUnit)) //nolint:gosec // within 0..codeUnit
	}
}
