package simulate

import (
	"math"
	"time"
)

// encoder writes calls as their sources log them. It belongs to one run of
// Records.
type encoder struct {
	f   *Fleet
	buf []byte
	sc  scope
}

func newEncoder(f *Fleet) *encoder {
	return &encoder{f: f, buf: make([]byte, 0, 8192)}
}

func (e *encoder) encode(id *identity, c *call) Record {
	form := e.f.kinds[id.kind].form
	e.sc = scope{id: id, salt: c.salt, day: floorDay(c.t), region: id.region, fleet: e.f}
	if c.region != "" {
		e.sc.region = c.region
	}
	if c.script != nil {
		e.sc.object = c.script.object
		if c.script.region != "" {
			e.sc.region = c.script.region
		}
	}
	b := e.buf[:0]
	t := c.t
	switch form {
	case formatCloudTrail:
		t -= t % secMS
		b = e.cloudTrail(b, id, c)
	case formatKong:
		b = e.kong(b, id, c)
	case formatNGINX:
		t -= t % secMS
		b = e.combined(b, id, c)
	case formatNGINXJSON:
		t -= t % secMS
		b = e.nginxJSON(b, id, c)
	}
	e.buf = b
	k := id.id
	if e.f.kinds[id.kind].as == asNobody {
		k = string(appendCIDR(nil, c.ip, 8)) // no identity but where it comes from
	}
	return Record{Format: form.String(), Time: time.UnixMilli(t).UTC(), Key: k, Value: b}
}

// resolution is how finely a format's times are logged.
func (f format) resolution() int64 {
	if f == formatKong {
		return 1
	}
	return secMS
}

func floorDay(t int64) int64 { return t / dayMS }

// civil is the date of a day since 1970 (Hinnant's algorithm).
func civil(day int64) (y, m, d int) {
	z := day + 719468
	era := z / 146097
	doe := z - era*146097
	yoe := (doe - doe/1460 + doe/36524 - doe/146096) / 365
	doy := doe - (365*yoe + yoe/4 - yoe/100)
	mp := (5*doy + 2) / 153
	d = int(doy - (153*mp+2)/5 + 1)
	m = int(mp + 3)
	if m > 12 {
		m -= 12
	}
	y = int(yoe + era*400)
	if m <= 2 {
		y++
	}
	return y, m, d
}

func append2(dst []byte, v int) []byte { return append(dst, byte('0'+v/10%10), byte('0'+v%10)) }

func appendDay(dst []byte, day int64) []byte {
	y, m, d := civil(day)
	dst = appendUint(dst, uint64(y)) //nolint:gosec // a year
	dst = append(dst, '-')
	dst = append2(dst, m)
	dst = append(dst, '-')
	return append2(dst, d)
}

// appendISO writes 2006-01-02T15:04:05.
func appendISO(dst []byte, t int64) []byte {
	dst = appendDay(dst, t/dayMS)
	s := int(t % dayMS / secMS)
	dst = append(dst, 'T')
	dst = append2(dst, s/3600)
	dst = append(dst, ':')
	dst = append2(dst, s/60%60)
	dst = append(dst, ':')
	return append2(dst, s%60)
}

var months = [...]string{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"}

// appendCommonLog writes 02/Jan/2006:15:04:05 +0000.
func appendCommonLog(dst []byte, t int64) []byte {
	y, m, d := civil(t / dayMS)
	s := int(t % dayMS / secMS)
	dst = append2(dst, d)
	dst = append(dst, '/')
	dst = append(dst, months[m-1]...)
	dst = append(dst, '/')
	dst = appendUint(dst, uint64(y)) //nolint:gosec // a year
	dst = append(dst, ':')
	dst = append2(dst, s/3600)
	dst = append(dst, ':')
	dst = append2(dst, s/60%60)
	dst = append(dst, ':')
	dst = append2(dst, s%60)
	return append(dst, " +0000"...)
}

// quantity draws around a median by the call's salt, log-normally.
func quantity(salt, what uint64, median, sigma float64) float64 {
	return median * math.Exp(sigma*gauss(hash(salt, what)))
}

// bytesOut is the size of what came back.
func (e *encoder) bytesOut(c *call) uint64 {
	if c.script != nil && c.script.bytes > 0 {
		return c.script.bytes
	}
	if c.op.size == 0 {
		return 0
	}
	switch c.fault {
	case faultNone:
	default:
		return 90 + c.salt%180
	}
	// Identities read objects of different sizes.
	own := 0.4 + 1.6*unit(hash(e.sc.id.seed, 81))
	sigma := 0.5
	if c.op.method == "" {
		sigma = 1.0
	}
	return uint64(quantity(c.salt, 82, c.op.size*own*c.size, sigma)) + 1
}

// status is the HTTP status of a gateway's answer.
func (c *call) status() int {
	switch c.fault {
	case faultNone:
		switch {
		case c.op.method == "POST" && c.salt%5 < 3:
			return 201
		case c.op.method == "DELETE":
			return 204
		}
		return 200
	case faultDenied:
		return 403
	case faultUnauthenticated:
		return 401
	case faultThrottled:
		return 429
	case faultMissing:
		return 404
	case faultInvalid:
		return 400 + int(c.salt%2)*22
	case faultServer:
		return [...]int{500, 502, 503, 503, 504}[c.salt%5]
	}
	return 500
}

// millis is how long the upstream took.
func (c *call) millis() uint64 {
	w := max(1, c.op.wait)
	if c.fault == faultServer {
		w = w*6 + 200
	}
	return uint64(quantity(c.salt, 83, w, 0.45)) + 1
}
