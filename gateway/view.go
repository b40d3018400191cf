package gateway

import (
	"context"
	"io"

	"google.golang.org/grpc"

	"github.com/ringhold/ringhold/ring"
)

// View is who is there and who should own what, as it is known at one time. It
// never changes.
type View struct {
	// Ring is the newest ring that is known; nil if none is.
	Ring *ring.Ring
	// Members are the processes that are not deposed, those that are in no ring
	// too. A member that is missing is dead: nobody waits for it.
	Members []ring.Member
	// Membership grows each time that a member joins, begins to leave, or is
	// deposed.
	Membership uint64
}

// Cluster tells a gateway who is there. It is safe for concurrent use.
type Cluster interface {
	// Watch calls learn with the newest view at once, if there is one, and at
	// each change, one call at a time. It returns when ctx ends.
	Watch(ctx context.Context, learn func(View))
}

// Refresher is a [Cluster] that can be asked to look again: a member has refused
// a message in the name of a ring that the gateway does not know.
type Refresher interface {
	// Refresh asks and does not wait. It may be called very often.
	Refresh()
}

// Conn is a connection to one member.
type Conn interface {
	grpc.ClientConnInterface
	io.Closer
}

// Static is the [Cluster] of a group in one process, which does not change.
func Static(v View) Cluster { return static{v} }

type static struct{ view View }

func (s static) Watch(ctx context.Context, learn func(View)) {
	learn(s.view)
	<-ctx.Done()
}

// Borrowed is a connection that somebody else closes.
func Borrowed(conn grpc.ClientConnInterface) Conn { return borrowed{conn} }

type borrowed struct{ grpc.ClientConnInterface }

func (borrowed) Close() error { return nil }

// Merge returns the view that holds when next is heard after v, from whomever: an
// older membership never takes the place of a newer one, nor an older ring that
// of a newer one. ok is false if v holds as it is.
func (v View) Merge(next View) (_ View, ok bool) {
	older := next.Ring == nil || v.Ring != nil && next.Ring.Version < v.Ring.Version
	if next.Membership < v.Membership || next.Membership == v.Membership && v.Ring != nil && older {
		return v, false
	}
	if older {
		next.Ring = v.Ring
	}
	return next, true
}
