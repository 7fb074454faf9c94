package alerting

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lapwing-sec/lapwing/internal/stream"
	"github.com/lapwing-sec/lapwing/schemas"
)

// maxReply bounds what is read of a destination's answer.
const maxReply = 64 << 10

// RetryAfterError carries how long a destination asked to be left alone.
type RetryAfterError struct {
	After time.Duration
	Err   error
}

func (e *RetryAfterError) Error() string { return e.Err.Error() }
func (e *RetryAfterError) Unwrap() error { return e.Err }

// poster sends one HTTP request an attempt and sorts the answers into
// delivered, hopeless and try again.
type poster struct {
	client  *http.Client
	url     string
	timeout time.Duration
}

func newPoster(d Destination, url string) (*poster, error) {
	conf, err := d.TLS.Client()
	if err != nil {
		return nil, err
	}
	tr := http.DefaultTransport.(*http.Transport).Clone()
	tr.TLSClientConfig = conf
	tr.MaxConnsPerHost = 4
	return &poster{
		client: &http.Client{
			Transport: tr,
			// A redirect would carry the token or the signature elsewhere.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		url:     url,
		timeout: d.timeout(),
	}, nil
}

// post sends body and returns nil for any 2xx. The URL stays out of errors,
// since some destinations carry their secret in it.
func (p *poster) post(ctx context.Context, header http.Header, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(body))
	if err != nil {
		return stream.Permanent(errors.New("the destination's URL makes no valid request"))
	}
	req.Header = header
	if req.Header.Get("Content-Type") == "" {
		req.Header.Set("Content-Type", "application/json")
	}
	req.Header.Set("User-Agent", schemas.ProductName)
	res, err := p.client.Do(req)
	if err != nil {
		var ue *url.Error
		if errors.As(err, &ue) {
			err = ue.Err
		}
		return fmt.Errorf("%s: %w", hostOf(p.url), err)
	}
	defer func() { _ = res.Body.Close() }()
	reply, _ := io.ReadAll(io.LimitReader(res.Body, maxReply))
	if res.StatusCode/100 == 2 {
		return nil
	}
	err = fmt.Errorf("%s answered %s: %s", hostOf(p.url), res.Status, excerpt(reply))
	switch res.StatusCode {
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		return &RetryAfterError{After: retryAfter(res.Header), Err: err}
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		// This alert as it is will never be taken. Anything else, a wrong
		// token or path included, an operator can mend while we wait.
		return stream.Permanent(err)
	}
	return err
}

func (p *poster) close() { p.client.CloseIdleConnections() }

func hostOf(raw string) string {
	if u, err := url.Parse(raw); err == nil && u.Host != "" {
		return u.Host
	}
	return "destination"
}

// retryAfter reads the header's seconds form, at most 5 minutes.
func retryAfter(h http.Header) time.Duration {
	n, err := strconv.Atoi(strings.TrimSpace(h.Get("Retry-After")))
	if err != nil || n < 0 {
		return 0
	}
	return min(time.Duration(n)*time.Second, 5*time.Minute)
}

// excerpt is the start of a reply, fit for one log line.
func excerpt(b []byte) string {
	s := schemas.Plain(strings.Join(strings.Fields(strings.ToValidUTF8(string(b), "")), " "))
	if len(s) > 200 {
		s = strings.ToValidUTF8(s[:200], "") + "…"
	}
	if s == "" {
		return "(no text)"
	}
	return s
}

// checkURL requires an absolute URL of one of the schemes.
func checkURL(raw string, schemes ...string) error {
	u, err := url.Parse(raw)
	if err == nil && u.Host != "" && slices.Contains(schemes, u.Scheme) {
		return nil
	}
	return fmt.Errorf("url: want %s://HOST…", strings.Join(schemes, ":// or "))
}

// inOrder writes alerts one by one and stops at the first error that a retry
// may mend, so that no newer alert overtakes it.
func inOrder(batch []schemas.Alert, write func(*schemas.Alert) error) []error {
	errs := make([]error, len(batch))
	for i := range batch {
		err := write(&batch[i])
		errs[i] = err
		if err != nil && !stream.IsPermanent(err) {
			for j := i + 1; j < len(batch); j++ {
				errs[j] = err
			}
			break
		}
	}
	return errs
}

// same gives every alert of a batch one result.
func same(n int, err error) []error {
	errs := make([]error, n)
	for i := range errs {
		errs[i] = err
	}
	return errs
}
