package app

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/lapwing-sec/lapwing/detect"
	"github.com/lapwing-sec/lapwing/enrich"
	"github.com/lapwing-sec/lapwing/internal/clickhouse"
)

// ProfileShowOptions configures ProfileShow.
type ProfileShowOptions struct {
	// File is a file of profiles to look into instead of the running Lapwing.
	File string
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
func ProfileShow(ctx context.Context, cfg Config, name string, o ProfileShowOptions, std IO) error {
	if o.Top < 0 {
		return Usagef("--top %d: want 0 or more", o.Top)
	}
	if o.File != "" {
		v, err := profileInFile(&cfg, o.File, name, std.In)
		if err != nil {
			return err
		}
		v.State = nil
		return showProfile(&v, o, std)
	}
	s := newServices(&cfg)
	all, err := s.identities(ctx)
	if err != nil {
		return orFile(err)
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
	return showProfile(&v, o, std)
}

func showProfile(v *detect.ProfileView, o ProfileShowOptions, std IO) error {
	if o.JSON {
		return newEncoder(std.Out).Encode(v)
	}
	_, err := io.WriteString(std.Out, profileText(v, o.Top))
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

// ProfileExportOptions configures ProfileExport.
type ProfileExportOptions struct {
	// IDs are whose profiles are written; none means all.
	IDs []string
	// File is a file of profiles to take them from instead of the running Lapwing.
	File string
	// Out is the file to write; empty is standard output.
	Out string
}

// ProfileExport writes profiles as NDJSON: all, or those of the identities
// named.
func ProfileExport(ctx context.Context, cfg Config, o ProfileExportOptions, std IO) error {
	want, got := map[string]bool{}, map[string]bool{}
	for _, id := range o.IDs {
		want[enrich.Canonical(id)] = true
	}
	n := 0
	err := writeFile("--out", o.Out, std.Out, func(w io.Writer) error {
		b := bufio.NewWriterSize(w, 1<<16)
		enc := newEncoder(b)
		put := func(v *detect.ProfileView) error {
			n++
			if len(want) > 0 {
				got[v.Identity] = true
			}
			return enc.Encode(v)
		}
		var err error
		if o.File != "" {
			err = exportFromFile(o.File, std.In, want, put)
		} else {
			err = newServices(&cfg).engines(ctx, std, func(e *detect.Engine) error {
				return e.Profiles(func(v *detect.ProfileView) error {
					if len(want) > 0 && !want[v.Identity] {
						return nil
					}
					v.State, _ = e.ProfileState(v.Identity)
					return put(v)
				})
			})
		}
		return errors.Join(err, b.Flush())
	})
	if err != nil {
		return orFile(err)
	}
	fmt.Fprintln(std.Err, count(n, "profile"))
	return missingProfiles(want, got)
}

// ProfileDiff says what changed between two exports, such as those of two days.
func ProfileDiff(before, after string, std IO) error {
	if before == stdinName && after == stdinName {
		return Usagef("profile diff: only one of the two files can be standard input")
	}
	old, err := loadProfiles(before, std.In)
	if err != nil {
		return err
	}
	now, err := loadProfiles(after, std.In)
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
		if len(gained)+len(lost) > 0 {
			out = append(out, fmt.Sprintf("%s: %s gained%s, %d forgotten%s", d, count(len(gained), "value"), namesOf(gained), len(lost), namesOf(lost)))
		}
	}
	return out
}
