package cli

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
)

// input is the file of messages.
type input struct {
	io.Reader
	info os.FileInfo // nil: not known
	size int64       // −1: not known
	file *os.File    // nil: the standard input, which is not closed
}

// openInput opens the file of messages, - for the standard input.
func openInput(cmd *cobra.Command, path string) (*input, error) {
	if path == "-" {
		in := &input{Reader: cmd.InOrStdin(), size: -1}
		if f, is := in.Reader.(*os.File); is {
			in.info, _ = f.Stat() // it serves a check only
		}
		return in, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, &fault{code: exitFailed, text: fmt.Sprintf("--from-file: %v", err), cause: err}
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	if info.IsDir() {
		return nil, errors.Join(usage("--from-file %s is a directory: name a file of JSON lines", path), f.Close())
	}
	in := &input{Reader: f, info: info, size: -1, file: f}
	if info.Mode().IsRegular() {
		in.size = info.Size()
	}
	return in, nil
}

// is reports whether a path leads to the file of messages.
func (in *input) is(path string) bool {
	info, err := os.Stat(path)
	return err == nil && in.info != nil && info.Mode().IsRegular() && os.SameFile(info, in.info)
}

func (in *input) close() error {
	if in.file == nil {
		return nil
	}
	return in.file.Close()
}
