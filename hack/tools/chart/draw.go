package main

import (
	"errors"
	"fmt"
	"image/color"
	"math"
	"os"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

const (
	width  = 7 * vg.Inch
	height = 4 * vg.Inch
)

// colours are told apart by people who do not see all of them, too.
var colours = []color.RGBA{
	{R: 0, G: 90, B: 181, A: 255}, {R: 220, G: 50, B: 32, A: 255}, {R: 230, G: 159, B: 0, A: 255}, {R: 0, G: 128, B: 96, A: 255},
}

var (
	grey    = color.RGBA{R: 120, G: 120, B: 120, A: 255}
	missed  = color.RGBA{R: 220, G: 50, B: 32, A: 255}
	reached = color.RGBA{R: 0, G: 90, B: 181, A: 255}
	dashes  = []vg.Length{vg.Points(5), vg.Points(3)}
)

func newPlot(title string) *plot.Plot {
	p := plot.New()
	p.BackgroundColor = color.White // readable on dark pages too
	sans := font.Font{Typeface: "Liberation", Variant: "Sans", Size: vg.Points(10)}
	p.Title.Text = title
	p.Title.TextStyle.Font = sans
	p.Title.TextStyle.Font.Size = vg.Points(12)
	p.Title.Padding = vg.Points(6)
	p.Legend.TextStyle.Font = sans
	p.X.Label.TextStyle.Font, p.Y.Label.TextStyle.Font = sans, sans
	p.X.Tick.Label.Font, p.Y.Tick.Label.Font = sans, sans
	return p
}

func (c *chart) draw(path string) error {
	p := newPlot(c.Title)
	p.X.Label.Text, p.Y.Label.Text = c.X, c.Y
	p.Add(plotter.NewGrid())
	var err error
	switch c.Kind {
	case "lines":
		err = c.lines(p)
	case "bars":
		err = c.bars(p)
	default:
		err = fmt.Errorf("there is no kind of chart %q", c.Kind)
	}
	if err != nil {
		return err
	}
	if c.Line != 0 {
		p.Add(across(c.Line))
	}
	return save(p, width, height, path)
}

func (c *chart) lines(p *plot.Plot) error {
	p.Legend.Top, p.Legend.Left = true, true
	p.Legend.Padding = vg.Points(2)
	var xs []float64
	highest := 0.0
	for i, s := range c.Series {
		points := make(plotter.XYs, 0, len(s.Y))
		for j, y := range s.Y {
			if y <= 0 { // not known, and a logarithm has no place for it
				continue
			}
			points = append(points, plotter.XY{X: s.X[j], Y: y})
			xs = append(xs, s.X[j])
			highest = max(highest, y)
		}
		if len(points) == 0 {
			continue
		}
		line, marks, err := plotter.NewLinePoints(points)
		if err != nil {
			return err
		}
		line.Color, line.Width = colours[i%len(colours)], vg.Points(1.8)
		if s.Dashed {
			line.Dashes = dashes
		}
		marks.Color, marks.Shape, marks.Radius = line.Color, draw.CircleGlyph{}, vg.Points(2.5)
		p.Add(line, marks)
		p.Legend.Add(s.Name, line)
	}
	if len(xs) == 0 {
		return fmt.Errorf("the chart has no points")
	}
	slices.Sort(xs)
	xs = slices.Compact(xs)
	if c.LogX {
		p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, at(xs)
	} else {
		p.X.Tick.Marker = short{}
	}
	if c.LogY {
		p.Y.Scale, p.Y.Tick.Marker = plot.LogScale{}, plot.LogTicks{Prec: -1}
		p.Y.Max = math.Max(p.Y.Max, highest) * 8 // room for the legend
	} else {
		p.Y.Min, p.Y.Max = 0, math.Max(highest, c.Line)*1.35
		p.Y.Tick.Marker = short{}
	}
	return nil
}

func (c *chart) bars(p *plot.Plot) error {
	thickness := vg.Points(140 / float64(max(1, len(c.Labels)*len(c.Series))))
	for i, s := range c.Series {
		b, err := plotter.NewBarChart(plotter.Values(s.Y), thickness)
		if err != nil {
			return err
		}
		b.Color = colours[i%len(colours)]
		b.LineStyle.Width = 0
		b.Offset = vg.Length(float64(i)-float64(len(c.Series)-1)/2) * thickness
		p.Add(b)
		if len(c.Series) > 1 {
			p.Legend.Add(s.Name, b)
		}
	}
	p.NominalX(c.Labels...)
	p.Y.Min = 0
	p.Y.Max = math.Max(p.Y.Max, c.Line) * 1.1
	return nil
}

// save writes a plot with some room around it.
func save(p *plot.Plot, w, h vg.Length, path string) (err error) {
	c := vgsvg.New(w, h)
	all := draw.New(c)
	all.FillPolygon(color.White, []vg.Point{{}, {X: w}, {X: w, Y: h}, {Y: h}})
	p.Draw(draw.Crop(all, 8, -16, 6, -8))
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	_, err = c.WriteTo(f)
	return err
}

// across is a dashed line at a goal.
func across(y float64) *plotter.Function {
	f := plotter.NewFunction(func(float64) float64 { return y })
	f.Color, f.Width, f.Dashes = grey, vg.Points(1), dashes
	return f
}

// drawGoals draws how far each goal is reached: 1 and more is met.
func drawGoals(goals []goal, path string) error {
	goals = slices.DeleteFunc(goals, func(g goal) bool { return g.Partial != "" || g.Figure <= 0 })
	if len(goals) == 0 {
		return nil
	}
	slices.Reverse(goals) // the first at the top
	p := newPlot("How far the goals are reached (1: met; bars end at 3)")
	good, bad := make(plotter.Values, len(goals)), make(plotter.Values, len(goals))
	names := make([]string, len(goals))
	for i, g := range goals {
		reach := g.Figure / g.Goal
		if g.Most {
			reach = g.Goal / g.Figure
		}
		names[i] = fmt.Sprintf("%s: %.2f", g.Text, reach)
		if reach >= 1 {
			good[i] = math.Min(reach, 3)
		} else {
			bad[i] = reach
		}
	}
	for _, side := range []struct {
		values plotter.Values
		colour color.Color
	}{{good, reached}, {bad, missed}} {
		b, err := plotter.NewBarChart(side.values, vg.Points(9))
		if err != nil {
			return err
		}
		b.Color, b.Horizontal, b.LineStyle.Width = side.colour, true, 0
		p.Add(b)
	}
	line, err := plotter.NewLine(plotter.XYs{{X: 1, Y: -0.5}, {X: 1, Y: float64(len(goals)) - 0.5}})
	if err != nil {
		return err
	}
	line.Color, line.Dashes = grey, dashes
	p.Add(line)
	p.NominalY(names...)
	p.X.Min, p.X.Max = 0, 3
	return save(p, 11*vg.Inch, vg.Length(len(goals))*vg.Points(18)+vg.Points(70), path)
}

// at puts ticks at the numbers that were measured.
type at []float64

func (a at) Ticks(_, _ float64) []plot.Tick {
	var ticks []plot.Tick
	for _, x := range a {
		ticks = append(ticks, plot.Tick{Value: x, Label: strconv.FormatFloat(x, 'f', -1, 64)})
	}
	return ticks
}

// short writes thousands as k and millions as M.
type short struct{}

func (short) Ticks(lo, hi float64) []plot.Tick {
	ticks := plot.DefaultTicks{}.Ticks(lo, hi)
	for i := range ticks {
		if ticks[i].Label == "" {
			continue
		}
		switch v := ticks[i].Value; {
		case v == 0:
			ticks[i].Label = "0"
		case math.Abs(v) >= 1e6:
			ticks[i].Label = strconv.FormatFloat(v/1e6, 'f', -1, 64) + " M"
		case math.Abs(v) >= 1e4:
			ticks[i].Label = strconv.FormatFloat(v/1e3, 'f', -1, 64) + " k"
		}
	}
	return ticks
}
