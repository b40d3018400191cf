package releases

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"pault.ag/go/debian/version"
)

// Version is a version of a Debian package as it is written: [epoch:]upstream[-revision].
type Version string

// MaxVersion is the longest version that is taken, in bytes.
const MaxVersion = 128

// Check says why v is not a version, or nil. It refuses what dpkg refuses, and
// spaces around it.
func (v Version) Check() error {
	if len(v) > MaxVersion {
		return fmt.Errorf("must have at most %d bytes", MaxVersion)
	}
	parsed, err := version.Parse(string(v))
	switch {
	case err != nil:
		return fmt.Errorf("is not a Debian version: %w", err)
	case strings.TrimSpace(string(v)) != string(v):
		return errors.New("is not a Debian version: there are spaces around it")
	case parsed.Epoch > math.MaxInt32:
		return errors.New("is not a Debian version: the epoch is too big")
	case parsed.Version == "": // the library takes this and the next, dpkg does not
		return errors.New("is not a Debian version: nothing stands before the revision")
	case strings.HasSuffix(string(v), "-"):
		return errors.New("is not a Debian version: the revision is empty")
	}
	return nil
}

// After reports whether v is later than other in Debian's order, where 1.0~rc1
// comes before 1.0, and 1:0.9 after it. Both have to be versions.
func (v Version) After(other Version) bool {
	return version.Compare(v.parts(), other.parts()) > 0
}

// parts is never asked for what Check refuses.
func (v Version) parts() version.Version {
	parsed, _ := version.Parse(string(v))
	return parsed
}
