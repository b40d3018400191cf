package cli

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"
)

const (
	barRefresh = 150 * time.Millisecond
	plainEvery = 5 * time.Second
	// mostFailed is how many messages that failed are told of one by one.
	mostFailed = 10
)

// progress shows how a file is sent: a bar on a terminal, a line every few
// seconds otherwise. Its methods are safe for concurrent use.
type progress struct {
	w     io.Writer
	quiet bool
	read  *countingReader
	size  int64 // −1: not known
	tally *tally

	stopped chan struct{}
	done    sync.WaitGroup

	mu       sync.Mutex
	bars     *mpb.Progress // nil: no bar is shown
	bar      *mpb.Bar
	failures int
}

func newProgress(w io.Writer, quiet bool, read *countingReader, size int64, t *tally) *progress {
	return &progress{w: w, quiet: quiet, read: read, size: size, tally: t, stopped: make(chan struct{})}
}

func (p *progress) start() {
	if p.quiet {
		return
	}
	every := plainEvery
	if onTerminal(p.w) {
		every = barRefresh
		p.showBar()
	}
	p.done.Go(func() {
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				p.show()
			case <-p.stopped:
				return
			}
		}
	})
}

// stop ends what start began.
func (p *progress) stop() {
	close(p.stopped)
	p.done.Wait()
	p.mu.Lock()
	bars, bar := p.bars, p.bar
	p.bars, p.bar = nil, nil
	p.mu.Unlock()
	if bars != nil {
		bar.Abort(true)
		bars.Wait()
	}
}

func onTerminal(w io.Writer) bool {
	f, is := w.(*os.File)
	return is && term.IsTerminal(int(f.Fd()))
}

func (p *progress) showBar() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.bars = mpb.New(mpb.WithOutput(p.w), mpb.WithRefreshRate(barRefresh))
	p.bar = p.bars.New(max(p.size, 0), mpb.BarStyle().Lbound("[").Rbound("]"),
		mpb.PrependDecorators(decor.Any(func(decor.Statistics) string { return p.line() + " " })),
		mpb.AppendDecorators(decor.Any(func(s decor.Statistics) string {
			if p.size <= 0 {
				return ""
			}
			return fmt.Sprintf(" %d %%", p.percent())
		})),
	)
}

// line is how far it is.
func (p *progress) line() string {
	t := p.tally.totals()
	return fmt.Sprintf("%d answered, %.0f/s", t.accepted+t.refused, float64(t.accepted+t.refused)/max(t.took.Seconds(), 1e-9))
}

func (p *progress) percent() int64 {
	const all = 100
	return min(p.read.n.Load()*all/max(p.size, 1), all)
}

func (p *progress) show() {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.bar != nil:
		p.bar.SetCurrent(min(p.read.n.Load(), max(p.size-1, 0)))
	case p.size > 0:
		fmt.Fprintf(p.w, "%s, %d %% of the file read\n", p.line(), p.percent())
	default:
		fmt.Fprintln(p.w, p.line())
	}
}

// note prints a line, above the bar if there is one.
func (p *progress) note(format string, args ...any) {
	text := fmt.Sprintf(format, args...) + "\n"
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.bars != nil {
		if _, err := p.bars.Write([]byte(text)); err == nil {
			return
		}
	}
	fmt.Fprint(p.w, text)
}

// failed tells of a message that failed: of the first ones only, since they tend
// to be many.
func (p *progress) failed(line int, text string) {
	p.mu.Lock()
	p.failures++
	n := p.failures
	p.mu.Unlock()
	switch {
	case n <= mostFailed:
		p.note("line %d: %s", line, text)
	case n == mostFailed+1:
		p.note("more messages fail; the summary counts them, and --answers names them")
	}
}
