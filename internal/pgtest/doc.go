// Package pgtest gives tests a real PostgreSQL: one server for all tests of a
// binary, each test in a schema of its own ([URL]); servers that a test may
// kill and restart ([Start]); a proxy that cuts a connection at an exact byte
// ([NewProxy]); and a pgbouncer ([Pgbouncer]).
//
// The server's programs come from the machine. Where there are none, and
// $RINGHOLD_TEST_POSTGRES does not name a server either, a test skips itself
// and says how to provide one; with CI=true it fails.
//
// # A server never outlives its test
//
// A test binary may end without running any deferred call: by a timeout of go
// test, by a signal. So a server is not the child of the test but of a keeper,
// a small shell script (keeper.sh) in a session of its own, that reads commands
// from a pipe. The kernel closes the pipe when the test ends in any way; the
// keeper then stops the server and removes its folder.
package pgtest
