package pgtest

import (
	"errors"
	"syscall"
)

// unsupported is why no server can be started here.
var unsupported = errors.New("servers for tests are not supported on Windows")

func apart() (*syscall.SysProcAttr, error) { return nil, unsupported }
