package enrich

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"

	"github.com/lapwing-sec/lapwing/internal/safefile"
	"github.com/lapwing-sec/lapwing/schemas"
)

// Times of the watcher: writes that come together are read once, and where
// the file system sends no notices (NFS, some mounts) the content is compared
// in a slow rhythm.
const (
	settleTime  = 200 * time.Millisecond
	compareTime = 30 * time.Second
)

// WatchInventory reads the inventory file, calls onChange with it, and again
// whenever its content or that of its CSV map has changed, until ctx ends; it then returns nil. A file
// that is missing or wrong goes to onError and changes nothing: what was
// passed on before stands. Replacement by rename and the symbolic links of a
// Kubernetes volume are followed. Both functions are called from one goroutine,
// one at a time. It returns an error only when the directory can't be watched.
func WatchInventory(ctx context.Context, file InventoryFile, onChange func(*schemas.Inventory), onError func(error)) error {
	return watchFiles(ctx, file.files(), MaxInventoryBytes, watchRules{settle: settleTime, compare: compareTime}, func() error {
		inv, err := file.Load()
		if err != nil {
			return err
		}
		onChange(inv)
		return nil
	}, onError)
}

// Watch keeps the enricher's file inventory current with a file, as
// WatchInventory does, and counts and logs what happens.
func (e *Enricher) Watch(ctx context.Context, file InventoryFile) error {
	return WatchInventory(ctx, file, func(inv *schemas.Inventory) {
		e.SetInventory(SourceFile, inv)
		e.log.Info().Str("file", file.Path).Int("identities", len(inv.Identities)).Int("networks", len(inv.Networks)).Msg("inventory loaded")
	}, func(err error) {
		e.Refused(SourceFile, err)
	})
}

// WatchGeo keeps the geo databases current with their files until ctx ends.
// Without configured databases it only waits.
func (e *Enricher) WatchGeo(ctx context.Context) error {
	paths := e.geoConf.Databases
	if len(paths) == 0 {
		<-ctx.Done()
		return nil
	}
	limit := e.geoConf.MaxBytes
	if limit <= 0 {
		limit = defaultGeoBytes
	}
	return watchFiles(ctx, paths, limit, watchRules{settle: settleTime, compare: compareTime}, e.ReloadGeo, func(err error) {
		e.log.Error().Err(err).Msg("geo databases not loaded; those in use stay")
	})
}

// WatchAPIs keeps the API documents current with their files until ctx ends.
// Without configured documents it only waits.
func (e *Enricher) WatchAPIs(ctx context.Context) error {
	if len(e.apiConf) == 0 {
		<-ctx.Done()
		return nil
	}
	var paths []string
	for _, d := range e.apiConf {
		paths = append(paths, d.File)
	}
	return watchFiles(ctx, paths, maxDocumentBytes, watchRules{settle: settleTime, compare: compareTime}, e.ReloadAPIs, func(err error) {
		e.log.Error().Err(err).Msg("API documents not loaded; those in use stay")
	})
}

// WatchLists keeps the lists of networks current with their files until ctx
// ends. Without configured lists it only waits.
func (e *Enricher) WatchLists(ctx context.Context) error {
	if len(e.lists) == 0 {
		<-ctx.Done()
		return nil
	}
	paths := make([]string, len(e.lists))
	for i := range e.lists {
		paths[i] = e.lists[i].File
	}
	return watchFiles(ctx, paths, MaxListBytes, watchRules{settle: settleTime, compare: compareTime, apart: true}, func() error {
		err := e.ReloadLists()
		for _, l := range e.state.Load().lists.lists {
			e.log.Info().Str("file", l.loaded.File).Str("format", l.loaded.Kind).Int("prefixes", l.loaded.Entries).Msg("network list in use")
		}
		return err
	}, func(err error) {
		e.log.Error().Err(err).Msg("network list not loaded; the content in use stays")
	})
}

// watchRules say how files are watched: how long writes that come together are
// waited for, how often contents are compared, and whether the files stand
// apart: then one that can't be read keeps no other from being loaded.
type watchRules struct {
	settle, compare time.Duration
	apart           bool
}

// watchFiles calls load at the start and whenever the content of any of the
// files has changed. A load that fails is tried again only when the content
// changes once more.
func watchFiles(ctx context.Context, paths []string, limit int64, rules watchRules, load func() error, onError func(error)) (err error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch %s: %w", paths[0], err)
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	dirs := watchedDirs{watcher: w, seen: make(map[string]bool)}
	// Directories are watched, not files: a file that is replaced by a rename
	// takes its watch with it.
	if err := dirs.follow(paths); err != nil {
		return err
	}
	seen := watchedContent{paths: paths, limit: limit, apart: rules.apart}
	check := func(thorough bool) {
		changed, err := seen.changed(thorough)
		if err == nil && changed {
			err = load()
		}
		if err != nil {
			onError(err)
		}
	}
	check(true)
	settle := time.NewTimer(rules.settle)
	settle.Stop()
	defer settle.Stop()
	compare := time.NewTicker(rules.compare)
	defer compare.Stop()
	pending, missing := false, false
	for {
		thorough := false
		select {
		case <-ctx.Done():
			return nil
		case _, ok := <-w.Events:
			if !ok {
				return nil
			}
			if !pending {
				settle.Reset(rules.settle)
			}
			pending = true
			continue
		case _, ok := <-w.Errors:
			if !ok {
				return nil
			}
			// An overflow of notices: look, as after any notice.
			if !pending {
				settle.Reset(rules.settle)
			}
			pending = true
			continue
		case <-settle.C:
			pending = false
		case <-compare.C:
			thorough = true
		}
		// A link may lead to another directory by now.
		if err := dirs.follow(paths); err != nil {
			if !missing {
				onError(err)
			}
			missing = true
			continue
		}
		missing = false
		check(thorough)
	}
}

// watchedContent tells whether files have changed since it was last asked.
type watchedContent struct {
	paths []string
	limit int64
	apart bool
	stats []os.FileInfo
	sum   [sha256.Size]byte
	fault string
}

// changed compares the files' size and time first, unless asked to be
// thorough, so that other files in a busy directory cost little. An error is
// reported once until it goes away or becomes another.
func (c *watchedContent) changed(thorough bool) (bool, error) {
	stats := statAll(c.paths)
	if !thorough && c.fault == "" && slices.EqualFunc(stats, c.stats, sameStat) {
		return false, nil
	}
	c.stats = stats
	sum, err := c.digest()
	if err != nil {
		c.sum = sum
		if err.Error() == c.fault {
			return false, nil
		}
		c.fault = err.Error()
		return false, err
	}
	c.fault = ""
	if sum == c.sum {
		return false, nil
	}
	c.sum = sum
	return true, nil
}

// statAll gives nil for a file that is not there.
func statAll(paths []string) []os.FileInfo {
	stats := make([]os.FileInfo, len(paths))
	for i, p := range paths {
		if st, err := os.Stat(p); err == nil {
			stats[i] = st
		}
	}
	return stats
}

// sameStat compares the file itself too: clocks of file systems are coarse.
func sameStat(a, b os.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}

// watchedDirs adds the directories of files, and of what they link to.
type watchedDirs struct {
	watcher *fsnotify.Watcher
	seen    map[string]bool
}

func (d *watchedDirs) follow(paths []string) error {
	for _, p := range paths {
		if err := d.add(filepath.Dir(p)); err != nil {
			return err
		}
		if linked, err := filepath.EvalSymlinks(p); err == nil {
			if err := d.add(filepath.Dir(linked)); err != nil {
				return err
			}
		}
	}
	// A directory that was removed and made again needs a new watch.
	for dir := range d.seen {
		if _, err := os.Stat(dir); err != nil {
			delete(d.seen, dir)
		}
	}
	return nil
}

func (d *watchedDirs) add(dir string) error {
	if d.seen[dir] {
		return nil
	}
	if err := d.watcher.Add(dir); err != nil {
		return fmt.Errorf("watch directory %s: %w", dir, err)
	}
	d.seen[dir] = true
	return nil
}

// digest is a hash of the contents of the files together. Of files that stand
// apart, one that can't be read counts as missing; loading it says why.
func (c *watchedContent) digest() (sum [sha256.Size]byte, err error) {
	h := sha256.New()
	for _, p := range c.paths {
		n, err := hashFile(h, p, c.limit)
		if err != nil && c.apart {
			n, err = -1, nil
		}
		if err != nil {
			return sum, err
		}
		// The length keeps two files from passing for others; a hash never fails.
		_, _ = fmt.Fprintf(h, "|%d|", n)
	}
	return [sha256.Size]byte(h.Sum(nil)), nil
}

func hashFile(to io.Writer, path string, limit int64) (n int64, err error) {
	f, _, err := safefile.Open(path)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return io.Copy(to, io.LimitReader(f, limit+1))
}
