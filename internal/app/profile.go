package app

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/lapwing-sec/lapwing/detect"
	"github.com/lapwing-sec/lapwing/enrich"
	"github.com/lapwing-sec/lapwing/internal/clickhouse"
)

// ProfileShowOptions configures ProfileShow.
type ProfileShowOptions struct {
	// Top bounds the values shown of each dimension.
	Top  int
	JSON bool
}

// profileNamesSQL finds the values that an identity's profile may know, by the
// names of dimensions: profiles keep fingerprints only.
const profileNamesSQL = `SELECT pair.1 AS dimension, pair.2 AS value FROM (
  SELECT arrayJoin([
    ('operation', toString(operation)), ('service', toString(service)), ('refused operation', toString(operation)),
    ('country', toString(country)), ('region', toString(region)), ('network class', toString(network_class)),
    ('client', toString(client)), ('credential', toString(credential_id)), ('credential type', toString(credential_type)),
    ('host', toString(host)), ('account', if(target_account != '', toString(target_account), toString(account))),
    ('resource', resources[1]), ('secret', resources[1]), ('environment', toString(declared_target_environment)),
    ('address', replaceRegexpOne(toString(src_ip), '^::ffff:', '')), ('prefix', toString(src_prefix))
  ]) AS pair
  FROM events WHERE tenant = {tenant:String} AND identity_id = {identity:String})
WHERE pair.2 != '' GROUP BY dimension, value ORDER BY count() DESC, dimension, value LIMIT 400 BY dimension`

// ProfileShow prints what is kept of one identity.
func ProfileShow(ctx context.Context, cfg Config, name string, o ProfileShowOptions, std IO) (err error) {
	s := newServices(&cfg)
	all, err := s.identities(ctx)
	if err != nil {
		return err
	}
	id, _ := findIdentity(all, name)
	kc, err := s.openKafka(ctx)
	if err != nil {
		return err
	}
	defer kc.Close()
	cell, err := cellOf(ctx, kc, id)
	if err != nil {
		return err
	}
	bar := newProgress(std.Err, "reading the log", 0, false)
	e, err := s.cellEngine(ctx, kc, cell, bar)
	bar.finish()
	if err != nil {
		return err
	}
	v, ok := e.Profile(id)
	if !ok {
		return fmt.Errorf("cell %d has no profile of %q: no call of it was seen, or it was forgotten for others", cell, id)
	}
	if err := s.nameValues(ctx, &v); err != nil {
		fmt.Fprintf(std.Err, "values are shown by fingerprint: %s\n", oneLine(err.Error()))
	}
	if o.JSON {
		return newEncoder(std.Out).Encode(&v)
	}
	_, err = io.WriteString(std.Out, profileText(&v, o.Top))
	return err
}

// nameValues finds names for the fingerprints of a profile in ClickHouse.
func (s *services) nameValues(ctx context.Context, v *detect.ProfileView) (err error) {
	db, err := s.openClickHouse(ctx, true)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	res, err := db.Query(ctx, profileNamesSQL, map[string]string{"tenant": clickhouse.EscapeText(s.cfg.Tenant), "identity": clickhouse.EscapeText(v.Identity)})
	if err != nil {
		return err
	}
	type key struct {
		dimension   string
		fingerprint uint32
	}
	names := map[key]string{}
	for _, row := range res.Rows {
		dimension, ok1 := row[0].(string)
		value, ok2 := row[1].(string)
		if !ok1 || !ok2 {
			return fmt.Errorf("names are %T and %T, not text", row[0], row[1])
		}
		names[key{dimension, detect.FingerprintOf(dimension, value)}] = value
	}
	for i := range v.Sets {
		for k := range v.Sets[i].Values {
			x := &v.Sets[i].Values[k]
			if name := names[key{v.Sets[i].Dimension, x.Fingerprint}]; name != "" {
				x.Name = name
			}
		}
	}
	return nil
}

// ProfileExport writes profiles as NDJSON: all, or those of the identities
// named.
func ProfileExport(ctx context.Context, cfg Config, ids []string, out string, std IO) error {
	want := map[string]bool{}
	for _, id := range ids {
		want[enrich.Canonical(id)] = true
	}
	n := 0
	err := writeFile("--out", out, std.Out, func(w io.Writer) error {
		b := bufio.NewWriterSize(w, 1<<16)
		enc := newEncoder(b)
		err := newServices(&cfg).engines(ctx, std, func(e *detect.Engine) error {
			return e.Profiles(func(v *detect.ProfileView) error {
				if len(want) > 0 && !want[v.Identity] {
					return nil
				}
				n++
				v.State, _ = e.ProfileState(v.Identity)
				return enc.Encode(v)
			})
		})
		return errors.Join(err, b.Flush())
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(std.Err, count(n, "profile"))
	if n < len(want) {
		return fmt.Errorf("%d of the identities named have no profile", len(want)-n)
	}
	return nil
}

// ProfileDiff says what changed between two exports, such as those of two days.
func ProfileDiff(before, after string, std IO) error {
	old, err := loadProfiles(before)
	if err != nil {
		return err
	}
	now, err := loadProfiles(after)
	if err != nil {
		return err
	}
	changed := 0
	for _, id := range sortedNames(now) {
		lines := profileChanges(old[id], now[id])
		if len(lines) == 0 {
			continue
		}
		changed++
		fmt.Fprintln(std.Out, oneLine(id))
		for _, l := range lines {
			fmt.Fprintln(std.Out, "  "+l)
		}
	}
	for _, id := range sortedNames(old) {
		if now[id] == nil {
			changed++
			fmt.Fprintf(std.Out, "%s\n  gone\n", oneLine(id))
		}
	}
	fmt.Fprintf(std.Err, "%s differ\n", count(changed, "profile"))
	return nil
}

// maxProfileLine bounds a line of an export.
const maxProfileLine = 4 << 20

func loadProfiles(name string) (map[string]*detect.ProfileView, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, Usagef("%s: %s", name, rootCause(err))
	}
	defer f.Close() //nolint:errcheck // opened for reading
	out := map[string]*detect.ProfileView{}
	in := bufio.NewScanner(f)
	in.Buffer(nil, maxProfileLine)
	for n := 1; in.Scan(); n++ {
		if len(bytes.TrimSpace(in.Bytes())) == 0 {
			continue
		}
		var v detect.ProfileView
		if err := json.Unmarshal(in.Bytes(), &v); err != nil || v.Identity == "" {
			return nil, Usagef("%s: line %d: no profile, as lapwing profile export writes it", name, n)
		}
		out[v.Identity] = &v
	}
	return out, in.Err()
}

// levelChange is by what factor a level has to move to be told.
const levelChange = 1.25

// profileChanges lists what a profile has and had not.
func profileChanges(old, now *detect.ProfileView) []string {
	if old == nil {
		return []string{fmt.Sprintf("new: %d calls since %s", now.Calls, now.FirstSeen.Format("2006-01-02 15:04"))}
	}
	var out []string
	if old.Mature != now.Mature {
		out = append(out, map[bool]string{true: "is learned now", false: "is no longer learned"}[now.Mature])
	}
	for _, l := range now.Levels {
		i := slices.IndexFunc(old.Levels, func(o detect.LevelView) bool { return o.Name == l.Name })
		if i < 0 || old.Levels[i].Panes == 0 {
			continue
		}
		was := old.Levels[i].Level
		if lo, hi := min(was, l.Level), max(was, l.Level); hi >= levelChange*lo && hi-lo >= 0.5 {
			out = append(out, fmt.Sprintf("%s: %s becomes %s", l.Name, shortNumber(was), shortNumber(l.Level)))
		}
	}
	sets := map[string][2]*detect.SetView{}
	for k, v := range []*detect.ProfileView{old, now} {
		for i := range v.Sets {
			pair := sets[v.Sets[i].Dimension]
			pair[k] = &v.Sets[i]
			sets[v.Sets[i].Dimension] = pair
		}
	}
	for _, d := range sortedNames(sets) {
		pair := sets[d]
		gained, lost := newValues(pair[0], pair[1]), newValues(pair[1], pair[0])
		if gained+lost > 0 {
			out = append(out, fmt.Sprintf("%s: %s gained, %d forgotten", d, count(gained, "value"), lost))
		}
	}
	return out
}

// newValues counts what is in b and not in a.
func newValues(a, b *detect.SetView) (n int) {
	if b == nil {
		return 0
	}
	for _, x := range b.Values {
		if a == nil || !slices.ContainsFunc(a.Values, func(y detect.Value) bool { return y.Fingerprint == x.Fingerprint }) {
			n++
		}
	}
	return n
}
