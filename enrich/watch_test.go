package enrich

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/rs/zerolog"

	"github.com/lapwing-sec/lapwing/schemas"
)

// watched is a WatchInventory at work, seen from its callbacks.
type watched struct {
	changes chan *schemas.Inventory
	errs    chan error
	done    chan error
}

func watch(t *testing.T, path string) *watched {
	t.Helper()
	return watchFile(t, InventoryFile{Path: path})
}

func watchFile(t *testing.T, file InventoryFile) *watched {
	t.Helper()
	w := &watched{changes: make(chan *schemas.Inventory, 16), errs: make(chan error, 16), done: make(chan error, 1)}
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		w.done <- WatchInventory(ctx, file, func(inv *schemas.Inventory) { w.changes <- inv }, func(err error) { w.errs <- err })
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-w.done; err != nil {
			t.Errorf("the watcher ended with %v", err)
		}
	})
	return w
}

func (w *watched) owner(t *testing.T, want string) {
	t.Helper()
	for {
		select {
		case inv := <-w.changes:
			// A write may be seen half done; only the last state counts.
			if len(inv.Identities) > 0 && inv.Identities[0].Owner == want {
				return
			}
		case err := <-w.errs:
			t.Log(err)
		case <-time.After(20 * time.Second):
			t.Fatalf("no inventory of owner %q came", want)
		}
	}
}

func (w *watched) fails(t *testing.T, want string) {
	t.Helper()
	for {
		select {
		case err := <-w.errs:
			if strings.Contains(err.Error(), want) {
				return
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("no error with %q came", want)
		}
	}
}

func write(t *testing.T, path, owner string) {
	t.Helper()
	if err := os.WriteFile(path, fmt.Appendf(nil, "identities: [{id: kong:consumer/a, owner: %s}]\n", owner), 0o600); err != nil {
		t.Fatal(err)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestWatchSeesWritesRenamesAndErrors(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "inventory.yaml")
	write(t, path, "first")
	w := watch(t, path)
	w.owner(t, "first")

	write(t, path, "in-place")
	w.owner(t, "in-place")

	next := filepath.Join(dir, ".inventory.tmp")
	write(t, next, "renamed")
	must(t, os.Rename(next, path))
	w.owner(t, "renamed")

	must(t, os.WriteFile(path, []byte("identities: [{id: x, kinds: y}]\n"), 0o600))
	w.fails(t, `unknown key "kinds"`)
	write(t, path, "repaired")
	w.owner(t, "repaired")

	must(t, os.Remove(path))
	w.fails(t, "no such file")
	write(t, path, "back")
	w.owner(t, "back")
}

// A Kubernetes volume swaps one link, ..data, to a new directory.
func TestWatchFollowsKubernetesVolumes(t *testing.T) {
	dir := t.TempDir()
	for _, v := range []string{"..v1", "..v2"} {
		must(t, os.Mkdir(filepath.Join(dir, v), 0o700))
		write(t, filepath.Join(dir, v, "inventory.yaml"), strings.TrimPrefix(v, ".."))
	}
	must(t, os.Symlink("..v1", filepath.Join(dir, "..data")))
	path := filepath.Join(dir, "inventory.yaml")
	must(t, os.Symlink(filepath.Join("..data", "inventory.yaml"), path))
	w := watch(t, path)
	w.owner(t, "v1")
	must(t, os.Symlink("..v2", filepath.Join(dir, "..data_tmp")))
	must(t, os.Rename(filepath.Join(dir, "..data_tmp"), filepath.Join(dir, "..data")))
	w.owner(t, "v2")
}

func TestWatchOfAMissingDirectoryFails(t *testing.T) {
	err := WatchInventory(t.Context(), InventoryFile{Path: filepath.Join(t.TempDir(), "none", "inventory.yaml")}, func(*schemas.Inventory) {}, func(error) {})
	if err == nil || !strings.Contains(err.Error(), "none") {
		t.Errorf("got %v", err)
	}
}

func TestEnricherKeepsTheOldInventoryAfterABadReload(t *testing.T) {
	path := filepath.Join(t.TempDir(), "inventory.yaml")
	write(t, path, "good")
	e, err := New(Config{}, prometheus.NewRegistry(), zerolog.Nop())
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- e.Watch(ctx, InventoryFile{Path: path}) }()
	until(t, func() bool { _, ok := e.Lookup("kong:consumer/a"); return ok })
	must(t, os.WriteFile(path, []byte("identities: 5\n"), 0o600))
	until(t, func() bool { return testutil.ToFloat64(e.metrics.loads.WithLabelValues("file", "error")) > 0 })
	if it, ok := e.Lookup("kong:consumer/a"); !ok || it.Owner != "good" {
		t.Errorf("got %v %v", it, ok)
	}
	cancel()
	must(t, <-done)
}

// until waits for a condition, looking at it every few milliseconds.
func until(t *testing.T, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(20 * time.Second)
	for !cond() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatal("the condition never came")
		}
	}
}
