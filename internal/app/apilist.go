package app

import (
	"context"
	"strconv"
)

// APIListOptions configures APIList.
type APIListOptions struct {
	// API keeps the endpoints of one host or service, when not empty.
	API string
	// Shadow keeps those that the API's document does not have.
	Shadow bool
	// Top bounds the rows.
	Top    int
	Output string
}

// APIList shows the endpoints that are called, and whether a document
// describes them.
func APIList(ctx context.Context, cfg Config, o APIListOptions, std IO) error {
	shadow := "0"
	if o.Shadow {
		shadow = "1"
	}
	return HuntRun(ctx, cfg, "endpoints-in-use", HuntOptions{
		Params: []string{"api=" + o.API, "shadow=" + shadow, "top=" + strconv.Itoa(o.Top)}, Output: o.Output,
	}, std)
}
