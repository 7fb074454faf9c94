package app

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/lapwing-sec/lapwing/internal/safefile"
)

// Files of a data directory. All of them are readable by their owner only.
const (
	runFile    = "run.json"
	hmacFile   = "hmac.key"
	brokerDir  = "broker"
	engineDir  = "clickhouse"
	secretMode = 0o600
	dirMode    = 0o700
)

// running is what `up` leaves in run.json, by which hunt, identity and
// deadletter find it.
type running struct {
	PID        int              `json:"pid"`
	Ingest     string           `json:"ingest,omitempty"`
	Monitor    string           `json:"monitor,omitempty"`
	Kafka      []string         `json:"kafka,omitempty"`
	ClickHouse *runningDatabase `json:"clickhouse,omitempty"`
	// Inventory and CSVMap are the files in use, for identity list and show.
	Inventory string `json:"inventory,omitempty"`
	CSVMap    string `json:"csv_map,omitempty"`
}

// runningDatabase is how to reach ClickHouse. Token opens everything, Hunter
// only reading.
type runningDatabase struct {
	Addr     []string `json:"addr"`
	Protocol string   `json:"protocol"`
	Token    string   `json:"token,omitempty"`
	Hunter   string   `json:"hunter_token,omitempty"`
}

// declares notes the inventory of a configuration, if it has one.
func (r *running) declares(c *InventoryConfig) {
	if c.File != "" {
		r.Inventory = absolute(c.File)
	}
	if c.CSVMap != "" {
		r.CSVMap = absolute(c.CSVMap)
	}
}

// writeRunning leaves run.json in dir.
func writeRunning(dir string, r running) error {
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return writeSecretFile(filepath.Join(dir, runFile), append(b, '\n'))
}

// readRunning reads run.json of dir; the error says what to do.
func readRunning(dir string) (running, error) {
	var r running
	path := filepath.Join(dir, runFile)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return r, notRunning(dir)
	}
	if errors.Is(err, fs.ErrPermission) {
		return r, fmt.Errorf("%s cannot be read: the Lapwing there was started by another user; be that user, or set LAPWING_DATA_DIR to a directory of your own", absolute(path))
	}
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(b, &r); err != nil {
		return r, fmt.Errorf("%s: %w", path, err)
	}
	if ended(r.PID) {
		return running{}, notRunning(dir) // it was killed and left its file behind
	}
	return r, nil
}

// notRunningError says that no Lapwing runs in a directory, and what to do.
type notRunningError struct{ dir string }

func notRunning(dir string) error { return &notRunningError{absolute(dir)} }

// Error implements error.
func (e *notRunningError) Error() string {
	return fmt.Sprintf("no Lapwing runs in %s: start one with `lapwing up`, or set LAPWING_DATA_DIR to the directory of the one that runs, or name the services in --config", e.dir)
}

// absolute is the whole path of a file, for people who stand elsewhere.
func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// ended reports whether that process is certainly gone.
func ended(pid int) bool {
	p, err := os.FindProcess(pid)
	if err != nil {
		return false
	}
	return errors.Is(p.Signal(syscall.Signal(0)), os.ErrProcessDone)
}

// removeRunning takes run.json away; the process that wrote it is ending.
func removeRunning(dir string) error {
	err := os.Remove(filepath.Join(dir, runFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// writeSecretFile replaces path as one step, readable by its owner only.
func writeSecretFile(path string, data []byte) error {
	return safefile.Replace(path, safefile.Rules{Mode: secretMode}, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// ensureHMACKey gives the data directory's key, making it at the first start:
// hashes, and with them baselines, hold as long as the directory does.
func ensureHMACKey(dir string) (Secret, error) {
	path := filepath.Join(dir, hmacFile)
	b, err := os.ReadFile(path)
	switch {
	case err == nil:
		key := Secret(strings.TrimSpace(string(b)))
		if len(key) < minHMACKey {
			return "", fmt.Errorf("%s holds no key: remove it to have one made, or restore it to keep the baselines", path)
		}
		return key, nil
	case !errors.Is(err, fs.ErrNotExist):
		return "", err
	}
	raw := make([]byte, minHMACKey)
	if _, err := rand.Read(raw); err != nil {
		return "", err
	}
	key := hex.EncodeToString(raw)
	if err := writeSecretFile(path, []byte(key+"\n")); err != nil {
		return "", err
	}
	return Secret(key), nil
}

// makeDataDir creates the data directory for its owner only.
func makeDataDir(dir string) error {
	if err := os.MkdirAll(dir, dirMode); err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	return nil
}
