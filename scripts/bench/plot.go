package main

import (
	"fmt"
	"math"
	"strings"
)

// draw returns the plots, by the names of their files. The same measurement makes the same bytes.
func draw(m measured) map[string]string {
	return map[string]string{
		"time.svg":   plot(m, "s", "Time, by the number of users", func(v float64) string { return value("s", v) }),
		"memory.svg": plot(m, "MiB", "Peak of memory, by the number of users", func(v float64) string { return digits(v) + " MiB" }),
	}
}

// The plot's size, and the place of its axes.
const (
	width, height                         = 860, 520
	left, right, top, bottom              = 90, 630, 60, 460
	ink, faint                            = "#222222", "#dddddd"
	fonts                                 = "font-family=\"Helvetica, Arial, sans-serif\""
	labelSize, titleSize, labelGap, shift = 13, 17, 18, 8
)

// Colours that differ for who sees no red or green, too; the marks differ as well.
var colours = []string{"#0072b2", "#d55e00", "#009e73", "#7b3294"}

// plot draws what each command took, with a logarithm on both axes: a line with a slope of 1 is "ten times as many users, ten
// times as much".
func plot(m measured, unit, title string, tick func(float64) string) string {
	series := map[string][]point{}
	minX, maxX, minY, maxY := math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)
	for _, g := range grown {
		if points := pointsOf(m, g.name); len(points) > 1 {
			series[g.name] = points
			for _, p := range points {
				x, y := math.Log10(float64(p.n)), math.Log10(p.values[unit])
				minX, maxX, minY, maxY = min(minX, x), max(maxX, x), min(minY, y), max(maxY, y)
			}
		}
	}
	var b strings.Builder
	_, _ = fmt.Fprintf(&b, "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %d %d\" role=\"img\" aria-label=%q>\n", width, height, title)
	_, _ = fmt.Fprintf(&b, "<rect width=\"%d\" height=\"%d\" fill=\"white\"/>\n", width, height)
	label := func(x, y float64, anchor, colour string, size int, text string) {
		_, _ = fmt.Fprintf(&b, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=%q fill=%q font-size=\"%d\" %s>%s</text>\n", x, y, anchor, colour, size, fonts, text)
	}
	label(left, top/2+5, "start", ink, titleSize, title)
	if len(series) == 0 {
		label(left, top+labelGap, "start", ink, labelSize, "nothing was measured")
		return b.String() + "</svg>\n"
	}
	minX, maxX, minY, maxY = math.Floor(minX+1e-9), math.Ceil(maxX-1e-9), math.Floor(minY+1e-9), math.Ceil(maxY-1e-9)
	px := func(x float64) float64 { return left + (x-minX)/max(maxX-minX, 1)*(right-left) }
	py := func(y float64) float64 { return bottom - (y-minY)/max(maxY-minY, 1)*(bottom-top) }
	rule := func(x1, y1, x2, y2 float64) {
		_, _ = fmt.Fprintf(&b, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" stroke=%q/>\n", x1, y1, x2, y2, faint)
	}
	for x := minX; x <= maxX; x++ {
		rule(px(x), top, px(x), bottom)
		label(px(x), bottom+labelGap+2, "middle", ink, labelSize, thousands(int(math.Round(math.Pow(10, x)))))
	}
	for y := minY; y <= maxY; y++ {
		rule(left, py(y), right, py(y))
		label(left-shift, py(y)+4, "end", ink, labelSize, tick(math.Pow(10, y)))
	}
	label((left+right)/2, bottom+2*labelGap+6, "middle", ink, labelSize, "users")
	free := math.Inf(1) // above it a label would lie on another one
	for _, at := range byEnd(series, unit) {
		points, colour := series[grown[at].name], colours[at]
		var way []string
		for _, p := range points {
			x, y := px(math.Log10(float64(p.n))), py(math.Log10(p.values[unit]))
			way = append(way, fmt.Sprintf("%.1f,%.1f", x, y))
			b.WriteString(mark(at, x, y, colour))
		}
		_, _ = fmt.Fprintf(&b, "<polyline points=%q fill=\"none\" stroke=%q stroke-width=\"2\"/>\n", strings.Join(way, " "), colour)
		last := points[len(points)-1]
		y := min(py(math.Log10(last.values[unit])), free-labelGap)
		free = y
		label(right+shift, y+4, "start", colour, labelSize,
			fmt.Sprintf("%s %s: exponent %.2f", []string{"●", "■", "▲", "◆"}[at], grown[at].name, exponent(points, unit)))
	}
	return b.String() + "</svg>\n"
}

// byEnd returns the commands that were measured, by their last value, smallest first: the order of their labels from below.
func byEnd(series map[string][]point, unit string) (order []int) {
	end := func(at int) float64 { points := series[grown[at].name]; return points[len(points)-1].values[unit] }
	for at := range grown {
		if len(series[grown[at].name]) == 0 {
			continue
		}
		place := 0
		for place < len(order) && end(order[place]) <= end(at) {
			place++
		}
		order = append(order[:place], append([]int{at}, order[place:]...)...)
	}
	return order
}

// mark draws a point of a command.
func mark(at int, x, y float64, colour string) string {
	switch at % 4 {
	case 0:
		return fmt.Sprintf("<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4.5\" fill=%q/>\n", x, y, colour)
	case 1:
		return fmt.Sprintf("<rect x=\"%.1f\" y=\"%.1f\" width=\"8\" height=\"8\" fill=%q/>\n", x-4, y-4, colour)
	case 2:
		return fmt.Sprintf("<polygon points=\"%.1f,%.1f %.1f,%.1f %.1f,%.1f\" fill=%q/>\n", x, y-5, x-5, y+4, x+5, y+4, colour)
	}
	return fmt.Sprintf("<polygon points=\"%.1f,%.1f %.1f,%.1f %.1f,%.1f %.1f,%.1f\" fill=%q/>\n", x, y-6, x-6, y, x, y+6, x+6, y, colour)
}
