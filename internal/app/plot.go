package app

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lapwing-sec/lapwing/detect"
	"github.com/lapwing-sec/lapwing/schemas"
)

// Sizes of a plot, in SVG units.
const (
	plotWidth, plotHeight                = 1000, 190
	plotLeft, plotRight, plotTop, plotUp = 56, 12, 14, 26 // margins; plotUp is the lower one
)

// plotPane is one pane of an identity, as small as many of them have to be.
type plotPane struct {
	start int64 // Unix milliseconds
	known bool
	dims  [plotDims]plotReading
}

type plotReading struct{ value, level, low, high float32 }

// The dimensions that can be plotted.
const (
	plotCalls = iota
	plotRefused
	plotResources
	plotBytes
	plotDims
)

var plotTitles = [plotDims]string{"Calls in 15 minutes", "Refused calls in 15 minutes", "Different resources in 15 minutes", "Bytes out in 15 minutes"}

// plotOf chooses the dimension that a detector judges.
var plotOf = map[string]int{
	"denied-probing": plotRefused, "enumeration": plotResources, "egress-volume": plotBytes,
}

func plotPaneOf(v *detect.PaneView) plotPane {
	p := plotPane{start: v.Start / 1e6, known: v.Known}
	for i, r := range [plotDims]detect.Reading{v.Calls, v.Refused, v.Resources, v.Bytes} {
		p.dims[i] = plotReading{float32(r.Value), float32(r.Level), float32(r.Low), float32(r.High)}
	}
	return p
}

// plot is one picture: bars of what was, the band of what was expected, and the
// alert's time and events marked. All texts in it are ours.
type plot struct {
	Title         string
	Width, Height int
	// Bars are ordinary panes, Hot those beyond the band or with an event of the
	// alert.
	Bars, Hot []plotBar
	// Band and Level are paths.
	Band, Level string
	// From and Span are where the alert lies.
	From, Span float64
	Marks      []float64 // events of the alert
	X, Y       []plotTick
	// Base is where 0 is, Left and Right the ends of the axis.
	Base, Left, Right float64
	Top               float64
	Log               bool
	Quiet             bool // there is no band: too little history
}

type plotBar struct{ X, Y, W, H float64 }

type plotTick struct {
	At   float64
	Text string
}

// Windows of a plot: how far it reaches before an alert and behind it. An
// identity that calls now and then is shown over more days.
const (
	plotBefore     = 3 * 24 * time.Hour
	plotFarBefore  = 14 * 24 * time.Hour
	plotBehind     = 6 * time.Hour
	plotLongest    = 48 * time.Hour
	plotFewPanes   = 40
	plotPaneMillis = detect.PaneLength / 1e6
)

// plotWindow is the time that an alert's plot covers, in Unix milliseconds.
func plotWindow(a *schemas.Alert, before time.Duration) (from, to int64) {
	f := &a.FindingInfo
	last := min(f.LastSeenTime, f.FirstSeenTime+plotLongest.Milliseconds())
	return f.FirstSeenTime - before.Milliseconds(), last + plotBehind.Milliseconds()
}

// newPlot draws an alert from its identity's panes, which are in order of time.
// It is nil when there is nothing to draw.
func newPlot(a *schemas.Alert, panes []plotPane) *plot {
	from, to := plotWindow(a, plotBefore)
	within := panesWithin(panes, from, to)
	if len(within) < plotFewPanes {
		from, _ = plotWindow(a, plotFarBefore)
		if within = panesWithin(panes, from, to); len(within) > 0 {
			from = max(from, within[0].start-plotBehind.Milliseconds())
		}
	}
	if len(within) == 0 {
		return nil
	}
	dim := plotCalls
	for _, d := range detectorsOf(a) {
		if i, ok := plotOf[d]; ok {
			dim = i
			break
		}
	}
	p := &plot{
		Title: plotTitles[dim], Width: plotWidth, Height: plotHeight,
		Left: plotLeft, Right: plotWidth - plotRight, Top: plotTop, Base: plotHeight - plotUp, Quiet: true,
	}
	s := plotScale{p: p, from: float64(from), to: float64(to)}
	s.fit(within, dim)
	p.Log = s.log
	events := map[int64]bool{}
	for _, e := range a.FindingInfo.RelatedEvents {
		if e.Time >= from && e.Time < to {
			events[e.Time/plotPaneMillis] = true
			p.Marks = append(p.Marks, s.x(float64(e.Time)))
		}
	}
	wide := math.Max(1.6, float64(plotPaneMillis)/(s.to-s.from)*(p.Right-p.Left)-0.4)
	for i := range within {
		r := &within[i].dims[dim]
		if r.value <= 0 {
			continue
		}
		y := s.y(float64(r.value))
		bar := plotBar{s.x(float64(within[i].start)), y, round1(wide), round1(p.Base - y)}
		if within[i].known && r.value > r.high || events[within[i].start/plotPaneMillis] {
			p.Hot = append(p.Hot, bar)
		} else {
			p.Bars = append(p.Bars, bar)
		}
	}
	s.band(within, dim)
	p.From = s.x(float64(a.FindingInfo.FirstSeenTime))
	last := math.Min(float64(a.FindingInfo.LastSeenTime), s.to)
	p.Span = math.Max(2, round1(s.x(last)-p.From))
	s.ticks(dim)
	return p
}

func panesWithin(panes []plotPane, from, to int64) []plotPane {
	at := func(t int64) int {
		i, _ := slices.BinarySearchFunc(panes, t, func(p plotPane, t int64) int {
			if p.start < t {
				return -1
			}
			return 1
		})
		return i
	}
	return panes[at(from):at(to)]
}

// plotScale maps times and values to places.
type plotScale struct {
	p        *plot
	from, to float64
	top      float64
	log      bool
}

// fit chooses the scale: logarithmic where one burst would flatten the rest.
func (s *plotScale) fit(panes []plotPane, dim int) {
	most, usual := 1.0, []float64{}
	for i := range panes {
		r := &panes[i].dims[dim]
		most = math.Max(most, float64(r.value))
		if r.value > 0 {
			usual = append(usual, float64(r.value))
		}
	}
	for i := range panes {
		if r := &panes[i].dims[dim]; panes[i].known {
			most = math.Max(most, math.Min(float64(r.high), 3*most))
		}
	}
	slices.Sort(usual)
	s.log = len(usual) > 0 && most > 20*usual[len(usual)/2]
	s.top = most * 1.06
}

func (s *plotScale) x(t float64) float64 {
	t = math.Min(math.Max(t, s.from), s.to)
	return round1(s.p.Left + (t-s.from)/(s.to-s.from)*(s.p.Right-s.p.Left))
}

func (s *plotScale) y(v float64) float64 {
	v = math.Min(math.Max(v, 0), s.top)
	share := v / s.top
	if s.log {
		share = math.Log1p(v) / math.Log1p(s.top)
	}
	return round1(s.p.Base - share*(s.p.Base-s.p.Top))
}

// band draws level and band where they are known; a long silence breaks them.
func (s *plotScale) band(panes []plotPane, dim int) {
	const gap = 6 * 60 * 60 * 1000
	var band, level strings.Builder
	flush := func(run []plotPane) {
		if len(run) == 0 {
			return
		}
		s.p.Quiet = false
		for i := range run {
			x, to := s.x(float64(run[i].start)), s.x(float64(run[i].start+plotPaneMillis))
			verb := "L"
			if i == 0 {
				verb = "M"
			}
			fmt.Fprintf(&band, "%s%g %gL%g %g", verb, x, s.y(float64(run[i].dims[dim].high)), to, s.y(float64(run[i].dims[dim].high)))
			fmt.Fprintf(&level, "%s%g %gL%g %g", verb, x, s.y(float64(run[i].dims[dim].level)), to, s.y(float64(run[i].dims[dim].level)))
		}
		for i := len(run) - 1; i >= 0; i-- {
			low := s.y(float64(run[i].dims[dim].low))
			fmt.Fprintf(&band, "L%g %gL%g %g", s.x(float64(run[i].start+plotPaneMillis)), low, s.x(float64(run[i].start)), low)
		}
		band.WriteString("Z")
	}
	var run []plotPane
	for i := range panes {
		p := panes[i]
		if !p.known || p.dims[dim].high == 0 {
			continue
		}
		if len(run) > 0 && p.start-run[len(run)-1].start > gap {
			flush(run)
			run = run[:0]
		}
		run = append(run, p)
	}
	flush(run)
	s.p.Band, s.p.Level = band.String(), level.String()
}

// ticks labels the axes.
func (s *plotScale) ticks(dim int) {
	word := func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
	if dim == plotBytes {
		word = func(v float64) string { return fileSize(int64(v)) }
	}
	if s.log {
		step := 10.0
		if s.top > 1e5 {
			step = 100
		}
		for v := 1.0; v <= s.top; v *= step {
			s.p.Y = append(s.p.Y, plotTick{s.y(v), word(v)})
		}
	} else {
		step := math.Pow(10, math.Floor(math.Log10(s.top/2)))
		for _, m := range []float64{5, 2, 1} {
			if s.top/(m*step) >= 2 {
				step *= m
				break
			}
		}
		for v := math.Max(step, 1); v <= s.top; v += math.Max(step, 1) {
			s.p.Y = append(s.p.Y, plotTick{s.y(v), word(v)})
		}
	}
	s.p.X = dayTicks(s.from, s.to, s.x)
}

// dayTicks labels midnights (UTC), at most about ten of them.
func dayTicks(from, to float64, x func(float64) float64) []plotTick {
	const day = 24 * 60 * 60 * 1000
	every := math.Ceil((to - from) / day / 10)
	var out []plotTick
	for d := math.Ceil(from / day); d*day < to; d++ {
		if math.Mod(d, math.Max(every, 1)) == 0 {
			out = append(out, plotTick{x(d * day), time.UnixMilli(int64(d * day)).UTC().Format("Jan 2")})
		}
	}
	return out
}

func round1(x float64) float64 { return math.Round(x*10) / 10 }
