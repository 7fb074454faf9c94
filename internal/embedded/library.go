package embedded

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// ChDBVersion is the release of the engine that Lapwing is tested with and that
// `make chdb` fetches.
const ChDBVersion = "26.5.3"

// LibraryEnv names the environment variable that points at a copy of libchdb.
const LibraryEnv = "LAPWING_CHDB"

// ErrNoLibrary says that there is no embedded engine on this machine.
var ErrNoLibrary = errors.New("the embedded ClickHouse engine is not installed")

// FindLibrary returns the path of libchdb: what LAPWING_CHDB names, else the
// copy of ChDBVersion in the cache. The error wraps ErrNoLibrary and says what
// to do.
func FindLibrary() (string, error) {
	const todo = "run `make chdb`, or set " + LibraryEnv + " to a libchdb.so, or give the address of a ClickHouse server"
	if !chdbSupported {
		return "", fmt.Errorf("%w: this build for %s/%s has none; give the address of a ClickHouse server", ErrNoLibrary, runtime.GOOS, runtime.GOARCH)
	}
	if path := os.Getenv(LibraryEnv); path != "" {
		if err := isFile(path); err != nil {
			return "", fmt.Errorf("%w: %s: %w; %s", ErrNoLibrary, LibraryEnv, err, todo)
		}
		return path, nil
	}
	cache, err := CacheDir()
	if err != nil {
		return "", fmt.Errorf("%w: %w; %s", ErrNoLibrary, err, todo)
	}
	path := filepath.Join(cache, "chdb", ChDBVersion, "libchdb.so")
	if err := isFile(path); err != nil {
		return "", fmt.Errorf("%w: %w; %s", ErrNoLibrary, err, todo)
	}
	return path, nil
}

// CacheDir is where Lapwing keeps what it fetched: LAPWING_CACHE, else lapwing
// in XDG_CACHE_HOME, else ~/.cache/lapwing. The scripts use the same.
func CacheDir() (string, error) {
	if dir := os.Getenv("LAPWING_CACHE"); dir != "" {
		return dir, nil
	}
	if dir := os.Getenv("XDG_CACHE_HOME"); dir != "" {
		return filepath.Join(dir, "lapwing"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("cache directory: %w", err)
	}
	return filepath.Join(home, ".cache", "lapwing"), nil
}

func isFile(path string) error {
	st, err := os.Stat(path) //nolint:gosec // the operator's own environment names it
	if err != nil {
		return err
	}
	if !st.Mode().IsRegular() {
		return fmt.Errorf("%s is not a file", path)
	}
	return nil
}
