package shard

import (
	"context"
	"errors"
	"fmt"
	"net"
)

func listen(ctx context.Context, address, flag string) (net.Listener, error) {
	if err := checkAddress(ctx, address); err != nil {
		return nil, usagef("%s %q: %w: write host:port, such as 127.0.0.1:8080", flag, address, err)
	}
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w: choose another address with %s", flag, address, err, flag)
	}
	return l, nil
}

// checkAddress says why an address cannot be listened on, whatever the machine.
func checkAddress(ctx context.Context, address string) error {
	_, port, err := net.SplitHostPort(address)
	var wrong *net.AddrError
	if errors.As(err, &wrong) {
		return errors.New(wrong.Err)
	}
	if _, err := net.DefaultResolver.LookupPort(ctx, "tcp", port); err != nil {
		return fmt.Errorf("%q is no port", port)
	}
	return nil
}
