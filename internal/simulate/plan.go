package simulate

import (
	"math"
	"slices"
	"time"
)

// plan appends the calls of hour c.hour. Each duty has its own random stream
// for each hour, so that a change in one hour leaves the others as they were.
func (f *Fleet) plan(c *cursor, d *dice) {
	if c.pos > 0 {
		c.buf = append(c.buf[:0], c.buf[c.pos:]...)
		c.pos = 0
	}
	id, k := c.id, &f.kinds[c.id.kind]
	from := f.start + int64(c.hour)*hourMS
	if id.onboarded > 0 && from < id.onboarded {
		return
	}
	local := c.hour + id.tz
	day := floorDiv(local, 24)
	hourOfDay := local - day*24
	weekday := time.Weekday((day + int(time.UnixMilli(f.start).UTC().Weekday()) + 7) % 7)
	weekend := weekday == time.Saturday || weekday == time.Sunday

	rate, stop, extra := 1.0, false, (*effect)(nil)
	for i := range id.effects {
		e := &id.effects[i]
		if e.from >= from+hourMS || e.to <= from {
			continue
		}
		share := float64(min(e.to, from+hourMS)-max(e.from, from)) / float64(hourMS)
		stop = stop || e.stop
		if e.rate > 0 {
			rate *= 1 + (e.rate-1)*share
		}
		if e.extra != nil {
			extra = e
		}
	}
	if stop {
		return
	}
	held := len(c.buf)
	for i := range k.duties {
		if id.rates[i] == 0 {
			continue
		}
		du := &k.duties[i]
		d.seed(hash(id.seed, uint64(i)+100), uint64(c.hour)) //nolint:gosec // hours count from 0
		switch {
		case len(du.every) > 0:
			f.timer(c, d, i, from)
		case du.perDay[1] > 0:
			mean := id.rates[i] / 24 * du.pattern.factor(hourOfDay, weekend) * rate * f.unrest(id, day, c.hour)
			if du.elastic {
				mean *= f.scale
			} else {
				mean *= f.thin
			}
			mean *= math.Exp(id.quiet * d.NormFloat64())
			for n := d.poisson(mean); n > 0; n-- {
				f.run(c, d, i, from+d.Int64N(hourMS), 1)
			}
		default:
			f.daily(c, d, i, day, hourOfDay, from)
		}
	}
	d.seed(hash(id.seed, 99), uint64(c.hour)) //nolint:gosec // hours count from 0
	if len(k.tails) > 0 && !id.noTail {
		for n := d.poisson(k.rare / 24 * rate * f.thin); n > 0; n-- {
			o := k.tails[hash(id.seed, 17, skewed(d.Uint64(), 24))%uint64(len(k.tails))]
			fl := faultNone
			if o == id.denied {
				fl = faultDenied
			}
			f.add(c, d, o, from+d.Int64N(hourMS), hash(id.seed, uint64(c.hour/6)), fl) //nolint:gosec // hours count from 0
		}
	}
	if extra != nil {
		more := len(c.buf)
		d.seed(hash(id.seed, 98), uint64(c.hour)) //nolint:gosec // hours count from 0
		for n := d.poisson(extra.extraDay / 24); n > 0; n-- {
			f.follow(c, d, extra.extra, from+d.Int64N(hourMS), d.Uint64(), 1)
		}
		for i := more; i < len(c.buf); i++ {
			c.buf[i].region = extra.region
		}
	}
	if len(c.buf) > held {
		slices.SortStableFunc(c.buf, func(a, b call) int {
			switch {
			case a.t < b.t:
				return -1
			case a.t > b.t:
				return 1
			}
			return 0
		})
	}
}

func floorDiv(a, b int) int {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

// unrest is what makes one day or hour unlike another without any reason that
// a log would show.
func (f *Fleet) unrest(id *identity, day, hour int) float64 {
	own := hash(id.seed, 41, uint64(day+4)) //nolint:gosec // days count from -1
	level := math.Exp(0.18 * gauss(own))
	if id.effects == nil || !slices.ContainsFunc(id.effects, func(e effect) bool { return e.rate > 0 }) {
		// One day in seventy has a busy hour or two.
		if unit(hash(own, 1)) < 0.014 {
			busy := int(hash(own, 2) % 24)
			if h := ((hour % 24) + 24) % 24; h == busy || h == busy+1 && own&1 == 1 {
				level *= 2 + 2*unit(hash(own, 3))
			}
		}
	}
	return level
}

// gauss maps a hash to a standard normal, by the sum of four uniforms.
func gauss(h uint64) float64 {
	s := float64(h&0xffff) + float64(h>>16&0xffff) + float64(h>>32&0xffff) + float64(h>>48)
	return (s/65536 - 2) * math.Sqrt(3)
}

// timer plans the ticks of a timer that fall into the hour.
func (f *Fleet) timer(c *cursor, d *dice, i int, from int64) {
	period := int64(c.id.rates[i]) * secMS * int64(f.stretch)
	phase := int64(hash(c.id.seed, 55, uint64(i)) % uint64(period)) //nolint:gosec // positive
	k := (from - f.start - phase) / period
	if k < 0 {
		k = 0
	}
	for ; ; k++ {
		t := f.start + phase + k*period
		if t >= from+hourMS {
			return
		}
		if t < from {
			continue
		}
		// Timers start a little late, now and then by much, and seldom miss.
		h := hash(c.id.seed, 56, uint64(k)) //nolint:gosec // k counts from 0
		if unit(h) < 0.002 {
			continue
		}
		late := int64(math.Exp(1.2*gauss(hash(h, 1))) * 1500)
		d.seed(hash(c.id.seed, uint64(i)+100), h) //nolint:gosec // small
		f.run(c, d, i, t+min(late, period/3), 1)
	}
}

// daily plans a run that has its hour of the day, if this is it.
func (f *Fleet) daily(c *cursor, d *dice, i, day, hourOfDay int, from int64) {
	id, du := c.id, &f.kinds[c.id.kind].duties[i]
	for back := 0; back < 2; back++ {
		of := day - back
		if !f.due(du, of) {
			continue
		}
		at := id.hours[i]
		if unit(hash(id.seed, 61, uint64(of+9))) < 0.02 { //nolint:gosec // days count from -1
			at++ // ordinary lateness
		}
		work, again, failed := 1, 0, false
		planned := f.start + int64(of*24+id.hours[i]-id.tz)*hourMS
		for j := range id.effects {
			if e := &id.effects[j]; e.from <= planned && planned < e.to {
				at += e.delay
				work = max(work, e.catchUp)
				again = max(again, e.again)
			}
		}
		failed = again > 0
		minute := int64(hash(id.seed, 62, uint64(i))%50) * minMS   //nolint:gosec // small
		jitter := int64(hash(id.seed, 63, uint64(of+9)) % 240_000) //nolint:gosec // small
		hour := hourOfDay + 24*back
		if hour == at {
			f.run(c, d, i, from+minute+jitter, work)
			if failed {
				failTail(c)
			}
		}
		if again > 0 && hour == at+again {
			f.run(c, d, i, from+minute+jitter, work)
		}
	}
}

// failTail makes the last calls of the run just planned fail, and drops the rest.
func failTail(c *cursor) {
	n := len(c.buf)
	cut := max(1, n*2/3)
	for j := cut; j < min(n, cut+3); j++ {
		c.buf[j].fault = faultServer
	}
	c.buf = c.buf[:min(n, cut+3)]
}

// due says whether a daily duty runs on a local day.
func (f *Fleet) due(du *duty, day int) bool {
	t := time.UnixMilli(f.start).UTC().AddDate(0, 0, day)
	switch du.days {
	case "":
		return true
	case "sun":
		return t.Weekday() == time.Sunday
	case "mon":
		return t.Weekday() == time.Monday
	case "1":
		return t.Day() == 1
	}
	return false
}

// run plans one run of a duty.
func (f *Fleet) run(c *cursor, d *dice, i int, t int64, work int) {
	k := &f.kinds[c.id.kind]
	flows := k.flows[i]
	// Identities differ in how much they use each flow.
	var weights [8]float64
	total := 0.0
	for j := range flows {
		weights[j] = flows[j].weight * (0.3 + 1.4*unit(hash(c.id.seed, 71, uint64(i), uint64(j)))) //nolint:gosec // small
		total += weights[j]
	}
	x := d.Float64() * total
	pick := 0
	for j := range flows {
		if x -= weights[j]; x < 0 {
			pick = j
			break
		}
	}
	f.follow(c, d, &flows[pick], t, d.Uint64(), work)
}

// follow plans the calls of a flow from t on.
func (f *Fleet) follow(c *cursor, d *dice, fl *flow, t int64, run uint64, work int) {
	for i := range fl.steps {
		st := &fl.steps[i]
		if st.share > 0 {
			if st.once && !st.included(c.id.seed) || !st.once && !d.chance(st.share) {
				continue
			}
		}
		n := d.between(st.lo, st.hi)
		if work > 1 && st.hi > 1 {
			n *= work
		}
		for ; n > 0; n-- {
			if st.gap > 0 {
				t += int64(d.lognormal(float64(st.gap), 0.5) * 1000)
			} else if n > 1 {
				t += 1000
			}
			f.add(c, d, st.op, t, run, faultNone)
		}
		if st.gap == 0 {
			t += 700
		}
	}
}

// add plans one call, with what befalls it.
func (f *Fleet) add(c *cursor, d *dice, o *op, t int64, run uint64, fl fault) {
	id := c.id
	hour := int((t - f.start) / hourMS)
	cl := call{t: t, salt: d.Uint64(), op: o, run: run, fault: fl, size: 1}
	cl.ip = id.source(f.netsAt(id, t, o), hour, run, cl.salt)
	cl.agent = id.agentAt(t, hour)
	if id.agents[2] != "" && hash(run, 4)%10 == 0 {
		cl.agent = id.agents[2]
	}
	retries := 0
	if cl.fault == faultNone && d.chance(id.errors) {
		cl.fault = drawFault(d, o)
	}
	for i := range id.effects {
		e := &id.effects[i]
		if t < e.from || t >= e.to {
			continue
		}
		if e.fail > 0 && (e.service < 0 || o.method != "" && e.service == o.service) && d.chance(e.fail) {
			cl.fault, retries = e.fault, e.retries
		}
		if e.size > 0 {
			cl.size = e.size
		}
	}
	c.buf = append(c.buf, cl)
	for n := 0; n < retries; n++ {
		t += int64(d.lognormal(2, 0.4)*1000) << n
		again := cl
		again.t, again.salt = t, d.Uint64()
		if d.chance(0.4) {
			again.fault = faultNone
			n = retries
		}
		c.buf = append(c.buf, again)
	}
}

// drawFault is what goes wrong on an ordinary day.
func drawFault(d *dice, o *op) fault {
	switch r := d.Float64(); {
	case r < 0.35:
		return faultThrottled
	case r < 0.65 && o.read:
		return faultMissing
	case r < 0.8:
		return faultInvalid
	case r < 0.84:
		return faultDenied
	}
	return faultServer
}

// expected is how many calls a day an identity makes: by its timers, by what
// nothing scales, and by demand before it is scaled.
func (f *Fleet) expected(id *identity) (timers, fixed, elastic float64) {
	k := &f.kinds[id.kind]
	fixed = k.rare
	for i := range k.duties {
		if id.rates[i] == 0 {
			continue
		}
		du := &k.duties[i]
		size, total := 0.0, 0.0
		for j := range k.flows[i] {
			w := k.flows[i][j].weight * (0.3 + 1.4*unit(hash(id.seed, 71, uint64(i), uint64(j))))
			size += w * k.flows[i][j].size(id.seed)
			total += w
		}
		size /= total
		switch {
		case len(du.every) > 0:
			timers += 86400 / id.rates[i] * size
		case du.perDay[1] > 0:
			if du.elastic {
				elastic += id.rates[i] * size * 1.08
			} else {
				fixed += id.rates[i] * size
			}
		case du.days == "":
			fixed += size
		default:
			fixed += size / 7
		}
	}
	return timers, fixed, elastic
}

// load is the calls a day of an identity, as this fleet is scaled.
func (f *Fleet) load(id *identity) float64 {
	timers, fixed, elastic := f.expected(id)
	return timers/float64(f.stretch) + fixed*f.thin + elastic*f.scale
}
