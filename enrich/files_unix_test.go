//go:build unix

package enrich

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// Whoever may write to the folder of a file that is watched can't make the
// process wait for good, nor read without end.
func TestAPipeInAFilesPlaceIsNotWaitedFor(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "file.yaml")
	must(t, syscall.Mkfifo(pipe, 0o600))
	for name, read := range map[string]func(path string) error{
		"inventory":    func(p string) error { _, err := LoadInventory(p); return err },
		"CSV map":      func(p string) error { _, err := LoadCSVMap(p); return err },
		"list":         func(p string) error { _, err := loadList(&ListConfig{File: p}); return err },
		"database":     func(p string) error { _, err := openGeo(GeoConfig{Databases: []string{p}}); return err },
		"API document": func(p string) error { _, err := openAPIs([]APIDocument{{File: p}}); return err },
		"watched": func(p string) error {
			_, err := (&watchedContent{paths: []string{p}, limit: 10}).changed(true)
			return err
		},
	} {
		for _, path := range []string{pipe, os.DevNull} {
			if err := read(path); err == nil || !strings.Contains(err.Error(), path+": is no regular file") {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

func TestAnImportMayComeFromAPipe(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	must(t, syscall.Mkfifo(pipe, 0o600))
	go func() {
		f, err := os.OpenFile(pipe, os.O_WRONLY, 0)
		if err == nil {
			_, _ = f.WriteString("identities: []")
			_ = f.Close()
		}
	}()
	if data, err := ReadImport(pipe); err != nil || string(data) != "identities: []" {
		t.Errorf("%q, %v", data, err)
	}
	if _, err := ReadImport(filepath.Dir(pipe)); err == nil || !strings.Contains(err.Error(), "is a directory") {
		t.Errorf("a folder: %v", err)
	}
}

func TestAFileThatGrowsWhileItIsReadIsBounded(t *testing.T) {
	if _, err := readUpTo("f", strings.NewReader("12345"), 1, 4); err == nil || err.Error() != "f: more than the 4 bytes that are read" {
		t.Error(err)
	}
}
