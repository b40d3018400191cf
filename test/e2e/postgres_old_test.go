package e2e

import (
	"encoding/binary"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgproto3"
)

// A server that is too old is refused with its version. There is none on the
// machine: one that speaks just enough of the protocol takes its place.
func TestPostgresBad_TooOld(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- serveOld(listener) }()
	refusedAt(t, "PostgreSQL 13", []string{"dev", "-f", bankManifest, "--listen", freeAddress(t), "--store", "postgres://app:" + password + "@" + listener.Addr().String() + "/shop?sslmode=disable"},
		"PostgreSQL 13.9", "14 or newer")
	if err := errors.Join(listener.Close(), <-ended); err != nil {
		t.Error(err)
	}
}

// serveOld answers until the listener is closed.
func serveOld(l net.Listener) error {
	for {
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := beOld(conn); err != nil {
			return err
		}
	}
}

// beOld is a session of PostgreSQL 13.9 that has one answer to everything: what
// the store asks first, which is who answers and in which version.
func beOld(conn net.Conn) error {
	defer func() { _ = conn.Close() }()
	const pid = 4711
	b := pgproto3.NewBackend(conn, conn)
	if _, err := b.ReceiveStartupMessage(); err != nil {
		return err
	}
	b.Send(&pgproto3.AuthenticationOk{})
	b.Send(&pgproto3.ParameterStatus{Name: "server_version", Value: "13.9"})
	b.Send(&pgproto3.BackendKeyData{ProcessID: pid, SecretKey: binary.BigEndian.AppendUint32(nil, 1)})
	b.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	if err := b.Flush(); err != nil {
		return err
	}
	answer := strings.Fields("4711 130009 13.9 UTF8 f f f")
	for {
		asked, err := b.Receive()
		if err != nil {
			return nil // the client has gone
		}
		if _, isSync := asked.(*pgproto3.Sync); !isSync {
			continue
		}
		row := &pgproto3.DataRow{}
		described := &pgproto3.RowDescription{}
		for _, value := range answer {
			row.Values = append(row.Values, []byte(value))
			described.Fields = append(described.Fields, pgproto3.FieldDescription{Name: []byte("x"), DataTypeOID: 25, DataTypeSize: -1})
		}
		for _, m := range []pgproto3.BackendMessage{&pgproto3.ParseComplete{}, &pgproto3.BindComplete{}, described, row, &pgproto3.CommandComplete{CommandTag: []byte("SELECT 1")}, &pgproto3.ReadyForQuery{TxStatus: 'I'}} {
			b.Send(m)
		}
		if err := b.Flush(); err != nil {
			return err
		}
	}
}
