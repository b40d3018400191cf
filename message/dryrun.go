package message

// DryRun says whether a command is decided for real.
type DryRun int8

// The kinds of dry run. A dry run stores nothing; a verbose one answers the
// events that would have been stored too.
const (
	Real DryRun = iota
	Dry
	Verbose
)

func (d DryRun) String() string {
	switch d {
	case Real:
		return "false"
	case Dry:
		return "true"
	case Verbose:
		return "verbose"
	}
	return "invalid"
}
