package app

import (
	"context"
	"fmt"
	"html"
	"math"
	"strings"
	"time"

	"github.com/lapwing-sec/lapwing/detect"
	"github.com/lapwing-sec/lapwing/internal/simulate"
)

// chart is a picture with two axes. All texts in it are ours.
type chart struct {
	title, x, y    string
	fromX, toX     float64
	fromY, toY     float64
	ticksX, ticksY []chartTick
	body           strings.Builder
}

type chartTick struct {
	at   float64
	text string
}

// Sizes of a chart, in SVG units.
const (
	chartWidth, chartHeight                          = 760, 330
	chartLeft, chartRight, chartTop, chartUnderneath = 64, 16, 36, 48
)

func (c *chart) px(x float64) float64 {
	return round1(chartLeft + (x-c.fromX)/(c.toX-c.fromX)*(chartWidth-chartLeft-chartRight))
}

func (c *chart) py(y float64) float64 {
	y = math.Min(math.Max(y, math.Min(c.fromY, c.toY)), math.Max(c.fromY, c.toY))
	return round1(chartHeight - chartUnderneath - (y-c.fromY)/(c.toY-c.fromY)*(chartHeight-chartTop-chartUnderneath))
}

// line draws points joined.
func (c *chart) line(points [][2]float64, colour, dash string) {
	c.body.WriteString(`<polyline fill="none" stroke="` + colour + `" stroke-width="2"`)
	if dash != "" {
		c.body.WriteString(` stroke-dasharray="` + dash + `"`)
	}
	c.body.WriteString(` points="`)
	for i, p := range points {
		if i > 0 {
			c.body.WriteByte(' ')
		}
		fmt.Fprintf(&c.body, "%g,%g", c.px(p[0]), c.py(p[1]))
	}
	c.body.WriteString("\"/>\n")
}

// band fills between two lines over the same x.
func (c *chart) band(low, high [][2]float64, colour string) {
	c.body.WriteString(`<polygon fill="` + colour + `" points="`)
	for _, p := range high {
		fmt.Fprintf(&c.body, "%g,%g ", c.px(p[0]), c.py(p[1]))
	}
	for i := len(low) - 1; i >= 0; i-- {
		fmt.Fprintf(&c.body, "%g,%g ", c.px(low[i][0]), c.py(low[i][1]))
	}
	c.body.WriteString("\"/>\n")
}

func (c *chart) bar(x, width, y float64, colour string) {
	top := c.py(y)
	fmt.Fprintf(&c.body, `<rect x="%g" y="%g" width="%g" height="%g" fill="%s"/>`+"\n", c.px(x), top, round1(math.Max(c.px(x+width)-c.px(x)-0.3, 0.8)), round1(c.py(c.fromY)-top), colour)
}

// mark is a vertical line with a word.
func (c *chart) mark(x float64, colour, text string) {
	at := c.px(x)
	fmt.Fprintf(&c.body, `<line x1="%g" x2="%g" y1="%d" y2="%g" stroke="%s" stroke-width="1.5"/>`+"\n", at, at, chartTop, c.py(c.fromY), colour)
	anchor, dx := "start", 5.0
	if at > chartWidth*2/3 {
		anchor, dx = "end", -5
	}
	fmt.Fprintf(&c.body, `<text x="%g" y="%d" fill="%s" text-anchor="%s">%s</text>`+"\n", at+dx, chartTop+12, colour, anchor, html.EscapeString(text))
}

// level is a horizontal line with a word.
func (c *chart) level(y float64, colour, text string) {
	at := c.py(y)
	fmt.Fprintf(&c.body, `<line x1="%d" x2="%d" y1="%g" y2="%g" stroke="%s" stroke-width="1.5" stroke-dasharray="3 3"/>`+"\n", chartLeft, chartWidth-chartRight, at, at, colour)
	fmt.Fprintf(&c.body, `<text x="%d" y="%g" fill="%s" text-anchor="end">%s</text>`+"\n", chartWidth-chartRight-4, at-4, colour, html.EscapeString(text))
}

func (c *chart) label(x, y float64, colour, text string) {
	fmt.Fprintf(&c.body, `<text x="%g" y="%g" fill="%s">%s</text>`+"\n", c.px(x), c.py(y), colour, html.EscapeString(text))
}

func (c *chart) svg() string {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="system-ui, sans-serif" font-size="12" role="img" aria-label="%s">`+"\n", chartWidth, chartHeight, html.EscapeString(c.title))
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#ffffff"/>`+"\n", chartWidth, chartHeight)
	fmt.Fprintf(&b, `<text x="%d" y="20" font-size="14" font-weight="600" fill="#1f2933">%s</text>`+"\n", chartLeft, html.EscapeString(c.title))
	base := c.py(c.fromY)
	for _, t := range c.ticksY {
		y := c.py(t.at)
		fmt.Fprintf(&b, `<line x1="%d" x2="%d" y1="%g" y2="%g" stroke="#e4e7eb"/><text x="%d" y="%g" text-anchor="end" fill="#52606d">%s</text>`+"\n", chartLeft, chartWidth-chartRight, y, y, chartLeft-6, y+4, html.EscapeString(t.text))
	}
	for _, t := range c.ticksX {
		x := c.px(t.at)
		fmt.Fprintf(&b, `<text x="%g" y="%g" text-anchor="middle" fill="#52606d">%s</text>`+"\n", x, base+16, html.EscapeString(t.text))
	}
	b.WriteString(c.body.String())
	fmt.Fprintf(&b, `<line x1="%d" x2="%d" y1="%g" y2="%g" stroke="#52606d"/>`+"\n", chartLeft, chartWidth-chartRight, base, base)
	fmt.Fprintf(&b, `<text x="%d" y="%d" text-anchor="middle" fill="#1f2933">%s</text>`+"\n", (chartLeft+chartWidth)/2, chartHeight-10, html.EscapeString(c.x))
	fmt.Fprintf(&b, `<text transform="translate(14 %d) rotate(-90)" text-anchor="middle" fill="#1f2933">%s</text>`+"\n", chartHeight/2, html.EscapeString(c.y))
	b.WriteString("</svg>\n")
	return b.String()
}

// Colours of the charts.
const (
	inkBlue, inkGrey, inkRed, inkGreen, inkBand = "#2166ac", "#7b8794", "#b2182b", "#1b7837", "#d1e5f0"
)

// evalPlots draws the pictures of docs/how-it-decides.md from one simulated
// fleet in which baselines are being poisoned: how surprises are calibrated, why
// a burst fires, and how far a slow ramp gets. Names are file names.
func evalPlots(ctx context.Context, cfg Config) (map[string]string, error) {
	fleet, poisons, err := simulate.Poisoned(simulate.Config{
		Seed: 1, Identities: 45, Days: 42, LearnDays: 14, Start: time.Date(2026, 7, 6, 0, 0, 0, 0, time.UTC),
	})
	if err != nil {
		return nil, err
	}
	t, err := recordTape(ctx, cfg, fleet)
	if err != nil {
		return nil, err
	}
	views := map[string][]detect.PaneView{}
	for _, p := range poisons {
		views[p.Identity] = nil
	}
	var curve detect.Curve
	alerts, err := t.judge(ctx, judging{
		watch: func(v *detect.PaneView) {
			if _, ok := views[v.Identity]; ok {
				views[v.Identity] = append(views[v.Identity], *v)
			}
		},
		onEnd: func(e *detect.Engine) error { curve = e.Curve(detect.SignalRate); return nil },
	})
	if err != nil {
		return nil, err
	}
	out := map[string]string{"decides-tail.svg": tailChart(&curve)}
	for _, p := range poisons {
		var first time.Time
		for i := range alerts {
			a := &alerts[i]
			if a.Actor.User.UID == p.Identity && a.Unmapped.Lapwing.Page && a.Time >= p.Start.UnixMilli() && aboutVolume(a) &&
				(len(p.Strike.Times) == 0 || a.Time >= p.Strike.Times[0]) {
				first = time.UnixMilli(a.Time).UTC()
				break
			}
		}
		switch p.Name {
		case "two steps":
			out["decides-burst.svg"] = burstChart(views[p.Identity], p.Strike, first)
		case "ramp 5% a day":
			out["decides-ramp.svg"] = rampChart(views[p.Identity], &p, first)
		}
	}
	return out, nil
}

// tailChart shows how a surprise by the model becomes one by experience.
func tailChart(c *detect.Curve) string {
	p := &chart{title: "Why a model's probability is not believed: calls in a pane", x: "surprise by the model, -log10 p", y: "share of panes that are at least as surprising", toX: 14, fromY: -6.5}
	for x := 0.0; x <= 14; x += 2 {
		p.ticksX = append(p.ticksX, chartTick{x, fmt.Sprintf("%g", x)})
	}
	for y := 0; y >= -6; y-- {
		p.ticksY = append(p.ticksY, chartTick{float64(y), fmt.Sprintf("1e%d", y)})
	}
	var model, fleet, beyond, prior [][2]float64
	for _, q := range c.Points {
		if q.Surprise > 14 {
			break
		}
		if q.Surprise <= 6.5 {
			model = append(model, [2]float64{q.Surprise, -q.Surprise})
		}
		if q.Seen {
			fleet = append(fleet, [2]float64{q.Surprise, -q.Fleet})
		}
		if !q.Seen {
			beyond = append(beyond, [2]float64{q.Surprise, -q.Fleet})
		}
		prior = append(prior, [2]float64{q.Surprise, -q.Prior})
	}
	p.line(model, inkGrey, "2 4")
	p.line(prior, inkGreen, "6 4")
	p.line(beyond, inkBlue, "2 3")
	p.line(fleet, inkBlue, "")
	p.level(-c.Needed, inkRed, fmt.Sprintf("pages below this: %.1f a day allowed of %s tests", c.Allowance, withCommas(int(c.TestsPerDay))))
	p.label(6.6, -6.3, inkGrey, "what the model claims")
	p.label(7.6, -1.0, inkBlue, fmt.Sprintf("what %d identities showed in %s panes", c.Identities, withCommas(c.Panes)))
	p.label(7.6, -1.5, inkGreen, "the shipped prior, for the first weeks")
	return p.svg()
}

// burstChart shows the day of a burst.
func burstChart(views []detect.PaneView, strike simulate.Label, paged time.Time) string {
	p := &chart{title: "Why it fires: one identity's calls in 15 minutes", x: "hours before and after the burst", y: "calls"}
	at := strike.Start
	p.fromX, p.toX = -30, 8
	for x := -30.0; x <= 6; x += 6 {
		p.ticksX = append(p.ticksX, chartTick{x, strings.Replace(fmt.Sprintf("%+g h", x), "+0", "0", 1)})
	}
	var low, high, level [][2]float64
	most := 0.0
	type bar struct {
		x, y float64
		hot  bool
	}
	var bars []bar
	for i := range views {
		v := &views[i]
		x := time.Unix(0, v.Start).Sub(at).Hours()
		if x < p.fromX || x > p.toX {
			continue
		}
		most = math.Max(most, v.Calls.Value)
		bars = append(bars, bar{x, v.Calls.Value, v.Known && v.Calls.Value > v.Calls.High})
		if v.Known {
			low, high, level = append(low, [2]float64{x, v.Calls.Low}), append(high, [2]float64{x, v.Calls.High}), append(level, [2]float64{x, v.Calls.Level})
		}
	}
	p.toY = math.Max(10, math.Ceil(most/25)*25)
	for y := 0.0; y <= p.toY; y += p.toY / 5 {
		p.ticksY = append(p.ticksY, chartTick{y, fmt.Sprintf("%g", round1(y))})
	}
	p.band(low, high, inkBand)
	for _, b := range bars {
		colour := inkGrey
		if b.hot {
			colour = inkRed
		}
		p.bar(b.x, 0.25, b.y, colour)
	}
	p.line(level, inkBlue, "")
	if !paged.IsZero() {
		p.mark(paged.Sub(at).Hours(), inkRed, "paged")
	}
	p.label(-29, p.toY*0.86, inkBlue, "line: expected at this hour; band: what would surprise nobody")
	return p.svg()
}

// rampChart shows what a slow ramp teaches, and when it is caught.
func rampChart(views []detect.PaneView, p *simulate.Poison, paged time.Time) string {
	c := &chart{title: "A ramp of 5% a day: what is called, and what has been learned", x: "days after the ramp begins", y: "times the calls of the days before"}
	c.fromX, c.toX = -14, 28
	for x := -14.0; x <= 28; x += 7 {
		c.ticksX = append(c.ticksX, chartTick{x, fmt.Sprintf("%g", x)})
	}
	calls, level := map[int]float64{}, map[int]float64{}
	for i := range views {
		d := int(math.Floor(time.Unix(0, views[i].Start).Sub(p.Start).Hours() / 24))
		calls[d] += views[i].Calls.Value
		level[d] += views[i].Calls.Level
	}
	base, n := 0.0, 0.0
	for d := -10; d < 0; d++ {
		base, n = base+calls[d], n+1
	}
	base = math.Max(base/n, 1)
	var real, learned, meant [][2]float64
	for d := -14; d < 28; d++ {
		x := float64(d) + 0.5
		real, learned = append(real, [2]float64{x, calls[d] / base}), append(learned, [2]float64{x, level[d] / base})
		if d >= 0 {
			meant = append(meant, [2]float64{x, p.Level(d)})
		} else {
			meant = append(meant, [2]float64{x, 1})
		}
	}
	c.toY = 6
	for y := 0; y <= 6; y++ {
		c.ticksY = append(c.ticksY, chartTick{float64(y), fmt.Sprintf("×%d", y)})
	}
	c.line(meant, inkGrey, "2 4")
	c.line(learned, inkBlue, "")
	c.line(real, inkRed, "")
	if !paged.IsZero() {
		c.mark(paged.Sub(p.Start).Hours()/24, inkRed, "paged")
	}
	c.label(-13, 5.5, inkRed, "calls of a day")
	c.label(-13, 5.0, inkBlue, "expected of that day: the baseline follows, and is being taught")
	c.label(-13, 4.5, inkGrey, "the ramp")
	return c.svg()
}
