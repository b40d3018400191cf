package cli

import (
	"bufio"
	"errors"
	"fmt"
	"os"

	"github.com/ringhold/ringhold/client"
)

// answerFile gets a JSON line for each answer. A nil file gets nothing. The
// stream's answers and what could not be sent come from two goroutines, but
// never the same line, so writes take turns.
type answerFile struct {
	turn chan struct{} // of one
	f    *os.File
	w    *bufio.Writer
}

func newAnswerFile(path string) (*answerFile, error) {
	if path == "" {
		return nil, nil
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

func (a *answerFile) close() error {
	if a == nil {
		return nil
	}
	return errors.Join(a.w.Flush(), a.f.Close())
}
