package cli

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/ringhold/ringhold/client"
)

// answerFile gets a JSON line for each answer. A nil file gets nothing. The
// stream's answers and what could not be sent come from two goroutines, but
// never the same line, so writes take turns.
type answerFile struct {
	turn chan struct{} // of one
	f    *os.File      // nil: the standard output, which is not closed
	w    *bufio.Writer
}

// newAnswerFile makes the file, unless it is that of the messages, which would
// be lost; - is out.
func newAnswerFile(path string, in *input, out io.Writer) (*answerFile, error) {
	switch {
	case path == "":
		return nil, nil
	case path == "-":
		return &answerFile{turn: make(chan struct{}, 1), w: bufio.NewWriter(out)}, nil
	case in.is(path):
		return nil, usage("--answers %s is the file of the messages itself: name another one", path)
	}
	f, err := os.Create(path)
	if err != nil {
		return nil, &fault{code: exitFailed, text: fmt.Sprintf("--answers: %v", err), cause: err}
	}
	return &answerFile{turn: make(chan struct{}, 1), f: f, w: bufio.NewWriter(f)}, nil
}

func (a *answerFile) write(answer client.Answer, refused *client.Error) error {
	if a == nil {
		return nil
	}
	doc := document(answer.Result, refused)
	doc.Line, doc.Overtaken = answer.Item.Tag.(int), answer.Overtaken
	a.turn <- struct{}{}
	defer func() { <-a.turn }()
	if err := jsonLine(a.w, doc); err != nil {
		return fmt.Errorf("--answers: %w", err)
	}
	return nil
}

func (a *answerFile) flush() error {
	if a == nil {
		return nil
	}
	if err := a.w.Flush(); err != nil {
		return fmt.Errorf("--answers: %w", err)
	}
	return nil
}

func (a *answerFile) close() error {
	if a == nil {
		return nil
	}
	err := a.flush()
	if a.f != nil {
		err = errors.Join(err, a.f.Close())
	}
	return err
}
