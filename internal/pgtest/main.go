package pgtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// Main runs a binary's tests, ends the server that they shared, and fails if a
// goroutine is left. It returns the code to exit with:
//
//	func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }
func Main(m *testing.M, ignored ...goleak.Option) int {
	code := m.Run()
	shared.Lock()
	defer shared.Unlock()
	if err := dropCommon(); err != nil {
		fmt.Fprintf(os.Stderr, "pgtest: %v\n", err)
		code = max(code, 1)
	}
	if shared.server != nil {
		if err := shared.server.keeper.close(); err != nil {
			fmt.Fprintf(os.Stderr, "pgtest: %v\n", err)
			code = max(code, 1)
		}
		shared.server, shared.failed = nil, errors.New("the tests are over")
	}
	if code == 0 {
		if err := goleak.Find(ignored...); err != nil {
			fmt.Fprintf(os.Stderr, "goleak: %v\n", err)
			code = 1
		}
	}
	return code
}

// Serve starts a server, writes its URL as one line, and ends the server when
// in ends. It is how a script gets a server for several test binaries. ctx
// bounds the start.
func Serve(ctx context.Context, in io.Reader, out io.Writer) error {
	server, err := Launch(ctx, Options{})
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(out, server.address()); err != nil {
		return errors.Join(err, server.keeper.close())
	}
	_, err = io.Copy(io.Discard, in)
	return errors.Join(err, server.keeper.close())
}
