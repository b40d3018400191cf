package pgtest

import (
	"context"
	"errors"
	"math/rand/v2"
	"net"
	"strconv"
)

// freePort returns a port of loopback on which nothing listens. It lies below
// those that kernels give to outgoing connections: else one of these could take
// it while its server is down.
func freePort(ctx context.Context) (int, error) {
	var failed error
	for range 100 {
		port := 15000 + rand.IntN(17000)
		listener, err := listen(ctx, loopback(port))
		if err == nil {
			return port, listener.Close()
		}
		failed = err
	}
	return 0, errors.Join(errors.New("found no free port"), failed)
}

func listen(ctx context.Context, address string) (net.Listener, error) {
	var config net.ListenConfig
	return config.Listen(ctx, "tcp", address)
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }
