package pgtest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

const childVariable = "RINGHOLD_PGTEST_CHILD"

// A test process that is killed leaves neither a server nor a folder: the one
// with a server that runs, nor the one whose server was killed before.
func TestServerEndsWithItsProcess(t *testing.T) {
	if how := os.Getenv(childVariable); how != "" {
		holdServer(t, how)
		return
	}
	if _, err := findBinaries(t.Context()); err != nil {
		giveUp(t, err)
	}
	for _, how := range []string{"running", "killed"} {
		t.Run(how, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			child := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestServerEndsWithItsProcess$")
			child.Env = append(os.Environ(), childVariable+"="+how)
			out, err := child.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			// The keeper holds this as long as it lives.
			kept, held, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer kept.Close()
			child.Stderr = held
			if err := child.Start(); err != nil {
				t.Fatal(err)
			}
			held.Close()
			line, err := bufio.NewReader(out).ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			dir, address, _ := strings.Cut(strings.TrimSpace(line), " ")
			if _, err := os.Stat(dir); err != nil {
				t.Fatalf("the server's folder: %v", err)
			}
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			_ = child.Wait() // it says that it was killed
			if err := kept.SetReadDeadline(time.Now().Add(patience)); err != nil {
				t.Fatal(err)
			}
			if said, err := io.ReadAll(kept); err != nil || len(said) > 0 {
				t.Fatalf("the keeper of a killed process: %v, %s", err, said)
			}
			if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the server's folder is left: %v", err)
			}
			if conn, err := pgx.Connect(t.Context(), address); err == nil {
				t.Errorf("the server lives on")
				conn.Close(t.Context())
			}
		})
	}
}

// holdServer is the child: it starts a server, says where, and waits for its
// death.
func holdServer(t *testing.T, how string) {
	s := Start(t, Options{})
	if how == "killed" {
		s.Kill()
	}
	fmt.Println(s.keeper.dir, s.address())
	select {}
}
