package ingest

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/lapwing-sec/lapwing/internal/stream"
)

// Producer writes records to a log.
type Producer interface {
	// Produce returns nil once every record is acknowledged by the log. After
	// an error some of them may have been written all the same. It blocks no
	// longer than ctx allows, and keeps nothing of recs.
	Produce(ctx context.Context, topic string, recs []stream.Record) error
}

// ReceiverConfig configures NewReceiver. Zero limits mean the defaults.
type ReceiverConfig struct {
	// Tokens are the accepted ones, several during a rotation. Without any,
	// everyone who reaches the listener may write.
	Tokens []string
	// Topics maps a format to its raw topic, where that is not "raw.<format>".
	Topics map[string]string
	// MaxBodyBytes bounds a request's body as sent; default 16 MiB.
	MaxBodyBytes int64
	// MaxUnpackedBytes bounds it after gzip; default 64 MiB.
	MaxUnpackedBytes int64
	// MaxRecordBytes bounds one record; default 1,000,000, which a broker with
	// its usual limits accepts.
	MaxRecordBytes int
	// MaxRecords bounds the records of a request; default 100,000.
	MaxRecords int
	// MaxConcurrent bounds the requests in work; default 64. Memory is bounded
	// by MaxConcurrent times MaxUnpackedBytes.
	MaxConcurrent int
	// ReadTimeout bounds the reading of a body, so that slow senders cannot
	// hold all of MaxConcurrent for good; default 60 s.
	ReadTimeout time.Duration
	// ProduceTimeout bounds the wait for the log's acknowledgement; default 30 s.
	ProduceTimeout time.Duration
	// RetryAfter is what a refused sender is told to wait; default 1 s.
	RetryAfter time.Duration
}

func (c *ReceiverConfig) defaults() {
	set := func(v *int64, d int64) {
		if *v <= 0 {
			*v = d
		}
	}
	set(&c.MaxBodyBytes, 16<<20)
	set(&c.MaxUnpackedBytes, 64<<20)
	if c.MaxRecordBytes <= 0 {
		c.MaxRecordBytes = 1_000_000
	}
	if c.MaxRecords <= 0 {
		c.MaxRecords = 100_000
	}
	if c.MaxConcurrent <= 0 {
		c.MaxConcurrent = 64
	}
	if c.ReadTimeout <= 0 {
		c.ReadTimeout = time.Minute
	}
	if c.ProduceTimeout <= 0 {
		c.ProduceTimeout = 30 * time.Second
	}
	if c.RetryAfter <= 0 {
		c.RetryAfter = time.Second
	}
}

// KeyHeader lets a sender choose the key, and so the partition, of a request's
// records.
const KeyHeader = "X-Lapwing-Key"

// TokenHeader carries the token where Authorization is taken.
const TokenHeader = "X-Lapwing-Token" //nolint:gosec // the name of a header, no credential

type receiver struct {
	cfg    ReceiverConfig
	tokens [][sha256.Size]byte
	topics map[string]string
	out    Producer
	slots  chan struct{}
	log    zerolog.Logger

	requests *prometheus.CounterVec
	bytes    *prometheus.CounterVec
	records  *prometheus.CounterVec
	inFlight prometheus.Gauge
	seconds  prometheus.Histogram
}

// NewReceiver returns the handler of POST /ingest/{format}. A body is a JSON
// object, an array, {"Records":[…]}, NDJSON or lines of text, gzip or not. It
// is cut into records, not parsed: what is wrong with one of them shows in the
// dead letter. 202 and {"accepted":N} come only after p acknowledged all of
// them; after any other answer a sender repeats the request, so that records
// arrive at least once. reg may be nil.
//
// All records of a request get one key, the sender's address or what it says
// in X-Lapwing-Key: so one sender's records stay in one partition in the order
// they came, over many requests, and the disorder that a partition's watermark
// has to allow for stays that of a single source. A sender that stands for
// many (a proxy, a collector) spreads them by the header.
func NewReceiver(cfg ReceiverConfig, p Producer, reg prometheus.Registerer, log zerolog.Logger) http.Handler {
	cfg.defaults()
	r := &receiver{
		cfg: cfg, out: p, topics: map[string]string{}, slots: make(chan struct{}, cfg.MaxConcurrent),
		log: log.Sample(&zerolog.BurstSampler{Burst: 5, Period: 10 * time.Second}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "lapwing_ingest_requests_total",
			Help: "Requests to the receiver, by format and HTTP status."}, []string{"format", "code"}),
		bytes: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "lapwing_ingest_bytes_total",
			Help: "Bytes of accepted records, unpacked, by format."}, []string{"format"}),
		records: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "lapwing_ingest_records_total",
			Help: "Records that the log acknowledged, by format."}, []string{"format"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{Name: "lapwing_ingest_requests_in_flight",
			Help: "Requests in work."}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "lapwing_ingest_request_seconds",
			Help: "Time from the request's start to its answer.", Buckets: prometheus.ExponentialBuckets(0.001, 2, 16)}),
	}
	for _, f := range Formats() {
		r.topics[f.Name] = "raw." + f.Name
		if t := cfg.Topics[f.Name]; t != "" {
			r.topics[f.Name] = t
		}
	}
	for _, t := range cfg.Tokens {
		if t != "" {
			r.tokens = append(r.tokens, sha256.Sum256([]byte(t)))
		}
	}
	if reg != nil {
		reg.MustRegister(r.requests, r.bytes, r.records, r.inFlight, r.seconds)
	}
	return r
}

// refusal is an answer other than success.
type refusal struct {
	code   int
	reason string
	retry  bool
}

func (e *refusal) Error() string { return e.reason }

func refuse(code int, format string, args ...any) *refusal {
	return &refusal{code: code, reason: fmt.Sprintf(format, args...)}
}

// ServeHTTP implements http.Handler.
func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	started := time.Now()
	format, accepted, err := r.serve(w, req)
	code, answer := http.StatusAccepted, any(struct {
		Accepted int `json:"accepted"`
	}{accepted})
	if err != nil {
		code = err.code
		answer = struct {
			Error string `json:"error"`
		}{err.reason}
		if err.retry {
			w.Header().Set("Retry-After", strconv.Itoa(int((r.cfg.RetryAfter+time.Second-1)/time.Second)))
		}
	}
	body, _ := json.Marshal(answer) // these two always marshal
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(code)
	if _, err := w.Write(append(body, '\n')); err != nil {
		r.log.Debug().Err(err).Msg("sender left before the answer")
	}
	r.requests.WithLabelValues(format, strconv.Itoa(code)).Inc()
	r.seconds.Observe(time.Since(started).Seconds())
}

// serve answers one request. The format it returns is a known one or "none",
// so that metrics stay bounded.
func (r *receiver) serve(w http.ResponseWriter, req *http.Request) (format string, accepted int, err *refusal) {
	if !r.allowed(req) {
		w.Header().Set("WWW-Authenticate", `Bearer realm="lapwing"`)
		return "none", 0, refuse(http.StatusUnauthorized, "a valid token is needed: Authorization: Bearer TOKEN, or %s", TokenHeader)
	}
	if len(r.tokens) == 0 && req.Header.Get("Origin") != "" {
		// Only a browser sends it, for any page that its user happens to open,
		// and it reaches the loopback too.
		return "none", 0, refuse(http.StatusForbidden, "web pages may not send records without a token")
	}
	name, ok := strings.CutPrefix(req.URL.Path, "/ingest/")
	topic := r.topics[name]
	if !ok || topic == "" {
		return "none", 0, refuse(http.StatusNotFound, "no such format: POST /ingest/{format} with one of %s", known())
	}
	if req.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		return name, 0, refuse(http.StatusMethodNotAllowed, "use POST")
	}
	select {
	case r.slots <- struct{}{}:
		r.inFlight.Inc()
		defer func() {
			r.inFlight.Dec()
			<-r.slots
		}()
	default:
		return name, 0, &refusal{http.StatusServiceUnavailable, "too many requests at once", true}
	}
	// A writer without a connection (a test's) has no deadline to set. The
	// server sets its own for the next request of the connection.
	if derr := http.NewResponseController(w).SetReadDeadline(time.Now().Add(r.cfg.ReadTimeout)); derr != nil && !errors.Is(derr, http.ErrNotSupported) {
		r.log.Debug().Err(derr).Msg("no deadline for the body")
	}
	recs, size, err := r.read(w, req, name)
	if err != nil {
		return name, 0, err
	}
	ctx, cancel := context.WithTimeout(req.Context(), r.cfg.ProduceTimeout)
	defer cancel()
	if perr := r.out.Produce(ctx, topic, recs); perr != nil {
		r.log.Warn().Err(perr).Str("format", name).Str("topic", topic).Int("records", len(recs)).Msg("records not accepted")
		if stream.IsPermanent(perr) {
			return name, 0, refuse(http.StatusRequestEntityTooLarge, "the log refuses these records for good")
		}
		return name, 0, &refusal{http.StatusServiceUnavailable, "the log does not take records at the moment", true}
	}
	r.records.WithLabelValues(name).Add(float64(len(recs)))
	r.bytes.WithLabelValues(name).Add(float64(size))
	return name, len(recs), nil
}

// allowed compares the request's token with every accepted one, in a time that
// depends on neither.
func (r *receiver) allowed(req *http.Request) bool {
	if len(r.tokens) == 0 {
		return len(r.cfg.Tokens) == 0
	}
	token := req.Header.Get(TokenHeader)
	if auth := req.Header.Get("Authorization"); len(auth) > 7 && strings.EqualFold(auth[:7], "Bearer ") {
		token = strings.TrimSpace(auth[7:])
	}
	sum := sha256.Sum256([]byte(token))
	match := 0
	for i := range r.tokens {
		match |= subtle.ConstantTimeCompare(sum[:], r.tokens[i][:])
	}
	return match == 1
}

// bodyTypes are the media types taken; curl's default is among them.
var bodyTypes = map[string]bool{
	"": true, "application/json": true, "application/x-ndjson": true, "application/ndjson": true, "application/jsonl": true, "application/json-lines": true, "application/x-json-stream": true,
	"text/plain": true, "text/json": true, "application/octet-stream": true, "application/x-www-form-urlencoded": true, "application/gzip": true, "application/x-gzip": true,
}

// read cuts the body into records.
func (r *receiver) read(w http.ResponseWriter, req *http.Request, format string) (recs []stream.Record, size int64, bad *refusal) {
	if h := req.Header.Get("Content-Type"); h != "" {
		media, _, err := mime.ParseMediaType(h)
		if err != nil || !bodyTypes[media] {
			return nil, 0, refuse(http.StatusUnsupportedMediaType, "content type %q is not taken: send application/json, application/x-ndjson or text/plain", clip(h, 80))
		}
	}
	if req.ContentLength > r.cfg.MaxBodyBytes {
		return nil, 0, r.tooLarge()
	}
	var body io.Reader = http.MaxBytesReader(w, req.Body, r.cfg.MaxBodyBytes)
	switch enc := strings.ToLower(strings.TrimSpace(req.Header.Get("Content-Encoding"))); enc {
	case "", "identity":
	case "gzip", "x-gzip":
		z, err := gzip.NewReader(body)
		if err != nil {
			return nil, 0, r.bodyError(err)
		}
		body = z
	default:
		return nil, 0, refuse(http.StatusUnsupportedMediaType, "content encoding %q is not taken: send gzip or none", clip(enc, 40))
	}
	// A body whose bytes are gzip without saying so is unpacked by the reader;
	// the limit is then watched by counting what comes out.
	limited := &limitReader{r: body, left: r.cfg.MaxUnpackedBytes}
	rd := NewReader(limited, format)
	rd.max = r.cfg.MaxRecordBytes
	key := r.key(req)
	var arena []byte
	for {
		rec, number, err := rd.Next()
		var one *RecordError
		switch {
		case errors.Is(err, io.EOF):
			if len(recs) == 0 {
				return nil, 0, refuse(http.StatusBadRequest, "the body holds no record")
			}
			return recs, size, nil
		case errors.As(err, &one):
			return nil, 0, refuse(http.StatusRequestEntityTooLarge, "record %d is longer than %d bytes", number, r.cfg.MaxRecordBytes)
		case err != nil:
			return nil, 0, r.bodyError(err)
		}
		if len(recs) == r.cfg.MaxRecords {
			return nil, 0, refuse(http.StatusRequestEntityTooLarge, "more than %d records in one request", r.cfg.MaxRecords)
		}
		if size += int64(len(rec)); size > r.cfg.MaxUnpackedBytes {
			return nil, 0, r.tooLarge()
		}
		// Records share blocks: one allocation for many small ones.
		if cap(arena)-len(arena) < len(rec) {
			arena = make([]byte, 0, max(len(rec), 64<<10))
		}
		at := len(arena)
		arena = append(arena, rec...)
		recs = append(recs, stream.Record{Key: key, Value: arena[at:len(arena):len(arena)]})
	}
}

func (r *receiver) key(req *http.Request) []byte {
	if k := req.Header.Get(KeyHeader); k != "" {
		return []byte(clip(k, 256))
	}
	host, _, err := net.SplitHostPort(req.RemoteAddr)
	if err != nil {
		host = req.RemoteAddr
	}
	return []byte(host)
}

func (r *receiver) tooLarge() *refusal {
	return refuse(http.StatusRequestEntityTooLarge, "the body is larger than %d bytes, or %d unpacked", r.cfg.MaxBodyBytes, r.cfg.MaxUnpackedBytes)
}

func (r *receiver) bodyError(err error) *refusal {
	var tooBig *http.MaxBytesError
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return refuse(http.StatusRequestTimeout, "the body did not arrive within %s", r.cfg.ReadTimeout)
	case errors.As(err, &tooBig) || errors.Is(err, errUnpacked) || errors.Is(err, ErrBomb):
		return r.tooLarge()
	case errors.Is(err, ErrBinary):
		return refuse(http.StatusUnsupportedMediaType, "%v", err)
	}
	return refuse(http.StatusBadRequest, "the body cannot be read: %v", err)
}

var errUnpacked = errors.New("unpacked body too large")

// limitReader fails, rather than ends, beyond a number of bytes.
type limitReader struct {
	r    io.Reader
	left int64
}

func (l *limitReader) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, errUnpacked
	}
	return n, err
}
