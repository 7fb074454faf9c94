package receive

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"github.com/lapwing-sec/lapwing/internal/stream"
)

// refusal is an answer other than success.
type refusal struct {
	code   int
	reason string
	// retry: the same request may succeed later.
	retry bool
	// hec is the code of Splunk's own, and event the index of the first bad
	// one, -1 for none.
	hec, event int
}

func (e *refusal) Error() string { return e.reason }

func refuse(code int, format string, args ...any) *refusal {
	return &refusal{code: code, reason: fmt.Sprintf(format, args...), event: -1}
}

// later puts a sender off.
func later(reason string) *refusal {
	return &refusal{code: http.StatusServiceUnavailable, reason: reason, retry: true, event: -1}
}

// slower tells one sender to send less at once.
func (c *call) slower(what string) *refusal {
	bad := later("more than this sender's share of " + what + " is in work: send fewer at once")
	if c.r.Busy != 0 {
		bad.code = c.r.Busy
	}
	return bad
}

// reply is an answer as it is sent.
type reply struct {
	code      int
	mediaType string
	body      []byte
}

const jsonType = "application/json"

// jsonReply answers with v, which must be one that always marshals.
func jsonReply(code int, v any) reply {
	body, _ := json.Marshal(v) // of texts, numbers and flags: it always marshals
	return reply{code: code, mediaType: jsonType, body: append(body, '\n')}
}

// accepted is the usual success.
type accepted struct {
	Accepted int `json:"accepted"`
}

// failed is the usual refusal.
type failed struct {
	Error string `json:"error"`
}

// call is one request in work.
type call struct {
	s   *Server
	r   Receiver
	w   http.ResponseWriter
	req *http.Request

	// batches are the records so far, by format, in the order of formats.
	batches map[string][]stream.Record
	formats []string
	records int
	size    int64
	key     []byte
	// pool is where this request has its place, nil before; held is what it took
	// of its bytes, free what of that is not used yet.
	pool       *pool
	held, free int64
	arena      []byte

	// What single receivers want to say in their answers.
	ackID     uint64
	hasAck    bool
	requestID string
	rejected  int64
	note      string
	extra     any
}

// writeTimeout bounds the sending of an answer, all of which are short.
const writeTimeout = 30 * time.Second

func (s *Server) handler(r Receiver) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		started := s.now()
		c := &call{s: s, r: r, w: w, req: req, batches: map[string][]stream.Record{}}
		defer c.release()
		bad := c.run()
		answer := r.reply(c, bad)
		if c.pool == nil {
			// The rest of a body that nobody reads is waited for before the answer.
			c.deadline(http.NewResponseController(w).SetReadDeadline(s.now().Add(s.unproven.timeout)))
		}
		if bad != nil && bad.retry {
			w.Header().Set("Retry-After", strconv.Itoa(int((s.cfg.RetryAfter+time.Second-1)/time.Second)))
		}
		c.deadline(http.NewResponseController(w).SetWriteDeadline(s.now().Add(writeTimeout)))
		if answer.mediaType != "" {
			w.Header().Set("Content-Type", answer.mediaType)
		}
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.WriteHeader(answer.code)
		if _, err := w.Write(answer.body); err != nil && len(answer.body) > 0 {
			s.log.Debug().Err(err).Msg("sender left before the answer")
		}
		s.metrics.requests.WithLabelValues(r.Name, strconv.Itoa(answer.code)).Inc()
		s.metrics.seconds.Observe(s.now().Sub(started).Seconds())
	})
}

// run takes a request through the frame: proof, a place, time, the receiver.
func (c *call) run() *refusal {
	s, proof := c.s, c.s.secrets[c.r.Name]
	open := c.r.open != nil && c.r.open(c.req)
	if !open && !c.allowed(proof) {
		c.w.Header().Set("WWW-Authenticate", `Bearer realm="lapwing"`)
		return refuse(http.StatusUnauthorized, "a valid token is needed: %s", c.r.Auth)
	}
	if !proof.wanted() && c.req.Header.Get("Origin") != "" {
		// Only a browser sends it, for any page that its user happens to open,
		// and it reaches the loopback too.
		return refuse(http.StatusForbidden, "web pages may not send records without a token")
	}
	work := s.work
	if proof.wanted() && !open && c.r.token == nil {
		work = s.unproven
	}
	if bad := c.enter(work); bad != nil {
		return bad
	}
	defer func() {
		s.metrics.inFlight.Dec()
		<-c.pool.slots
	}()
	return c.r.serve(c)
}

// deadline looks at the outcome of setting one. A writer without a connection
// (a test's) has none to set.
func (c *call) deadline(err error) {
	if err != nil && !errors.Is(err, http.ErrNotSupported) {
		c.s.log.Debug().Err(err).Msg("no deadline for a connection")
	}
}

// method refuses every other one.
func (c *call) method(want string) *refusal {
	if c.req.Method == want {
		return nil
	}
	c.w.Header().Set("Allow", want)
	return refuse(http.StatusMethodNotAllowed, "use %s", want)
}

// sender is the key of records whose source the protocol does not name.
func (c *call) sender() []byte {
	if c.key != nil {
		return c.key
	}
	if k := c.req.Header.Get(KeyHeader); k != "" {
		c.key = []byte(clip(k, maxKey))
		return c.key
	}
	c.key = []byte(address(c.req))
	return c.key
}

// maxKey bounds the key that a sender chooses, in bytes.
const maxKey = 256

// source is the key of records whose source the protocol names; an explicit
// X-Lapwing-Key stands above it.
func (c *call) source(name string) []byte {
	if name == "" || c.req.Header.Get(KeyHeader) != "" {
		return c.sender()
	}
	return []byte(clip(name, maxKey))
}

// recordOverhead is what a record takes beside its bytes.
const recordOverhead = int64(unsafe.Sizeof(stream.Record{}))

// add takes a record, which must stay as it is until the answer. number counts
// the request's records from 1, for the error.
func (c *call) add(format string, key, record []byte) *refusal {
	switch {
	case len(record) > c.s.cfg.MaxRecordBytes:
		return refuse(http.StatusRequestEntityTooLarge, "record %d is longer than %d bytes", c.records+1, c.s.cfg.MaxRecordBytes)
	case c.records == c.s.cfg.MaxRecords:
		return refuse(http.StatusRequestEntityTooLarge, "more than %d records in one request", c.s.cfg.MaxRecords)
	case c.batches[format] == nil && c.s.topic(format) == "":
		return c.noTopic(format)
	}
	if bad := c.hold(int64(len(record)) + recordOverhead); bad != nil {
		return bad
	}
	if c.batches[format] == nil {
		c.formats = append(c.formats, format)
	}
	c.batches[format] = append(c.batches[format], stream.Record{Key: key, Value: record})
	c.records++
	c.size += int64(len(record))
	return nil
}

func (c *call) noTopic(format string) *refusal {
	return later("no raw topic is configured for " + format + ": add it to raw_topics")
}

// keep copies what is valid for a moment only. Records share blocks: one
// allocation for many small ones.
func (c *call) keep(record []byte) []byte {
	if cap(c.arena)-len(c.arena) < len(record) {
		c.arena = make([]byte, 0, max(len(record), 64<<10))
	}
	at := len(c.arena)
	c.arena = append(c.arena, record...)
	return c.arena[at:len(c.arena):len(c.arena)]
}

// produce hands the records to the log and waits until it has them all.
func (c *call) produce() *refusal {
	// The body is read; a deadline that passed now would end the request.
	c.deadline(http.NewResponseController(c.w).SetReadDeadline(time.Time{}))
	ctx, cancel := context.WithTimeout(c.req.Context(), c.s.cfg.ProduceTimeout)
	defer cancel()
	for _, format := range c.formats {
		recs, topic := c.batches[format], c.s.topic(format)
		if err := c.s.out.Produce(ctx, topic, recs); err != nil {
			c.s.log.Warn().Err(err).Str("receiver", c.r.Name).Str("format", format).Str("topic", topic).Int("records", len(recs)).Msg("records not accepted")
			if stream.IsPermanent(err) {
				return refuse(http.StatusRequestEntityTooLarge, "the log refuses these records for good")
			}
			return later("the log does not take records at the moment")
		}
		size := 0
		for i := range recs {
			size += len(recs[i].Value)
		}
		c.s.metrics.records.WithLabelValues(format).Add(float64(len(recs)))
		c.s.metrics.bytes.WithLabelValues(format).Add(float64(size))
	}
	return nil
}

func anybody(*http.Request) bool { return true }

// serveNothing answers where no receiver is.
func serveNothing(*call) *refusal {
	var paths []string
	for _, r := range Receivers() {
		paths = append(paths, strings.ReplaceAll(r.Paths[0], "...}", "}"))
	}
	slices.Sort(paths)
	return refuse(http.StatusNotFound, "no such path: one of %s", strings.Join(paths, ", "))
}

// clip cuts a text to n bytes.
func clip(s string, n int) string {
	if len(s) > n {
		return strings.ToValidUTF8(s[:n], "")
	}
	return s
}
