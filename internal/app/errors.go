package app

import (
	"errors"
	"fmt"
	"io/fs"
)

// Exit codes of the command.
const (
	ExitOK     = 0
	ExitFailed = 1
	ExitUsage  = 2
)

// UsageError says that the command was given something it cannot work with;
// the process leaves with ExitUsage.
type UsageError struct{ err error }

// Error implements error.
func (e *UsageError) Error() string { return e.err.Error() }

// Unwrap gives the cause.
func (e *UsageError) Unwrap() error { return e.err }

// Usagef builds a UsageError, as Usage does.
func Usagef(format string, args ...any) error { return Usage(fmt.Errorf(format, args...)) }

// Usage marks err as a UsageError; Usage(nil) is nil. A file that is missing or may not
// be read is no bad usage, whichever argument named it: such an error comes back as it
// is and leaves with ExitFailed.
func Usage(err error) error {
	if err == nil || errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
		return err
	}
	return &UsageError{err}
}

// errReported ends a command with ExitFailed after everything has been said.
var errReported = errors.New("failed; see above")

// ExitCode is the code that a command's error leaves with, and whether the
// error still has to be printed.
func ExitCode(err error) (code int, printIt bool) {
	var usage *UsageError
	var config *ConfigError
	switch {
	case err == nil:
		return ExitOK, false
	case errors.Is(err, errReported):
		return ExitFailed, false
	case errors.As(err, &usage), errors.As(err, &config):
		return ExitUsage, true
	}
	return ExitFailed, true
}
