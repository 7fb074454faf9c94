package app

import (
	"io"
	"time"

	"github.com/schollz/progressbar/v3"
)

// progress is a bar on a terminal, and nothing anywhere else. A nil progress
// shows nothing.
type progress struct {
	bar *progressbar.ProgressBar
}

// newProgress starts a bar on w up to total (0: not known); nil when w is no
// terminal.
func newProgress(w io.Writer, what string, total int64, bytes bool) *progress {
	if !terminal(w) {
		return nil
	}
	if total <= 0 {
		total = -1
	}
	return &progress{progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetDescription(what),
		progressbar.OptionShowBytes(bytes),
		progressbar.OptionShowCount(),
		progressbar.OptionSetWidth(30),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionSetPredictTime(true),
	)}
}

// Write implements io.Writer: it counts the bytes.
func (p *progress) Write(b []byte) (int, error) {
	p.add(len(b))
	return len(b), nil
}

func (p *progress) add(n int) {
	if p != nil {
		_ = p.bar.Add(n) // a bar that cannot be drawn stops nobody
	}
}

// clear takes the bar away while something else is printed; the next add
// draws it again.
func (p *progress) clear() {
	if p != nil {
		_ = p.bar.Clear() // as above
	}
}

func (p *progress) finish() {
	if p != nil {
		_ = p.bar.Finish() // as above
	}
}
