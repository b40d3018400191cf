package cli

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ringhold/ringhold/message"
)

// versionFlag is the value of a flag that names a version; given is nil if it
// was not.
type versionFlag struct{ given *message.Version }

// String returns the version as the flag has it.
func (f *versionFlag) String() string {
	if f.given == nil {
		return ""
	}
	return strconv.FormatInt(int64(*f.given), 10)
}

// Set reads the flag.
func (f *versionFlag) Set(s string) error {
	n, err := strconv.ParseInt(s, 10, 64)
	v := message.Version(n)
	if err != nil || v < message.NoVersion {
		return errors.New("is not a version: write a number from 0, or -1 for none yet")
	}
	f.given = &v
	return nil
}

// Type names the kind of value in help.
func (f *versionFlag) Type() string { return "version" }

// checkID says why a flag's value cannot be a message id, if it was given.
func checkID(cmd *cobra.Command, flag string, id message.ID) error {
	if !cmd.Flags().Changed(flag) {
		return nil
	}
	if id == "" && flag == "id" {
		return usage("--%s %s", flag, emptyID)
	}
	if err := id.Validate(); err != nil {
		return usage("--%s: %v", flag, err)
	}
	return nil
}

// flagFault says what is wrong with the flags, in the words of this command
// rather than those of what parsed them.
func flagFault(cmd *cobra.Command, err error) error {
	text := err.Error()
	var invalid *pflag.InvalidValueError
	if errors.As(err, &invalid) {
		f := invalid.GetFlag()
		text = fmt.Sprintf("--%s: %q %s", f.Name, invalid.GetValue(), valueFault(f, invalid.Unwrap()))
	}
	return usage("%s\n%q tells the flags", text, cmd.CommandPath()+" --help")
}

// valueFault says why a value is none for a flag, and what to write instead.
func valueFault(f *pflag.Flag, err error) string {
	switch kind := f.Value.Type(); {
	case kind == "duration":
		return "is not a duration: write a number with its unit, such as 500ms, 5s or 1m"
	case strings.HasPrefix(kind, "uint"):
		return "is not a number that fits: write a whole number from 0"
	case strings.HasPrefix(kind, "int"):
		return "is not a number that fits: write a whole number"
	case kind == "bool":
		return fmt.Sprintf("is neither true nor false: write --%s alone to mean true", f.Name)
	}
	return err.Error()
}
