package kafka

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"

	kafkago "github.com/segmentio/kafka-go"

	"github.com/lapwing-sec/lapwing/internal/certs"
)

// connectionError is one line that says where, what is wrong, and what to do; the
// client's own error is behind it.
type connectionError struct {
	line string
	err  error
	// mind: only another configuration, or other credentials, mend it.
	mind bool
}

func (e *connectionError) Error() string { return e.line }
func (e *connectionError) Unwrap() error { return e.err }

// explain words what stands between us and the brokers. Other errors are given
// back as they are.
func (c *Client) explain(err error) error {
	var known *connectionError
	if err == nil || errors.As(err, &known) {
		return err
	}
	why, mind := "", true
	switch s := c.cfg.SASL; {
	case errors.Is(err, kafkago.SASLAuthenticationFailed):
		why = fmt.Sprintf("user %q is unknown or its password is wrong (%s): mind kafka.sasl.user and password, and that the broker knows the user under this mechanism", s.User, s.Mechanism)
	case errors.Is(err, kafkago.UnsupportedSASLMechanism):
		why = fmt.Sprintf("it does not offer %s: set kafka.sasl.mechanism to one that the listener has", s.Mechanism)
	case errors.Is(err, kafkago.IllegalSASLState):
		why = "it asks for a login: set kafka.sasl.mechanism, user and password"
	default:
		why = certs.Explain(err, "kafka.tls")
	}
	if why == "" && (errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET)) {
		// A broker that restarts does the same: only said, not acted upon.
		why, mind = "it closes the connection without a word: "+c.perhaps(), false
	}
	if why == "" {
		return err
	}
	return &connectionError{fmt.Sprintf("kafka at %s: %s", strings.Join(c.cfg.Brokers, ", "), why), err, mind}
}

// perhaps guesses at what a broker wants that says nothing.
func (c *Client) perhaps() string {
	guess := "the port may want TLS (kafka.tls.enabled)"
	if c.cfg.TLS != nil {
		guess = "the port may not speak TLS (kafka.tls.enabled)"
	}
	if c.cfg.SASL.Mechanism == "" {
		guess += ", or want a login (kafka.sasl.mechanism)"
	}
	return guess
}

// needsOperator reports whether only another configuration mends an error.
func (c *Client) needsOperator(err error) bool {
	var e *connectionError
	return errors.As(c.explain(err), &e) && e.mind
}
