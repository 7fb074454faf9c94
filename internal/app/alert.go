package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/lapwing-sec/lapwing/alerting"
	"github.com/lapwing-sec/lapwing/internal/clickhouse"
	"github.com/lapwing-sec/lapwing/schemas"
)

// AlertListOptions says which alerts are meant.
type AlertListOptions struct {
	// Identity, Detector, Owner and Team keep those of one, when not empty.
	Identity, Detector, Owner, Team string
	// MinSeverity keeps those at least as grave.
	MinSeverity string
	// Since keeps those first seen within so long before now; 0 keeps all.
	Since time.Duration
	// Open keeps those that are not closed, Paged those that woke somebody.
	Open, Paged bool
	// Limit bounds the rows, newest first.
	Limit int
	JSON  bool
	// Wide shows all columns, also where the terminal has less room.
	Wide bool
}

const alertListSQL = `SELECT alert FROM alerts_current
WHERE tenant = {tenant:String} AND severity_id >= {severity:UInt8}
  AND ({identity:String} = '' OR identity_id = {identity:String} OR has(identities, {identity:String}))
  AND ({detector:String} = '' OR detector = {detector:String} OR has(detectors, {detector:String}))
  AND ({owner:String} = '' OR owner = {owner:String}) AND ({team:String} = '' OR team = {team:String})
  AND ({since:Int64} = 0 OR first_ts >= fromUnixTimestamp64Milli({since:Int64}))
  AND ({open:UInt8} = 0 OR activity != 'close') AND ({paged:UInt8} = 0 OR paged)
ORDER BY first_ts DESC, alert_id LIMIT {limit:UInt32}`

// AlertList shows alerts, newest first.
func AlertList(ctx context.Context, cfg Config, o AlertListOptions, std IO) (err error) {
	severity := 0
	if o.MinSeverity != "" {
		var ok bool
		if severity, ok = schemas.SeverityOf(o.MinSeverity); !ok {
			return Usagef("--severity %q: want %s", o.MinSeverity, oneOf(schemas.SeverityWords()))
		}
	}
	since := int64(0)
	if o.Since > 0 {
		since = time.Now().Add(-o.Since).UnixMilli()
	}
	db, err := newServices(&cfg).openClickHouse(ctx, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	params := map[string]string{
		"tenant": cfg.Tenant, "identity": o.Identity, "detector": o.Detector, "owner": o.Owner, "team": o.Team,
		"severity": strconv.Itoa(severity), "since": strconv.FormatInt(since, 10),
		"open": strconv.Itoa(btoi(o.Open)), "paged": strconv.Itoa(btoi(o.Paged)), "limit": strconv.Itoa(o.Limit),
	}
	alerts, err := queryAlerts(ctx, db, alertListSQL, params)
	if err != nil {
		return err
	}
	if len(alerts) == 0 && since > 0 {
		params["since"], params["limit"] = "0", "1"
		older, err := queryAlerts(ctx, db, alertListSQL, params)
		if err != nil {
			return err
		}
		if len(older) > 0 {
			fmt.Fprintf(std.Err, "none since %s UTC, but the newest alert is of %s: --since counts from now, and alerts of replayed logs have the logs' times\n",
				stamp(since), stamp(older[0].FindingInfo.FirstSeenTime))
		}
	}
	if o.JSON {
		return encodeLines(std.Out, alerts)
	}
	g := grid{
		header: []string{"alert", "first seen (UTC)", "severity", "detector", "identity", "what", "state"},
		spare:  []string{"state", "detector", "first seen (UTC)"},
		whole:  []string{"alert"},
	}
	for i := range alerts {
		a := &alerts[i]
		g.add(a.ID(), stamp(a.FindingInfo.FirstSeenTime), strings.ToLower(a.Severity), a.FindingInfo.Analytic.UID, a.Actor.User.UID, clipText(oneLine(a.FindingInfo.Title), maxCell), alertState(a))
	}
	if err := g.write(std.Out, std.Err, widthFor(std.Out, o.Wide)); err != nil {
		return err
	}
	fmt.Fprintln(std.Err, count(len(alerts), "alert"))
	return nil
}

// alertState is where an alert stands, in a word or two.
func alertState(a *schemas.Alert) string {
	switch {
	case a.ActivityID == schemas.ActivityClose:
		return "closed: " + oneLine(a.Unmapped.Lapwing.CloseReason)
	case !a.Unmapped.Lapwing.Paged:
		return "open, no page"
	}
	return "open"
}

// queryAlerts asks for alerts; the first column is the whole alert.
func queryAlerts(ctx context.Context, db *clickhouse.DB, sql string, params map[string]string) ([]schemas.Alert, error) {
	escaped := make(map[string]string, len(params))
	for name, v := range params {
		escaped[name] = clickhouse.EscapeText(v)
	}
	res, err := db.Query(ctx, sql, escaped)
	if err != nil {
		return nil, err
	}
	out := make([]schemas.Alert, len(res.Rows))
	for i, row := range res.Rows {
		text, ok := row[0].(string)
		if !ok {
			return nil, fmt.Errorf("alert of row %d is no text but %T", i+1, row[0])
		}
		if err := json.Unmarshal([]byte(text), &out[i]); err != nil {
			return nil, fmt.Errorf("alert of row %d: %w", i+1, err)
		}
	}
	return out, nil
}

// findAlert reads one alert by its id, or by a beginning of it that only one
// has.
func findAlert(ctx context.Context, db *clickhouse.DB, tenant, id string) (*schemas.Alert, error) {
	const least = 6
	if len(id) < least {
		return nil, Usagef("alert %q: give its id, or at least %d characters of it (lapwing alert list shows them)", id, least)
	}
	alerts, err := queryAlerts(ctx, db, `SELECT alert FROM alerts_current WHERE tenant = {tenant:String} AND startsWith(alert_id, {id:String}) ORDER BY alert_id LIMIT 3`,
		map[string]string{"tenant": tenant, "id": id})
	if err != nil {
		return nil, err
	}
	for i := range alerts {
		if alerts[i].ID() == id {
			return &alerts[i], nil
		}
	}
	switch len(alerts) {
	case 0:
		return nil, fmt.Errorf("no alert %q: lapwing alert list shows them", id)
	case 1:
		return &alerts[0], nil
	}
	return nil, fmt.Errorf("alert %q: several begin so, such as %s and %s", id, alerts[0].ID(), alerts[1].ID())
}

// AlertShow prints one alert with its explanation.
func AlertShow(ctx context.Context, cfg Config, id string, asJSON bool, std IO) (err error) {
	db, err := newServices(&cfg).openClickHouse(ctx, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	a, err := findAlert(ctx, db, cfg.Tenant, id)
	if err != nil {
		return err
	}
	if asJSON {
		return newEncoder(std.Out).Encode(a)
	}
	a.Unmapped.Lapwing.Page = a.Unmapped.Lapwing.Paged // the newest version alone may page nobody
	newAlertView(std.Out).inFull(a)
	_, err = fmt.Fprint(std.Out, alertRest(a))
	return err
}

// alertRest is what alert show adds to an alert as it lands: where it stands,
// every finding, what belongs to it, and what to run next.
func alertRest(a *schemas.Alert) string {
	var b strings.Builder
	b.WriteString(wrapField("state", alertState(a), viewWidth))
	for i, f := range a.Unmapped.Lapwing.Findings {
		name := ""
		if i == 0 {
			name = "findings"
		}
		b.WriteString(wrapField(name, oneLine(f.Detector+": "+f.Sentence), viewWidth))
	}
	l := &a.Unmapped.Lapwing
	for _, f := range []struct{ name, value string }{{"linked", strings.Join(l.Links, ", ")}, {"part of", l.PartOf}, {"members", strings.Join(l.Identities, ", ")}} {
		if f.value != "" {
			b.WriteString(wrapField(f.name, f.value, viewWidth))
		}
	}
	if c, ok := alerting.Contain(a); ok {
		b.WriteString(commandField("stop it", c.Do))
		b.WriteString(wrapField("", "stops "+c.Stops, viewWidth))
		b.WriteString(commandField("undo", c.Undo))
	}
	name := "next"
	for _, c := range alerting.Commands(a) {
		if c.What == "show" {
			continue // it is what was run
		}
		b.WriteString(commandField(name, c.Line))
		name = ""
	}
	return b.String()
}

// commandField writes a command on one line, however long: whoever copies half of
// one runs it.
func commandField(name, line string) string {
	return viewIndent + fmt.Sprintf("%-*s", fieldWidth, name) + oneLine(line) + "\n"
}
