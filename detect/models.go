package detect

import (
	"strings"

	"github.com/lapwing-sec/lapwing/detect/capability"
	"github.com/lapwing-sec/lapwing/schemas"
)

// callsModel judges a call of an AI model, or one that opens access to models. An
// operation that the identity is known for is no first use, though it says only now
// that a model is behind it; and an AI agent is one by what it calls.
func callsModel(c *Cell, p *Profile, call *Call, out *Findings) {
	ev := call.Event
	agent := p.Kind() == "ai_agent" || ev.PrincipalType == "agent"
	if u, ok := judgeClass(c, p, call, capability.InvokesModel); ok && u.mature && !agent && call.Sight(Operation).State != Known {
		if u.newClass && u.of >= peersToJudgeBy && rareAmongPeers*u.have > u.of {
			u.way = WayFused // some of its like call models
		}
		if !u.newClass && u.have > 0 {
			u.have-- // itself
		}
		did := tried(call, "called AI models", "call AI models")
		if call.Can.Set.Has(capability.Administers) {
			did = tried(call, "opened access to AI models", "open access to AI models")
		}
		what := tried(call, "called", "call") + " " + ev.Operation
		if model := modelOf(ev); model != "" {
			what += " for the model " + model
		} else {
			what += touched(ev)
		}
		out.Add(u.finding(p, call, ev.Operation, did+first(u), what+placed(ev)))
		return
	}
	if c.callsMoreModels(p, call, out) {
		return
	}
	if !call.New(Model) || !call.Success || call.Backfill || call.NewCapabilities.Has(capability.InvokesModel) {
		return
	}
	s, rarity := c.Novelty(p, call, Model)
	if s == 0 {
		return
	}
	model := modelOf(ev)
	have, of := others(c, p, call, Model)
	out.Add(Finding{
		Way: WayFused, Severity: schemas.SeverityMedium, Surprise: s, Value: model, Capability: capability.InvokesModel,
		Did:      "called a new AI model, " + model,
		Sentence: who(ev) + " called the model " + model + " with " + ev.Operation + placed(ev) + origin(ev) + "; it calls models, but this one was " + rarity + inPeers(p, have, of, "call it") + ".",
		Observed: model, Expected: "the models that it called before", Rarity: rarity,
		dim: Model, hash: call.Sight(Model).hash,
	})
}

// invoked is how often an identity called AI models where no log counts tokens or
// cost, by which agent-spend judges: on its newest day, and at most on one before.
type invoked struct {
	first, day  uint16
	today, most uint32
}

// Models are called by the thousand: less is no theft, however sudden. The most of
// a day is known after invokedDays.
const (
	invokedFloor  = 1000
	invokedFactor = 5
	invokedDays   = 7
)

// on is what the counts are on a day, before a call of that day.
func (i invoked) on(day uint16) invoked {
	if day > i.day {
		i.day, i.most, i.today = day, max(i.most, i.today), 0
	}
	return i
}

// uncounted says that a call of a model tells nothing of its size.
func uncounted(call *Call) bool {
	ev := call.Event
	return call.Can.Set.Has(capability.InvokesModel) && call.Success && !call.Backfill && ev.TokensIn|ev.TokensOut|ev.CostMicros == 0
}

// callsMoreModels finds far more calls of models in a day than ever. It reports
// whether the call made it so.
func (c *Cell) callsMoreModels(p *Profile, call *Call, out *Findings) bool {
	a := c.e.asides[p.self]
	if a == nil || !uncounted(call) {
		return false
	}
	i := a.invoked.on(call.Day)
	bound := max(invokedFloor, invokedFactor*i.most)
	if i.day != call.Day || i.first == 0 || call.Day-i.first < invokedDays || i.today != bound {
		return false
	}
	ev, today := call.Event, int(i.today)+1
	out.Add(Finding{
		Way: WayStrong, Severity: schemas.SeverityMedium, Surprise: levelSurprise, Value: "models", Capability: capability.InvokesModel,
		Did: "called AI models far more often than ever",
		Sentence: who(ev) + " called AI models " + thousands(today) + " times today, the last by " + ev.Operation + placed(ev) + origin(ev) +
			". On its busiest day of " + historyOf(p, call.Time) + " it was " + thousands(int(i.most)) + ".",
		Observed: plural(today, "call") + " of AI models in a day", Expected: "at most " + thousands(int(bound)),
		Rarity: "its most in " + historyOf(p, call.Time) + " was " + thousands(int(i.most)),
	})
	return true
}

// learnInvoked counts a call of a model.
func (e *Engine) learnInvoked(p *Profile, call *Call) {
	if !uncounted(call) {
		return
	}
	a := e.aside(p)
	if call.Day < a.invoked.day {
		return
	}
	a.invoked = a.invoked.on(call.Day)
	if a.invoked.first == 0 {
		a.invoked.first = call.Day
	}
	if a.invoked.today < 1<<30 {
		a.invoked.today++
	}
}

func (e *Engine) visitInvoked(c *codec, p *Profile) {
	a := e.asides[p.self]
	has := a != nil && a.invoked != (invoked{})
	c.bool(&has)
	if !has || c.err != nil {
		return
	}
	i := &e.aside(p).invoked
	c.u16(&i.first)
	c.u16(&i.day)
	c.u32(&i.today)
	c.u32(&i.most)
}

// modelNames are the attributes in which logs name the AI model that a call is
// for: agents' and models' gateways, Amazon Bedrock, Azure OpenAI's deployments.
var modelNames = [...]string{
	"model", "requestParameters.modelId", "properties.modelName", "properties.modelDeploymentName",
}

// modelPaths are what stands before and behind the name in a path or in the name of a
// resource: Vertex AI and Gemini, Amazon Bedrock Runtime, Azure OpenAI.
var modelPaths = [...]struct{ before, behind string }{
	{"/models/", ""}, {"/openai/deployments/", ""}, {"/model/", "/invoke"}, {"/model/", "/converse"},
}

// modelOf is the AI model that a call is for, in a form of its own: without place,
// version and date; "" where the log names none.
func modelOf(ev *schemas.Event) string {
	for _, name := range modelNames {
		if v := ev.Attributes[name]; v != "" {
			return modelName(v)
		}
	}
	resource := ""
	if len(ev.Resources) > 0 {
		resource = ev.Resources[0]
	}
	for _, path := range [...]string{ev.UrlPath, resource} {
		for _, p := range modelPaths {
			i := strings.Index(path, p.before)
			if i < 0 || !strings.Contains(path[i:], p.behind) {
				continue
			}
			v := path[i+len(p.before):]
			if end := strings.IndexByte(v, '/'); end >= 0 {
				v = v[:end]
			}
			if v != "" {
				return modelName(v)
			}
		}
	}
	return ""
}

// modelPlaces begin the names of inference profiles of Amazon Bedrock, which
// answer from one of several regions.
var modelPlaces = [...]string{"us.", "eu.", "apac.", "us-gov.", "jp.", "au.", "ca.", "global."}

// modelName takes what changes with each release off a model's name: a new
// version of a model is not a new model. "us.anthropic.claude-3-5-sonnet-20240620-v1:0",
// its ARN and its older "…-20240229-v1:0" are all anthropic.claude-3-5-sonnet;
// gpt-4o-2024-08-06 is gpt-4o; ft:NAME:… and NAME@001 are NAME.
func modelName(v string) string {
	v = strings.ToLower(v[strings.LastIndexByte(v, '/')+1:])
	v = strings.TrimPrefix(v, "ft:")
	if end := strings.IndexAny(v, ":@%"); end > 0 {
		v = v[:end]
	}
	for _, place := range modelPlaces {
		if rest, ok := strings.CutPrefix(v, place); ok {
			v = rest
			break
		}
	}
	if i := strings.LastIndex(v, "-v"); i > 0 && onlyDigits(v[i+2:]) {
		v = v[:i]
	}
	// A date or a number: 20240620, 2024-08-06, 0613, 001.
	for i := strings.LastIndexByte(v, '-'); i > 0 && onlyDigits(v[i+1:]); i = strings.LastIndexByte(v, '-') {
		if n := len(v) - i - 1; n < 2 || n == 2 && !dated(v[:i]) {
			break
		}
		v = v[:i]
	}
	return clip(v, 60)
}

// dated says that what stands before a number of two digits makes it part of a
// date: a year, or a year and a month.
func dated(head string) bool {
	for range 2 {
		i := strings.LastIndexByte(head, '-')
		if i < 0 || !onlyDigits(head[i+1:]) {
			return false
		}
		if len(head)-i-1 == 4 {
			return true
		}
		head = head[:i]
	}
	return false
}

func onlyDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
