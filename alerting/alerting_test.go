package alerting

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	syslog "github.com/leodido/go-syslog/v4"
	"github.com/leodido/go-syslog/v4/octetcounting"
	"github.com/leodido/go-syslog/v4/rfc5424"
	webhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"github.com/lapwing-sec/lapwing/internal/stream"
	"github.com/lapwing-sec/lapwing/schemas"
)

// alert is a small but complete alert of the given id and version.
func alert(id string, version int) schemas.Alert {
	a := schemas.Alert{
		ActivityID: schemas.ActivityCreate, ActivityName: "Create", ClassUID: schemas.ClassDetection,
		Time: 1_767_225_600_123, SeverityID: schemas.SeverityHigh, Severity: "High", RiskScore: 80,
		Actor: schemas.Actor{User: schemas.User{UID: "aws:123456789012:role/ci-deploy", Name: "CI deployer", TypeID: 4}},
		FindingInfo: schemas.FindingInfo{
			UID: id, Title: "CI deployer read a secret | for the first time", Desc: "First line.\nIt read key=prod/db.",
			Analytic: schemas.Analytic{UID: "secret-access", Name: "secret-access"}, FirstSeenTime: 1_767_225_500_000,
		},
		Evidences: []schemas.Evidence{{SrcEndpoint: &schemas.Endpoint{IP: "203.0.113.9"}}},
	}
	a.Metadata.Product = schemas.Product{Name: "Lapwing", VendorName: "Lapwing", Version: "1.0"}
	a.Unmapped.Lapwing = schemas.Lapwing{
		Version: version, Family: "learned", Way: "consequence", Page: true,
		Identity: schemas.AlertIdentity{Owner: "alice@example.com", Team: "platform", Runbook: "https://wiki.example.com/ci"},
	}
	return a
}

func closing(id string, version int) schemas.Alert {
	a := alert(id, version)
	a.ActivityID, a.ActivityName, a.Unmapped.Lapwing.Page = schemas.ActivityClose, "Close", false
	a.Unmapped.Lapwing.Paged = true
	return a
}

// folded is the version that says that an alert that paged is part of an incident.
func folded(id string, version int) schemas.Alert {
	a := alert(id, version)
	a.ActivityID, a.Unmapped.Lapwing.Page, a.Unmapped.Lapwing.Paged, a.Unmapped.Lapwing.PartOf = schemas.ActivityUpdate, false, true, "incident"
	return a
}

// request is what a test server was sent.
type request struct {
	header http.Header
	path   string
	body   []byte
}

// server answers with the given codes in turn, then 200, and keeps requests.
func server(t *testing.T, codes ...int) (*httptest.Server, func() []request) {
	t.Helper()
	var mu sync.Mutex
	var got []request
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		b, _ := io.ReadAll(r.Body)
		got = append(got, request{r.Header.Clone(), r.URL.Path, b})
		if len(codes) > 0 {
			c := codes[0]
			codes = codes[1:]
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(c)
			_, _ = io.WriteString(w, "no\nthanks")
		}
	}))
	t.Cleanup(s.Close)
	return s, func() []request { mu.Lock(); defer mu.Unlock(); return append([]request(nil), got...) }
}

func open(t *testing.T, d Destination) Sink {
	t.Helper()
	s, err := Open(d)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

var secret = "whsec_" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))

func TestDestinationsAreCheckedInTheWordsOfTheFile(t *testing.T) {
	for _, c := range []struct {
		name string
		d    Destination
		want string
	}{
		{"an unknown kind names the known ones", Destination{Name: "a", Kind: "carrier-pigeon"}, `kind "carrier-pigeon": use one of file, webhook, splunk-hec, syslog, alertmanager, pagerduty`},
		{"a name is required", Destination{Kind: "file", Path: "x"}, "name: every destination needs one"},
		{"a name must fit a consumer group", Destination{Name: "A b", Kind: "file", Path: "x"}, `name "A b"`},
		{"a severity outside the scale lists it", Destination{Name: "a", Kind: "file", Path: "x", MinSeverity: "loud"}, "informational, low, medium, high, critical"},
		{"an attempt has a bound", Destination{Name: "a", Kind: "file", Path: "x", Timeout: time.Hour}, "timeout 1h0m0s: want at most 5m0s"},
		{"a file needs a path", Destination{Name: "a", Kind: "file"}, "path: the file kind needs one"},
		{"a webhook secret is whsec_", Destination{Name: "a", Kind: "webhook", URL: "https://h", Secret: "short"}, "whsec_"},
		{"a webhook URL is HTTP", Destination{Name: "a", Kind: "webhook", URL: "ftp://h", Secret: secret}, "want https:// or http://HOST"},
		{"HEC needs a token", Destination{Name: "a", Kind: "splunk-hec", URL: "https://h"}, "token: Splunk's HEC token"},
		{"syslog needs a port", Destination{Name: "a", Kind: "syslog", URL: "tls://h"}, "give the port"},
		{"syslog formats are named", Destination{Name: "a", Kind: "syslog", URL: "tls://h:1", Format: "leef"}, "use cef or ocsf"},
		{"PagerDuty's key has 32 characters", Destination{Name: "a", Kind: "pagerduty", Token: "x"}, "32 characters"},
	} {
		t.Run(c.name, func(t *testing.T) { require.ErrorContains(t, c.d.Validate(), c.want) })
	}
}

func TestWebhookIsSignedAsTheReferenceLibraryVerifies(t *testing.T) {
	s, got := server(t)
	sink := open(t, Destination{Name: "hook", Kind: "webhook", URL: s.URL, Secret: secret})
	require.Equal(t, []error{nil, nil}, sink.Write(t.Context(), []schemas.Alert{alert("a1", 1), alert("a1", 2)}))
	wh, err := webhooks.NewWebhook(secret)
	require.NoError(t, err)
	require.Len(t, got(), 2)
	for i, r := range got() {
		require.NoError(t, wh.Verify(r.body, r.header))
		require.Equal(t, []string{"a1.1", "a1.2"}[i], r.header.Get("webhook-id"))
		r.body[10] ^= 1
		require.Error(t, wh.Verify(r.body, r.header), "a changed body must not verify")
	}
}

func TestHTTPAnswersDecideWhatIsRetried(t *testing.T) {
	for _, c := range []struct {
		name      string
		code      int
		permanent bool
		after     time.Duration
	}{
		{"400 refuses this alert for good", 400, true, 0},
		{"413 refuses this alert for good", 413, true, 0},
		{"401 waits for an operator", 401, false, 0},
		{"404 waits for an operator", 404, false, 0},
		{"429 waits as long as asked", 429, false, 7 * time.Second},
		{"503 waits as long as asked", 503, false, 7 * time.Second},
		{"500 is tried again", 500, false, 0},
		{"a redirect is not followed with a signature", 302, false, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, got := server(t, c.code)
			sink := open(t, Destination{Name: "hook", Kind: "webhook", URL: s.URL + "/hush-token", Secret: secret})
			errs := sink.Write(t.Context(), []schemas.Alert{alert("a", 1), alert("b", 1)})
			require.Error(t, errs[0])
			require.Equal(t, c.permanent, stream.IsPermanent(errs[0]))
			require.NotContains(t, errs[0].Error(), "hush-token", "a URL may carry a secret")
			require.Contains(t, errs[0].Error(), "no thanks")
			if c.permanent {
				require.NoError(t, errs[1])
				return
			}
			require.Error(t, errs[1], "nothing overtakes an alert that waits")
			require.Len(t, got(), 1)
			var ra *RetryAfterError
			if c.after > 0 {
				require.ErrorAs(t, errs[0], &ra)
				require.Equal(t, c.after, ra.After)
			} else {
				require.False(t, errors.As(errs[0], &ra))
			}
		})
	}
}

func TestHECSendsOneCompressedRequestOfConcatenatedEvents(t *testing.T) {
	s, got := server(t)
	sink := open(t, Destination{Name: "splunk", Kind: "splunk-hec", URL: s.URL, Token: "T0K", Index: "sec"})
	require.Equal(t, []error{nil, nil}, sink.Write(t.Context(), []schemas.Alert{alert("a", 1), alert("b", 3)}))
	require.Len(t, got(), 1)
	r := got()[0]
	require.Equal(t, "/services/collector/event", r.path)
	require.Equal(t, "Splunk T0K", r.header.Get("Authorization"))
	zr, err := gzip.NewReader(bytes.NewReader(r.body))
	require.NoError(t, err)
	dec := json.NewDecoder(zr)
	for _, want := range []string{"a", "b"} {
		var ev struct {
			Time       float64
			Sourcetype string
			Index      string
			Event      schemas.Alert
			Fields     map[string]any
		}
		require.NoError(t, dec.Decode(&ev))
		require.InDelta(t, 1_767_225_600.123, ev.Time, 1e-6)
		require.Equal(t, "lapwing:alert", ev.Sourcetype)
		require.Equal(t, "sec", ev.Index)
		require.Equal(t, want, ev.Event.ID())
		require.Equal(t, want, ev.Fields["alert_id"])
		require.Equal(t, "create", ev.Fields["activity"], "an update is told from a new alert without reading it")
		require.Equal(t, "platform", ev.Fields["team"])
	}
}

func TestHECKeepsTheOthersWhenOneEventIsRefused(t *testing.T) {
	s, got := server(t, 400, 200, 400)
	sink := open(t, Destination{Name: "splunk", Kind: "splunk-hec", URL: s.URL, Token: "T0K"})
	errs := sink.Write(t.Context(), []schemas.Alert{alert("a", 1), alert("b", 1), alert("c", 1)})
	require.NoError(t, errs[0])
	require.True(t, stream.IsPermanent(errs[1]))
	require.NoError(t, errs[2])
	require.Len(t, got(), 4)
}

func TestFileSinkCutsWhatACrashLeftOfALine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "alerts.ndjson")
	require.NoError(t, os.WriteFile(path, []byte("{\"whole\":1}\n{\"torn\":"), 0o600))
	sink := open(t, Destination{Name: "f", Kind: "file", Path: path})
	require.Equal(t, []error{nil}, sink.Write(t.Context(), []schemas.Alert{alert("a", 1)}))
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	lines := strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
	require.Len(t, lines, 2)
	require.JSONEq(t, `{"whole":1}`, lines[0])
	var a schemas.Alert
	require.NoError(t, json.Unmarshal([]byte(lines[1]), &a))
	require.Equal(t, alert("a", 1), a)
}

// syslogServer parses octet-counted RFC 5424 with another's parser.
func syslogServer(t *testing.T, conf *tls.Config) (string, <-chan *rfc5424.SyslogMessage) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	if conf != nil {
		l = tls.NewListener(l, conf)
	}
	t.Cleanup(func() { _ = l.Close() })
	out := make(chan *rfc5424.SyslogMessage, 10)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go octetcounting.NewParser(syslog.WithListener(func(r *syslog.Result) {
				if m, ok := r.Message.(*rfc5424.SyslogMessage); ok && r.Error == nil {
					out <- m
				}
			})).Parse(c)
		}
	}()
	return l.Addr().String(), out
}

func TestSyslogIsReadByAnotherParser(t *testing.T) {
	cert, ca := selfSigned(t)
	for _, c := range []struct {
		name, scheme, format string
		conf                 *tls.Config
	}{
		{"CEF over TCP", "tcp", "", nil},
		{"OCSF over TLS", "tls", "ocsf", &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}},
	} {
		t.Run(c.name, func(t *testing.T) {
			addr, got := syslogServer(t, c.conf)
			sink := open(t, Destination{Name: "s", Kind: "syslog", URL: c.scheme + "://" + addr, Format: c.format, TLS: TLS{CAFile: ca}})
			require.Equal(t, []error{nil, nil}, sink.Write(t.Context(), []schemas.Alert{alert("a]\"1", 1), alert("b", 2)}))
			m := <-got
			require.EqualValues(t, 13, *m.Facility)
			require.EqualValues(t, 3, *m.Severity)
			require.Equal(t, "lapwing", *m.Appname)
			require.Equal(t, "secret-access", *m.MsgID)
			require.Equal(t, "2026-01-01T00:00:00.123Z", m.Timestamp.UTC().Format("2006-01-02T15:04:05.000Z07:00"))
			require.Equal(t, `a]"1`, (*m.StructuredData)["lapwing@32473"]["id"])
			require.Equal(t, "create", (*m.StructuredData)["lapwing@32473"]["activity"])
			if c.format == "ocsf" {
				var a schemas.Alert
				require.NoError(t, json.Unmarshal([]byte(*m.Message), &a))
			} else {
				require.True(t, strings.HasPrefix(*m.Message, `CEF:0|Lapwing|Lapwing|1.0|secret-access|CI deployer read a secret \| for the first time|8|rt=1767225600123 `), *m.Message)
				require.Contains(t, *m.Message, `msg=First line.\nIt read key\=prod/db.`)
				require.Contains(t, *m.Message, " src=203.0.113.9 ")
			}
			require.Equal(t, "b", (*(<-got).StructuredData)["lapwing@32473"]["id"])
		})
	}
}

func TestSyslogRefusesACertificateItCannotVerify(t *testing.T) {
	cert, _ := selfSigned(t)
	addr, _ := syslogServer(t, &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12})
	sink := open(t, Destination{Name: "s", Kind: "syslog", URL: "tls://" + addr})
	errs := sink.Write(t.Context(), []schemas.Alert{alert("a", 1)})
	require.ErrorContains(t, errs[0], "certificate")
	require.False(t, stream.IsPermanent(errs[0]))
}

func selfSigned(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	require.NoError(t, err)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	require.NoError(t, os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, ca
}

func TestPagerDutyJoinsVersionsByDedupKeyAndResolves(t *testing.T) {
	s, got := server(t)
	sink := open(t, Destination{Name: "pd", Kind: "pagerduty", URL: s.URL, Token: strings.Repeat("k", 32), Link: "https://siem.example.com/?q={id}"})
	require.Equal(t, []error{nil, nil, nil}, sink.Write(t.Context(), []schemas.Alert{alert("a", 1), closing("a", 2), folded("b", 2)}))
	var trigger, resolve, part pdEvent
	require.NoError(t, json.Unmarshal(got()[2].body, &part))
	require.Equal(t, "resolve", part.EventAction, "the incident stands for it")
	require.NoError(t, json.Unmarshal(got()[0].body, &trigger))
	require.NoError(t, json.Unmarshal(got()[1].body, &resolve))
	require.Equal(t, "trigger", trigger.EventAction)
	require.Equal(t, "resolve", resolve.EventAction)
	require.Equal(t, trigger.DedupKey, resolve.DedupKey)
	require.Equal(t, "error", trigger.Payload.Severity)
	require.Equal(t, "https://siem.example.com/?q=a", trigger.ClientURL)
	require.Equal(t, []pdLink{{"https://wiki.example.com/ci", "Runbook"}}, trigger.Links)
}

func TestAlertmanagerGetsTheNewestVersionUnderLabelsThatNeverChange(t *testing.T) {
	s, got := server(t)
	sink := open(t, Destination{Name: "am", Kind: "alertmanager", URL: s.URL})
	v2 := alert("a", 2)
	v2.SeverityID = schemas.SeverityCritical
	require.Equal(t, []error{nil, nil, nil, nil}, sink.Write(t.Context(), []schemas.Alert{alert("a", 1), v2, closing("b", 4), folded("c", 2)}))
	require.Equal(t, "/api/v2/alerts", got()[0].path)
	var posted []amAlert
	require.NoError(t, json.Unmarshal(got()[0].body, &posted))
	require.Len(t, posted, 3)
	require.Equal(t, "critical", posted[0].Annotations["severity"])
	require.NotContains(t, posted[0].Labels, "severity", "a label that changes makes another alert")
	ends, err := time.Parse(time.RFC3339Nano, posted[0].EndsAt)
	require.NoError(t, err)
	require.Greater(t, time.Until(ends), 23*time.Hour)
	for _, over := range posted[1:] {
		ends, err = time.Parse(time.RFC3339Nano, over.EndsAt)
		require.NoError(t, err)
		require.LessOrEqual(t, time.Until(ends), time.Duration(0), "a closing resolves, and so does an incident that stands for the alert")
	}
}

// memStore is an OpenStore that outlives an OnCall.
type memStore map[string][]byte

func (m memStore) Load(context.Context) (map[string][]byte, error) { return m, nil }
func (m memStore) Put(_ context.Context, id string, b []byte) error {
	if b == nil {
		delete(m, id)
	} else {
		m[id] = b
	}
	return nil
}

func TestOnCallRepeatsOpenAlertsAfterARestartUntilTheyClose(t *testing.T) {
	store := memStore{}
	first := &OnCall{Sink: &recorder{}, Store: store}
	require.NoError(t, first.Start(t.Context()))
	require.Equal(t, []error{nil, nil}, first.Write(t.Context(), []schemas.Alert{alert("a", 1), alert("b", 1)}))

	rec := &recorder{}
	second := &OnCall{Sink: rec, Store: store}
	require.NoError(t, second.Start(t.Context()))
	second.Repeat(t.Context())
	require.Equal(t, []string{"a.1", "b.1"}, rec.got)

	require.Equal(t, []error{nil}, second.Write(t.Context(), []schemas.Alert{closing("a", 2)}))
	rec.got = nil
	second.Repeat(t.Context())
	require.Equal(t, []string{"b.1"}, rec.got)

	require.Equal(t, []error{nil}, second.Write(t.Context(), []schemas.Alert{folded("b", 2)}))
	rec.got = nil
	second.Repeat(t.Context())
	require.Empty(t, rec.got, "its incident is repeated in its place")
}

func TestOnCallEndsWhatNoClosingEnded(t *testing.T) {
	opened := time.UnixMilli(alert("a", 1).FindingInfo.FirstSeenTime)
	for _, c := range []struct {
		name      string
		taken, at time.Duration // after opening
		refuses   error
		ended     bool
	}{
		{"within three days it is repeated", 0, 72 * time.Hour, nil, false},
		{"after three days and what the engine may take beyond, it ends", 0, 76 * time.Hour, nil, true},
		{"an end that is refused for good is not tried again: the destination ends it by itself", 0, 76 * time.Hour, stream.Permanent(errors.New("no")), true},
		{"an end that is not taken now comes again", 0, 76 * time.Hour, errors.New("down"), false},
		{"a page of an old log is repeated, too", 500 * time.Hour, 500*time.Hour + time.Minute, nil, false},
		{"for an hour", 500 * time.Hour, 501 * time.Hour, nil, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			store, now := memStore{}, opened.Add(c.taken)
			rec := &recorder{}
			var wrote []schemas.Alert
			o := &OnCall{Sink: tap{rec, &wrote}, Store: store, now: func() time.Time { return now }}
			require.NoError(t, o.Start(t.Context()))
			require.Equal(t, []error{nil}, o.Write(t.Context(), []schemas.Alert{alert("a", 1)}))
			now = opened.Add(c.at)
			rec.fail = func(string) error { return c.refuses }
			o.Repeat(t.Context())
			require.Equal(t, c.ended || c.refuses != nil, wrote[len(wrote)-1].EndsPage())
			n := len(wrote)
			o.Repeat(t.Context())
			require.Equal(t, c.ended, len(wrote) == n, "what is over is not put again")
			require.Equal(t, c.ended, len(store) == 0, "nor after a restart")
		})
	}
}

// tap keeps what a sink was handed.
type tap struct {
	Sink
	wrote *[]schemas.Alert
}

func (s tap) Write(ctx context.Context, batch []schemas.Alert) []error {
	*s.wrote = append(*s.wrote, batch...)
	return s.Sink.Write(ctx, batch)
}

func TestCEFNeverBreaksItsOwnFraming(t *testing.T) {
	a := alert("x|=\\\n1", 1)
	a.FindingInfo.Title = "a|b\\c\nd"
	a.FindingInfo.Desc = "k=v\r\n|pipe\\"
	s := CEF(&a)
	require.NotContains(t, s, "\n")
	require.Contains(t, s, `|a\|b\\c d|`)
	require.Contains(t, s, `msg=k\=v\n|pipe\\`)
}

func TestNamesFromLogsSteerNoTerminal(t *testing.T) {
	a := alert("a", 1)
	a.FindingInfo.Title = "t\x1b[2Jx\u202e"
	a.FindingInfo.Desc = "d\x1b]0;owned\x07\u2028"
	a.Actor.User.UID = "nginx:user/x\n<13>1 - - forged\x1b[31m"
	sink := &syslogSink{host: "h"}
	msg, err := sink.message(&a)
	require.NoError(t, err)
	for _, r := range "\x1b\x07\n\u202e\u2028" {
		require.NotContains(t, CEF(&a), string(r))
		require.NotContains(t, string(msg), string(r))
	}
	require.NotContains(t, excerpt([]byte("no\x1b[2J")), "\x1b")
}

func TestCEFHoldsCEFsBounds(t *testing.T) {
	a := alert("a", 1)
	a.Actor.User.CredentialUID = "AKIAIOSFODNN7EXAMPLE"
	a.FindingInfo.Title = strings.Repeat("t", 600)
	a.FindingInfo.Desc = strings.Repeat("ü", 3000)
	a.Unmapped.Lapwing.Observed = strings.Repeat("o", 5000)
	s := CEF(&a)
	require.Contains(t, s, "|"+strings.Repeat("t", 511)+"…|")
	require.True(t, strings.HasSuffix(s, "msg="+strings.Repeat("ü", 1022)+"…"))
	require.NotContains(t, s, strings.Repeat("o", 4000))
	require.Contains(t, s, " flexString1Label=credential flexString1=AKIAIOSFODNN7EXAMPLE flexString2Label=breaks if disabled flexString2=unknown: ")
}

func TestCEFCarriesPolicyAndIssuance(t *testing.T) {
	a := paged()
	s := CEF(&a)
	require.Contains(t, s, " deviceCustomDate1Label=credential issued deviceCustomDate1=1764547200000 deviceCustomDate2Label=credential expires deviceCustomDate2=1767139200000"+
		" LapwingMintedBy=aws:1:role/ci LapwingPolicy=countries DE, US; rate 60 a minute (policy for team\\=platform)"+
		" LapwingExceptions=region-policy until 2026-01-01T00:00:00Z msg=")
	a.Unmapped.Lapwing.Identity.Policy[0].Allows = strings.Repeat("p", 3000)
	require.NotContains(t, CEF(&a), strings.Repeat("p", cefText))
	a.Unmapped.Lapwing.Identity = schemas.AlertIdentity{}
	require.NotContains(t, CEF(&a), "LapwingPolicy")
}

func FuzzCEF(f *testing.F) {
	f.Add("a|b", "k=v\n", "id")
	f.Fuzz(func(t *testing.T, title, desc, id string) {
		a := alert(id, 1)
		a.FindingInfo.Title, a.FindingInfo.Desc = title, desc
		s := CEF(&a)
		if strings.ContainsAny(s, "\r\n") {
			t.Fatalf("a line break survived: %q", s)
		}
		// Seven unescaped bars frame the header.
		bars, escaped := 0, false
		for i := 0; i < len(s) && bars < 7; i++ {
			switch {
			case escaped:
				escaped = false
			case s[i] == '\\':
				escaped = true
			case s[i] == '|':
				bars++
			}
		}
		if bars != 7 {
			t.Fatalf("%d header bars in %q", bars, s)
		}
	})
}
