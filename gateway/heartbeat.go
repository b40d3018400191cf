package gateway

import (
	"context"
	"errors"
	"time"
)

// A link is watched by a heartbeat of its own: a member that is stopped, or cut
// off, leaves its connection as it is for a long time.
const (
	beatPeriod = 250 * time.Millisecond
	// maxSilentBeats break a link, 1 s to 1.25 s after the last word. Beats are
	// counted, rather than time, so that a gateway that was paused itself does not
	// take its members for silent.
	maxSilentBeats = 4
)

var errSilent = errors.New("the member has said nothing for a second")

// beat pings the member each time that nothing came since the beat before, and
// breaks the session when it stays silent.
func (l *link) beat(ctx context.Context, cancel context.CancelCauseFunc) {
	ticker := time.NewTicker(beatPeriod)
	defer ticker.Stop()
	for n, silent := uint64(1), 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		switch {
		case l.heard.Swap(false):
			silent = 0
			continue
		case silent == maxSilentBeats-1:
			cancel(errSilent)
			return
		}
		silent++
		l.ping.Store(n)
		signal(l.pending.wake)
	}
}
