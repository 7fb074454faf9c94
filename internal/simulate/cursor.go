package simulate

// call is one request that an identity will make.
type call struct {
	t      int64 // Unix ms
	salt   uint64
	op     *op
	run    uint64
	ip     uint32
	agent  string
	region string // other than the identity's own
	fault  fault
	size   float64 // multiplies what comes back
	script *scripted
}

// fault is why a call did not succeed.
type fault uint8

const (
	faultNone fault = iota
	faultDenied
	faultThrottled
	faultMissing
	faultInvalid
	faultServer
	faultUnauthenticated
)

// scripted is a call of a scenario: its second is its own, and what it sets
// replaces what the identity would have done.
type scripted struct {
	t       int64
	op      *op
	ip      uint32 // 0: the identity's own source
	agent   string // "": its own client
	fault   fault
	params  template // replaces the operation's parameters
	resp    template
	region  string
	account string // recipient account, or host
	object  uint64 // object number plus one
	bytes   uint64 // exact bytes out; 0 draws
	key     string // long-lived credential
	session string
}

// effect changes how an identity behaves for a time.
type effect struct {
	from, to int64
	stop     bool    // no calls at all
	rate     float64 // multiplies demand; 0 leaves it
	fail     float64 // share of calls that fail
	fault    fault
	service  int // with fail: only calls of this gateway service; -1 is all
	retries  int // a failed call is tried again up to so often
	nets     []netUse
	agent    string
	extra    *flow // further runs of this
	extraDay float64
	size     float64 // multiplies bytes out
	delay    int     // hours by which daily runs are late
	again    int     // daily runs are done again so many hours later
	catchUp  int     // daily runs do so many times the work
	region   string  // extra runs go to this region
}

// cursor walks through one identity's calls.
type cursor struct {
	id      *identity
	hour    int // last planned
	buf     []call
	pos     int
	scripts int // next scripted call
	lastSec int64
	lastOwn int64 // second of the last ordinary call
	last    call
	next    call
}

// advance sets c.next to the identity's next call, in order of time, or
// returns false. Ordinary calls are moved so that no two different operations
// share a second, and none shares one with a scripted call.
func (f *Fleet) advance(c *cursor, d *dice) bool {
	for c.pos >= len(c.buf) || c.buf[c.pos].t >= f.start+int64(c.hour+1)*hourMS {
		if c.hour+1 >= f.cfg.Days*24 {
			break
		}
		c.hour++
		f.plan(c, d)
	}
	script := c.id.script
	have := c.pos < len(c.buf)
	var own call
	if have {
		own = c.buf[c.pos]
		f.place(c, &own)
		have = own.t < f.end
	}
	if c.scripts < len(script) && (!have || script[c.scripts].t <= own.t) {
		s := &script[c.scripts]
		c.next = f.perform(c.id, s, c.scripts)
		c.scripts++
		c.lastSec = s.t / secMS
		return true
	}
	if !have {
		return false
	}
	c.pos++
	c.next, c.last = own, own
	c.lastSec = own.t / secMS
	c.lastOwn = c.lastSec
	return true
}

// place moves an ordinary call off the seconds that are taken.
func (f *Fleet) place(c *cursor, own *call) {
	sec := own.t / secMS
	same := own.op == c.last.op && own.ip == c.last.ip && own.agent == c.last.agent && own.fault == c.last.fault && own.run == c.last.run
	if c.lastOwn >= 0 && c.lastOwn == c.lastSec && sec <= c.lastSec && (same || c.lastSec-sec > 30) {
		// The same again, or so far behind that it must go along with the last.
		if !same {
			own.op, own.ip, own.agent, own.fault, own.run = c.last.op, c.last.ip, c.last.agent, c.last.fault, c.last.run
		}
		own.t = min(c.last.t+1, c.lastSec*secMS+secMS-1)
		return
	}
	sec = max(sec, c.lastSec+1)
	for i := c.scripts; i < len(c.id.script); i++ {
		taken := c.id.script[i].t / secMS
		if taken > sec {
			break
		}
		if taken == sec {
			sec++
		}
	}
	if own.t/secMS != sec {
		own.t = sec*secMS + own.t%secMS
	}
}

// perform turns a scripted call into a call.
func (f *Fleet) perform(id *identity, s *scripted, nth int) call {
	hour := int((s.t - f.start) / hourMS)
	salt := hash(id.seed, uint64(s.t), 0xa77ac, uint64(nth))                                                                                  //nolint:gosec // bits only
	c := call{t: s.t, salt: salt, op: s.op, run: hash(id.seed, uint64(hour/6)), ip: s.ip, agent: s.agent, fault: s.fault, size: 1, script: s} //nolint:gosec // bits only
	if c.ip == 0 {
		// Calls within one second come from one host.
		c.ip = id.source(f.netsAt(id, s.t, s.op), hour, c.run, hash(id.seed, uint64(s.t/secMS))) //nolint:gosec // bits only
	}
	if c.agent == "" {
		c.agent = id.agentAt(s.t, hour)
	}
	return c
}

func (id *identity) agentAt(t int64, hour int) string {
	for i := range id.effects {
		if e := &id.effects[i]; e.agent != "" && e.from <= t && t < e.to {
			return e.agent
		}
	}
	if hour >= id.upgrade {
		return id.agents[1]
	}
	return id.agents[0]
}

// netsAt is the ways out of an identity at a time.
func (f *Fleet) netsAt(id *identity, t int64, o *op) []netUse {
	if id.private != nil && o != nil && o.method == "" && (o.source == "s3.amazonaws.com" || o.source == "dynamodb.amazonaws.com" || o.source == "kms.amazonaws.com") {
		return id.private
	}
	for i := range id.effects {
		if e := &id.effects[i]; e.nets != nil && e.from <= t && t < e.to {
			return e.nets
		}
	}
	return id.nets
}
