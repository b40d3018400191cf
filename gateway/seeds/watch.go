package seeds

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/ringhold/ringhold/gateway"
	"github.com/ringhold/ringhold/message/wire"
	pb "github.com/ringhold/ringhold/proto/ringhold/v1"
	"github.com/ringhold/ringhold/ring"
)

// watch is one call of Watch. It belongs to that call's goroutine.
type watch struct {
	cfg     Config
	ctx     context.Context
	running *sync.WaitGroup // the sources
	learn   func(gateway.View)
	heard   chan word

	view     gateway.View
	known    bool
	sources  map[string]*source // by address
	failures map[string]*failure
}

// word is what a source says: an answer, or why it ended.
type word struct {
	from *source
	resp *pb.WatchRingResponse
	err  error
}

// failure is when an address that failed may be tried again.
type failure struct {
	pause time.Duration
	until time.Time
}

// fill opens streams as long as there are too few, and returns when it would try
// again what has failed; zero if nothing is lacking.
func (w *watch) fill(now time.Time) (next time.Time) {
	for len(w.sources) < w.wanted() {
		address, at := w.candidate(now)
		if address == "" {
			return at
		}
		w.open(address)
	}
	return time.Time{}
}

// wanted is how many streams there should be: no more than there are members,
// once one has said who they are.
func (w *watch) wanted() int {
	if w.known && len(w.view.Members) < streams {
		return max(len(w.view.Members), 1)
	}
	return streams
}

// candidate returns the address to try next, or "" and when there will be one.
func (w *watch) candidate(now time.Time) (address string, next time.Time) {
	for _, group := range [][]string{w.members(false), w.members(true), w.seeds()} {
		for _, address := range group {
			f := w.failures[address]
			if f == nil || !now.Before(f.until) {
				return address, time.Time{}
			}
			if next.IsZero() || f.until.Before(next) {
				next = f.until
			}
		}
	}
	return "", next
}

// members are the addresses of the members that are not listened to, in an order
// of chance.
func (w *watch) members(leaving bool) (out []string) {
	for _, m := range w.view.Members {
		if m.Leaving == leaving && m.Address != "" && w.sources[m.Address] == nil && !w.listensTo(m.ID) {
			out = append(out, m.Address)
		}
	}
	rand.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

func (w *watch) seeds() (out []string) {
	for _, address := range w.cfg.Addresses {
		if w.sources[address] == nil {
			out = append(out, address)
		}
	}
	rand.Shuffle(len(out), func(i, j int) { out[i], out[j] = out[j], out[i] })
	return out
}

func (w *watch) listensTo(id ring.MemberID) bool {
	for _, s := range w.sources {
		if s.member == id {
			return true
		}
	}
	return false
}

func (w *watch) open(address string) {
	ctx, cancel := context.WithCancel(w.ctx)
	s := &source{address: address, cfg: w.cfg, cancel: cancel, heard: w.heard}
	s.know(w.view.Ring)
	w.sources[address] = s
	w.running.Go(func() {
		defer cancel()
		s.run(ctx)
	})
}

// take hears a source out.
func (w *watch) take(said word) {
	s := said.from
	if w.sources[s.address] != s { // it was dropped
		return
	}
	if said.err != nil {
		w.cfg.Logger.LogAttrs(w.ctx, slog.LevelWarn, "the member does not say any more who is there",
			slog.String("address", s.address), slog.String("member", string(s.member)), slog.Any("error", said.err))
		w.drop(s, firstPause)
		return
	}
	s.member = ring.MemberID(said.resp.GetFrom())
	delete(w.failures, s.address)
	w.merge(s, said.resp)
	w.tidy(s)
}

// drop ends a source; its address is not tried again for pause at least, give or
// take a half, and each time it fails for about twice as long.
func (w *watch) drop(s *source, pause time.Duration) {
	s.cancel()
	delete(w.sources, s.address)
	f := w.failures[s.address]
	if f == nil {
		f = &failure{}
		w.failures[s.address] = f
	}
	f.pause = min(max(2*f.pause, pause), maxPause)
	f.until = time.Now().Add(f.pause/2 + rand.N(f.pause/2+1))
}

func (w *watch) merge(s *source, resp *pb.WatchRingResponse) {
	next := gateway.View{Membership: resp.GetMembership()}
	for _, m := range resp.GetMembers() {
		next.Members = append(next.Members, wire.DecodeMember(m))
	}
	if resp.GetRing() != nil {
		r, err := wire.DecodeRing(resp.GetRing())
		if err != nil {
			w.cfg.Logger.LogAttrs(w.ctx, slog.LevelError, "the member tells a ring that is none, and it is ignored",
				slog.String("address", s.address), slog.Any("error", err))
		}
		next.Ring = r
	}
	merged, changed := w.view.Merge(next)
	if w.known && !changed {
		return
	}
	w.view, w.known = merged, true
	for _, other := range w.sources {
		other.know(merged.Ring)
	}
	w.forget()
	w.learn(merged)
}

// forget drops the failures of addresses that nobody asks for any more.
func (w *watch) forget() {
	wanted := slices.Clone(w.cfg.Addresses)
	for _, m := range w.view.Members {
		wanted = append(wanted, m.Address)
	}
	for address := range w.failures {
		if !slices.Contains(wanted, address) {
			delete(w.failures, address)
		}
	}
}

// tidy drops the sources that are of no use: the dead, and those that two
// addresses led to, of which the one that has just spoken goes.
func (w *watch) tidy(spoke *source) {
	for _, s := range w.sources {
		dead := s.member != "" && len(w.view.Members) > 0 && !slices.ContainsFunc(w.view.Members, func(m ring.Member) bool { return m.ID == s.member })
		twice := s != spoke && s.member != "" && s.member == spoke.member
		switch {
		case dead:
			w.drop(s, maxPause)
		case twice && w.sources[spoke.address] == spoke:
			w.drop(spoke, maxPause)
		}
	}
}

// renew has all sources asked again.
func (w *watch) renew() {
	for _, s := range w.sources {
		s.renew()
	}
}
