package pgtest

import (
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

//go:embed keeper.sh
var keeperScript string

// patience bounds every wait for a server: to start, to recover, to end.
const patience = 60 * time.Second

// keeper is the shell that owns a server's process and folder. It starts no
// goroutine. Only one call at a time.
type keeper struct {
	dir      string // removed at the end
	shell    *exec.Cmd
	commands *os.File // its end ends the shell, and that everything else
	answers  *os.File
	pending  []byte // read, not yet a whole line
}

// newKeeper starts a keeper whose folder lies in parent, and that ends its
// server with that signal. Its environment is the process's and env.
func newKeeper(parent, signal string, env ...string) (*keeper, error) {
	in, commands, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer in.Close()
	answers, out, err := os.Pipe()
	if err != nil {
		return nil, errors.Join(err, commands.Close())
	}
	defer out.Close()
	// It has to live on when a test's context ends: it is what cleans up.
	shell := exec.CommandContext(context.Background(), "sh", "-c", keeperScript, "keeper", parent, signal)
	shell.Env = append(os.Environ(), env...)
	shell.Dir = parent
	// Whoever waits for the end of this process's output (go test does) thereby waits for the keeper.
	shell.Stdin, shell.Stdout, shell.Stderr = in, out, os.Stderr
	shell.SysProcAttr, err = apart()
	if err == nil {
		err = shell.Start()
	}
	if err != nil {
		return nil, errors.Join(err, commands.Close(), answers.Close())
	}
	k := &keeper{shell: shell, commands: commands, answers: answers}
	line, err := k.answer(patience)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("make a folder in %s: %w", parent, err), k.close())
	}
	k.dir = strings.TrimPrefix(line, "dir ")
	return k, nil
}

// do runs a shell command in the folder and waits for it.
func (k *keeper) do(command string) error {
	if err := k.say("do " + command); err != nil {
		return err
	}
	line, err := k.answer(patience)
	if err != nil {
		return fmt.Errorf("%s: %w", command, err)
	}
	if line != "done 0" {
		return fmt.Errorf("%s: %s: %s", command, line, k.log())
	}
	return nil
}

// start starts the server without waiting for it to be ready.
func (k *keeper) start(command string) error {
	if err := k.say("start " + command); err != nil {
		return err
	}
	_, err := k.answer(patience)
	return err
}

// gone waits that long for the end of the server and says whether it came.
func (k *keeper) gone(wait time.Duration) (bool, error) {
	_, err := k.answer(wait)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return false, nil
	}
	return err == nil, err
}

// kill ends the server and waits until none of its processes is left.
func (k *keeper) kill(signal string) error {
	if err := k.reap(signal); err != nil {
		return err
	}
	if ended, err := k.gone(patience); err != nil || !ended {
		return errors.Join(fmt.Errorf("a process of the server lives on after SIG%s", signal), err)
	}
	return nil
}

// reap is kill for a server whose end was seen already.
func (k *keeper) reap(signal string) error { return k.say("kill " + signal) }

// close ends the server and removes the folder, and waits for that.
func (k *keeper) close() error {
	err := k.commands.Close()
	for {
		if _, e := k.answer(patience); errors.Is(e, os.ErrDeadlineExceeded) {
			return errors.Join(err, fmt.Errorf("the server in %s does not end", k.dir), k.answers.Close())
		} else if e != nil {
			break
		}
	}
	return errors.Join(err, k.answers.Close(), k.shell.Wait())
}

func (k *keeper) say(line string) error {
	_, err := k.commands.WriteString(line + "\n")
	return err
}

// answer reads the next line. Its error wraps os.ErrDeadlineExceeded if there
// is none within that time, and is io.EOF after the end of the keeper.
func (k *keeper) answer(wait time.Duration) (string, error) {
	if err := k.answers.SetReadDeadline(time.Now().Add(wait)); err != nil {
		return "", err
	}
	for {
		if line, rest, whole := bytes.Cut(k.pending, []byte("\n")); whole {
			k.pending = rest
			return string(line), nil
		}
		piece := make([]byte, 4096)
		n, err := k.answers.Read(piece)
		k.pending = append(k.pending, piece[:n]...)
		if err != nil {
			return "", err
		}
	}
}

// log returns the end of what the server wrote.
func (k *keeper) log() string {
	text, err := os.ReadFile(filepath.Join(k.dir, "log"))
	if err != nil {
		return err.Error()
	}
	const most = 8 << 10
	return string(text[max(0, len(text)-most):])
}
