package client

import (
	"crypto/tls"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc"
)

// Defaults of [Config].
const (
	DefaultTimeout         = 5 * time.Second
	DefaultMaxMessageBytes = 4 << 20
)

// Config configures a client. The zero Config is complete.
type Config struct {
	// Timeout bounds a call, all attempts together, whose context has no
	// deadline and whose options name no timeout. 0 is DefaultTimeout.
	Timeout time.Duration

	// Retry says when and how often calls are tried again.
	Retry Retry

	// MaxMessageBytes is the largest request that is sent; a larger one is
	// refused with message.TooLarge before it leaves. It should not be above
	// the server's own limit: a stream breaks on what the server does not read.
	// 0 is DefaultMaxMessageBytes, the default of servers.
	MaxMessageBytes int

	// TLS, if not nil, encrypts the connection. Without it nothing is
	// encrypted, as suits a server on loopback or behind a mesh.
	TLS *tls.Config

	// DialOptions are added to those that the client makes, behind them.
	DialOptions []grpc.DialOption
}

func (c Config) withDefaults() Config {
	if c.Timeout == 0 {
		c.Timeout = DefaultTimeout
	}
	if c.MaxMessageBytes == 0 {
		c.MaxMessageBytes = DefaultMaxMessageBytes
	}
	c.Retry = c.Retry.withDefaults()
	return c
}

// Validate reports all that is wrong with the configuration.
func (c Config) Validate() error {
	var faults []error
	if c.Timeout < 0 {
		faults = append(faults, fmt.Errorf("the timeout is %v, it cannot be negative", c.Timeout))
	}
	if c.MaxMessageBytes < 0 {
		faults = append(faults, fmt.Errorf("MaxMessageBytes is %d, it cannot be negative", c.MaxMessageBytes))
	}
	return errors.Join(append(faults, c.Retry.validate()...)...)
}
