package gateway

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/ringhold/ringhold/dispatch"
	"github.com/ringhold/ringhold/ring"
)

// Defaults of [Config].
const (
	DefaultMaxMessageBytes = 4 << 20
	DefaultMaxTimeout      = 5 * time.Minute
	DefaultConnectTimeout  = 5 * time.Second
)

// Config says what a gateway serves, and for whom. The zero of each limit is
// its default.
type Config struct {
	// Node is the gateway's name, which messages carry as their origin.
	// Default: gateway.
	Node string
	// Cluster tells who is there and who should own what. If it is a Refresher
	// too, it is asked to look again when a member knows a newer ring.
	Cluster Cluster
	// Dial makes a connection to a member, which the gateway closes. It must not
	// wait for the member, and not hide for long that the member refuses
	// connections. Messages to it may be as large as MaxMessageBytes and
	// wire.MaxEnvelopeBytes together. Each time that a link breaks it is called
	// again.
	Dial func(ring.Member) (Conn, error)

	// MaxMessageBytes bounds the request of a message.
	MaxMessageBytes int
	// DefaultTimeout is how long a caller waits that does not say. Default: 5 s.
	DefaultTimeout time.Duration
	// MaxTimeout caps what callers say.
	MaxTimeout time.Duration
	// ConnectTimeout is how long New waits for members to tell their services.
	ConnectTimeout time.Duration
	// Linger is how long the gateway goes on taking new connections and
	// messages after Shutdown was called, while it already asks clients to go
	// elsewhere. Default: not at all.
	Linger time.Duration

	// Admin serves Streams and Cluster too, and their paths over HTTP. Nobody
	// is asked who they are: it is for a gateway on loopback.
	Admin bool

	Observer dispatch.Observer // may be nil
	Logger   *slog.Logger

	bodyTimeout time.Duration // of an HTTP request's body; shorter in tests
}

func (c *Config) setDefaults() {
	c.Node = cmp.Or(c.Node, "gateway")
	c.MaxMessageBytes = cmp.Or(c.MaxMessageBytes, DefaultMaxMessageBytes)
	c.DefaultTimeout = cmp.Or(c.DefaultTimeout, dispatch.DefaultTimeout)
	c.MaxTimeout = cmp.Or(c.MaxTimeout, DefaultMaxTimeout)
	c.ConnectTimeout = cmp.Or(c.ConnectTimeout, DefaultConnectTimeout)
	c.bodyTimeout = cmp.Or(c.bodyTimeout, bodyTimeout)
	c.Logger = cmp.Or(c.Logger, slog.Default())
}

// Validate reports all faults of the configuration at once.
func (c *Config) Validate() error {
	var faults []error
	fault := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Errorf("gateway: "+format, args...))
		}
	}
	fault(c.Cluster != nil, "nothing tells who is there")
	fault(c.Dial != nil, "nothing connects to members")
	fault(c.MaxMessageBytes >= 0, "the largest message is %d bytes", c.MaxMessageBytes)
	fault(c.DefaultTimeout >= 0, "the default timeout is %v", c.DefaultTimeout)
	fault(c.MaxTimeout >= 0, "the largest timeout is %v", c.MaxTimeout)
	fault(c.ConnectTimeout >= 0, "the timeout of connecting is %v", c.ConnectTimeout)
	fault(c.Linger >= 0, "the time to linger is %v", c.Linger)
	return errors.Join(faults...)
}
