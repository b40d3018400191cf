package shard

import (
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"
)

const (
	barRefresh = 150 * time.Millisecond
	plainEvery = 5 * time.Second
)

// transferProgress shows how far an export or an import is: a bar on a terminal,
// a line every few seconds otherwise.
type transferProgress struct {
	w     io.Writer
	doing string // such as "exported"
	began time.Time
	done  atomic.Int64
	total atomic.Int64 // 0: not known

	stopped chan struct{}
	showing sync.WaitGroup
	bars    *mpb.Progress // nil: no bar
	bar     *mpb.Bar
}

// showProgress begins to show it, unless quiet; stop ends that.
func showProgress(w io.Writer, doing string, quiet bool) (update func(done, total int64), stop func()) {
	if quiet {
		return nil, func() {}
	}
	p := &transferProgress{w: w, doing: doing, began: time.Now(), stopped: make(chan struct{})}
	every := plainEvery
	if f, ok := w.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		every = barRefresh
		p.bars = mpb.New(mpb.WithOutput(w), mpb.WithRefreshRate(barRefresh))
		p.bar = p.bars.New(0, mpb.BarStyle().Lbound("[").Rbound("]"),
			mpb.PrependDecorators(decor.Any(func(decor.Statistics) string { return p.line() + " " })))
	}
	p.showing.Go(func() {
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
	return p.update, p.stop
}

func (p *transferProgress) update(done, total int64) {
	p.done.Store(done)
	p.total.Store(total)
}

func (p *transferProgress) stop() {
	close(p.stopped)
	p.showing.Wait()
	if p.bars != nil {
		p.bar.Abort(true)
		p.bars.Wait()
	}
}

func (p *transferProgress) show() {
	if p.bar == nil {
		fmt.Fprintln(p.w, p.line())
		return
	}
	if total := p.total.Load(); total > 0 {
		p.bar.SetTotal(total+1, false) // it ends when stop says so
	}
	p.bar.SetCurrent(p.done.Load())
}

func (p *transferProgress) line() string {
	done, total := p.done.Load(), p.total.Load()
	rate := float64(done) / max(time.Since(p.began).Seconds(), 1e-9)
	if total > 0 {
		return fmt.Sprintf("%s %d of %d events, %d %%, %.0f/s", p.doing, done, total, done*100/total, rate)
	}
	return fmt.Sprintf("%s %d events, %.0f/s", p.doing, done, rate)
}
