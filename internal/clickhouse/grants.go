package clickhouse

import (
	"context"
	"fmt"
	"strings"
)

// Grant is a right on one of our tables.
type Grant struct {
	// Right is SELECT or INSERT.
	Right string
	Table string
}

// User is the name that we log in with.
func (d *DB) User() string { return d.cfg.User }

// Granted asks the server whether our user has a right, with CHECK GRANT. known is
// false where the server does not know that statement (before 24.10).
func (d *DB) Granted(ctx context.Context, g Grant) (has, known bool, err error) {
	var n uint8
	err = d.bare.QueryRow(ctx, fmt.Sprintf("CHECK GRANT %s ON %s.%s", g.Right, d.cfg.Database, g.Table)).Scan(&n)
	switch code := codeOf(err); {
	case err == nil:
		return n != 0, true, nil
	case code == codeSyntaxError, code == codeNotImplemented, code == codeSupportIsDisabled, strings.Contains(err.Error(), "not supported"), strings.Contains(err.Error(), "disabled"):
		return false, false, nil // a syntax error, or not for this server
	}
	return false, false, d.describe(err)
}
