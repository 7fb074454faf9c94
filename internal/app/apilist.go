package app

import (
	"context"
	"fmt"
	"strconv"

	"github.com/lapwing-sec/lapwing/internal/clickhouse"
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
	// Wide shows all columns, also where the terminal has less room.
	Wide bool
}

// APIList shows the endpoints that are called, and whether a document
// describes them.
func APIList(ctx context.Context, cfg Config, o APIListOptions, std IO) error {
	shadow := "0"
	if o.Shadow {
		shadow = "1"
	}
	params := map[string]string{"api": o.API, "shadow": shadow, "top": strconv.Itoa(o.Top)}
	why := ""
	err := ask(ctx, cfg, HuntOptions{Output: o.Output, Wide: o.Wide}, std, func(db *clickhouse.DB) (*clickhouse.Result, error) {
		res, err := db.RunHunt(ctx, "endpoints-in-use", params)
		if err == nil && o.Shadow && len(res.Rows) == 0 {
			why, err = whyNoShadow(ctx, db, &cfg)
		}
		return res, err
	})
	if err == nil && why != "" {
		fmt.Fprintln(std.Err, why)
	}
	return err
}

// whyNoShadow says what it means that no endpoint is a shadow one: that there are
// none, or that nothing was held against a document.
func whyNoShadow(ctx context.Context, db *clickhouse.DB, cfg *Config) (string, error) {
	if len(cfg.APIs) == 0 {
		return "no documents are configured to hold calls against: name them under apis (docs/discovery.md)", nil
	}
	res, err := db.Query(ctx, "SELECT uniqExactIf(api, api_document != '') AS described, arrayStringConcat(arraySort(groupUniqArrayIf(5)(api, api_document = '' AND api != '')), ', ') AS others, sumIf(calls, api = '') AS nameless FROM endpoints_seen WHERE tenant = {tenant:String}",
		map[string]string{"tenant": clickhouse.EscapeText(cfg.Tenant)})
	if err != nil || len(res.Rows) == 0 {
		return "", err
	}
	described, others := clickhouse.Format(res.Rows[0][0]), oneLine(clickhouse.Format(res.Rows[0][1]))
	nameless := clickhouse.Format(res.Rows[0][2])
	switch {
	case described != "0":
		return "every endpoint that was called at a described API is in its document", nil
	case others == "" && nameless == "0":
		return "no call of an API was seen yet", nil
	case others == "":
		return "the logs name neither a host nor a service (" + nameless + " calls), so that no document can be found for a call: log the host (in NGINX $host, in Apache %v)", nil
	}
	return "no call was to an API that the documents under apis describe. They are known by hosts; the logs name " + others +
		". Where a log has no host, say the name that it has instead: service: NAME beside file", nil
}
