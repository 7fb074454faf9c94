package detect

import "math"

// A PaneView is what an identity did in one pane and what was expected of it,
// before the pane was learned: for plots and reports.
type PaneView struct {
	Identity string
	// Start is the pane's first moment, Unix nanoseconds.
	Start int64
	// Known says that the identity had enough history for expectations.
	Known bool
	// Calls, Refused, Resources and Bytes are the dimensions that volume
	// detectors judge: all calls, refused ones, distinct resources, bytes out.
	Calls, Refused, Resources, Bytes Reading
}

// Reading is one number of a pane beside its baseline.
type Reading struct {
	Value float64
	// Level is what was expected. Low is two deviations below; High is what one
	// pane in a thousand would exceed if the baseline were the whole truth.
	Level, Low, High float64
}

// Watch has fn told of every pane that closes, in the order in which they
// close. It decides nothing: verdicts and state are the same with it. fn runs
// within Event and Control and must not call the engine.
func (e *Engine) Watch(fn func(*PaneView)) { e.watch = fn }

// show tells the watcher of a pane that has been judged and not yet learned.
func (e *Engine) show(p *Profile, pane *Pane, x expectation) {
	s := &p.stats
	w := PaneView{
		Identity: e.store.ids[p.self], Start: pane.Start(), Known: s.judged >= coldPanes,
		Calls:     Reading{Value: float64(pane.Calls)},
		Refused:   Reading{Value: float64(pane.Denied)},
		Resources: Reading{Value: pane.Resources.Count()},
		Bytes:     Reading{Value: float64(pane.BytesOut)},
	}
	if w.Known {
		w.Calls.band(x.mean, x.variance)
		load := math.Max(1, float64(pane.Calls)/math.Max(float64(s.rate.mean), 1))
		mean, variance := s.denied.predictive(load, 1)
		w.Refused.band(mean, variance)
		mean, variance = s.resources.predictive(s.broader(&s.resources, load), 0.1)
		w.Resources.band(mean, variance)
		if s.bytes.n >= coldPanes {
			m, d := float64(s.bytes.mean), math.Sqrt(float64(s.bytes.variance)+0.25)
			w.Bytes.Level, w.Bytes.Low, w.Bytes.High = math.Expm1(m), math.Expm1(math.Max(0, m-2*d)), math.Expm1(m+3.1*d)
		}
	}
	e.watch(&w)
}

// band fills in a count's baseline.
func (r *Reading) band(mean, variance float64) {
	r.Level, r.Low = mean, math.Max(0, mean-2*math.Sqrt(variance))
	// The tail falls as the count rises: find where it passes one in a thousand.
	const rare = 3
	low, high := 0.0, math.Max(8, mean+8*math.Sqrt(variance))
	for negativeBinomialTail(high, mean, variance) < rare && high < 1e12 {
		low, high = high, 2*high
	}
	for high-low > math.Max(0.5, high/1e3) {
		if mid := (low + high) / 2; negativeBinomialTail(mid, mean, variance) < rare {
			low = mid
		} else {
			high = mid
		}
	}
	r.High = high
}
