package decision

import (
	"fmt"
	"html"
	"io"
	"math"
	"slices"
	"strings"
)

// point is a policy in the plot.
type point struct {
	name   string
	x, y   float64 // excess failures until a bad canary is gone, seconds until a good one is promoted
	missed float64 // share of bad canaries that were promoted
	wrong  float64 // share of good ones that were rolled back
}

// points are the policies over the scenarios with free steps at a rate.
func (r *Report) points(rate float64) []point {
	var all []point
	for _, p := range r.Policies {
		var q point
		var bad, good, promoted float64
		for _, c := range r.Cells {
			switch {
			case c.Policy != p.Name || c.Rate != rate || c.Pinned:
			case c.Worse:
				q.x += max(c.Excess.Mean, 0)
				q.missed += c.Promoted.Rate
				bad++
			default:
				q.wrong += c.RolledBack.Rate
				good++
				if c.Promoted.Rate > 0 {
					q.y += c.ToPromote.Mean
					promoted++
				}
			}
		}
		if bad > 0 && promoted > 0 {
			q.name, q.x, q.y, q.missed, q.wrong = p.Name, q.x/bad, q.y/promoted, q.missed/bad, q.wrong/good
			all = append(all, q)
		}
	}
	slices.SortFunc(all, func(a, b point) int { return strings.Compare(a.name, b.name) })
	return all
}

const (
	plotWidth, plotHeight = 900, 560
	left, right           = 80, 40
	top, bottom           = 60, 70
)

// WritePlot draws, for the scenarios with free steps at a rate, what a bad canary costs against how long a good one takes, as SVG. Rates of
// mistakes stand beside each policy: a point says little without them.
func (r *Report) WritePlot(w io.Writer, rate float64) error {
	points := r.points(rate)
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" font-family="sans-serif" font-size="13">`+"\n", plotWidth, plotHeight)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fff"/>`+"\n", plotWidth, plotHeight)
	text(&b, left, 28, "start", fmt.Sprintf("What a bad canary costs against how long a good one takes, %g requests/s", rate))
	text(&b, plotWidth/2, plotHeight-20, "middle", "excess failed requests of a bad canary, mean (log)")
	text(&b, left, 48, "start", "seconds until a good canary has 100 %, mean (log)")
	x, y := axis(points, func(p point) float64 { return p.x }), axis(points, func(p point) float64 { return p.y })
	for e := x.lo; e <= x.hi; e++ {
		at := left + x.part(math.Pow(10, e))*(plotWidth-left-right)
		fmt.Fprintf(&b, `<line x1="%.1f" y1="%d" x2="%.1f" y2="%d" stroke="#ddd"/>`+"\n", at, top, at, plotHeight-bottom)
		text(&b, at, plotHeight-bottom+18, "middle", fmt.Sprintf("%g", math.Pow(10, e)))
	}
	for e := y.lo; e <= y.hi; e++ {
		at := plotHeight - bottom - y.part(math.Pow(10, e))*(plotHeight-top-bottom)
		fmt.Fprintf(&b, `<line x1="%d" y1="%.1f" x2="%d" y2="%.1f" stroke="#ddd"/>`+"\n", left, at, plotWidth-right, at)
		text(&b, left-8, at+4, "end", fmt.Sprintf("%g", math.Pow(10, e)))
	}
	var labels shelf
	for _, p := range points {
		px := left + x.part(p.x)*(plotWidth-left-right)
		py := plotHeight - bottom - y.part(p.y)*(plotHeight-top-bottom)
		colour := "#888"
		if p.name == "Sluice" {
			colour = "#06c"
		}
		fmt.Fprintf(&b, `<circle cx="%.1f" cy="%.1f" r="6" fill="%s"/>`+"\n", px, py, colour)
		anchor, dx := "start", 10.0
		if px > plotWidth*0.6 {
			anchor, dx = "end", -10
		}
		labels.place(&py)
		text(&b, px+dx, py-2, anchor, p.name)
		text(&b, px+dx, py+13, anchor, fmt.Sprintf("%.0f %% of bad ones promoted, %.0f %% of good ones rolled back", 100*p.missed, 100*p.wrong))
	}
	b.WriteString("</svg>\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// shelf keeps labels apart: a label that would lie on another moves down.
type shelf []float64

func (s *shelf) place(y *float64) {
	for range len(*s) + 1 {
		for _, taken := range *s {
			if math.Abs(*y-taken) < 30 {
				*y = taken + 31
			}
		}
	}
	*s = append(*s, *y)
}

func text(b *strings.Builder, x, y float64, anchor, s string) {
	fmt.Fprintf(b, `<text x="%.1f" y="%.1f" text-anchor="%s">%s</text>`+"\n", x, y, anchor, html.EscapeString(s))
}

// decades are the whole powers of ten around some values.
type decades struct{ lo, hi float64 }

func axis(points []point, of func(point) float64) decades {
	d := decades{lo: 0, hi: 1}
	for i, p := range points {
		e := math.Log10(max(of(p), 1))
		if i == 0 {
			d = decades{lo: math.Floor(e), hi: math.Ceil(e)}
		}
		d.lo, d.hi = min(d.lo, math.Floor(e)), max(d.hi, math.Ceil(e))
	}
	d.hi = max(d.hi, d.lo+1)
	return d
}

func (d decades) part(v float64) float64 { return (math.Log10(max(v, 1)) - d.lo) / (d.hi - d.lo) }
