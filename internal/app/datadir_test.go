package app

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHMACKeyIsMadeOnceAndKept(t *testing.T) {
	dir := t.TempDir()
	first, err := ensureHMACKey(dir)
	require.NoError(t, err)
	require.Len(t, first.Reveal(), 2*minHMACKey)
	again, err := ensureHMACKey(dir)
	require.NoError(t, err)
	require.Equal(t, first.Reveal(), again.Reveal())
	st, err := os.Stat(filepath.Join(dir, hmacFile))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(secretMode), st.Mode().Perm())
}

func TestADamagedHMACKeyIsNotReplaced(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, hmacFile), []byte("x"), 0o600))
	_, err := ensureHMACKey(dir)
	require.ErrorContains(t, err, "holds no key")
}

func TestRunningIsFoundByItsDirectory(t *testing.T) {
	dir := t.TempDir()
	_, err := readRunning(dir)
	require.ErrorContains(t, err, "start one with `lapwing up`")
	require.ErrorContains(t, err, "or set LAPWING_DATA_DIR")
	t.Chdir(filepath.Dir(dir))
	_, err = readRunning(filepath.Base(dir))
	require.ErrorContains(t, err, "no Lapwing runs in "+dir, "the whole path, wherever one stands")
	want := running{PID: os.Getpid(), Kafka: []string{"127.0.0.1:1"}, ClickHouse: &runningDatabase{Addr: []string{"127.0.0.1:2"}, Protocol: "http", Token: "t"}}
	require.NoError(t, writeRunning(dir, want))
	got, err := readRunning(dir)
	require.NoError(t, err)
	require.Equal(t, want, got)
	st, err := os.Stat(filepath.Join(dir, runFile))
	require.NoError(t, err)
	require.Equal(t, os.FileMode(secretMode), st.Mode().Perm())

	gone := exec.CommandContext(t.Context(), "go", "version")
	require.NoError(t, gone.Run())
	want.PID = gone.Process.Pid
	require.NoError(t, writeRunning(dir, want))
	_, err = readRunning(dir)
	require.ErrorContains(t, err, "no Lapwing runs in", "a process that was killed leaves its file behind")

	require.NoError(t, removeRunning(dir))
	require.NoError(t, removeRunning(dir), "twice is fine")
}
