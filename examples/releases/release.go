package releases

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/ringhold/ringhold/aggregate"
)

// Release asks to take a release of a package.
type Release struct {
	Package      string    `json:"package"`
	Version      Version   `json:"version"`
	Distribution string    `json:"distribution"`
	Urgency      string    `json:"urgency"`
	Changes      int       `json:"changes"` // entries of its changelog
	At           time.Time `json:"at"`
}

const maxChanges = 1_000_000

// NotNewer is the code of a release that comes too late: its version is not
// after the last one that was taken.
const NotNewer = "not_newer"

// Order is the detail of NotNewer.
type Order struct {
	Last    Version `json:"last"`
	Refused Version `json:"refused"`
}

type (
	msg      = aggregate.Message[Package]
	decision = aggregate.Decision[Package]
)

func init() {
	aggregate.Command(Packages, "release", Release.Validate, release,
		aggregate.Doc[Release]("Takes a release of a package, if its version is after the last one."))
}

var (
	packageName  = regexp.MustCompile(`^[a-z0-9][a-z0-9+.-]{1,127}$`)
	distribution = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9-]{0,63}$`)
	urgencies    = []string{"low", "medium", "high", "emergency", "critical"}
)

// Validate returns all that is wrong with the request.
func (r Release) Validate(_ *msg, _ Package) (v aggregate.Violations) {
	v.Require(packageName.MatchString(r.Package), "package",
		"must have 2 to 128 lower-case letters, digits and any of +.-, and begin with a letter or digit")
	if err := r.Version.Check(); err != nil {
		v.Add("version", err.Error())
	}
	v.Require(distribution.MatchString(r.Distribution), "distribution",
		"must have 1 to 64 letters, digits and hyphens, and begin with a letter")
	if !slices.Contains(urgencies, r.Urgency) {
		v.Add("urgency", fmt.Sprintf("must be one of %s", strings.Join(urgencies, ", ")))
	}
	v.Require(r.Changes >= 0 && r.Changes <= maxChanges, "changes", "must be from 0 to 1000000")
	year := r.At.UTC().Year() // JSON has no way to write a later one
	v.Require(year >= 1993 && year <= 9999, "at", "must be a time in the years 1993 to 9999")
	return v
}

func release(m *msg, p Package, r Release) decision {
	if p.Releases > 0 && !r.Version.After(p.Version) {
		return m.Error(NotNewer, Order{Last: p.Version, Refused: r.Version})
	}
	e := released(Released{
		Version: r.Version, Distribution: r.Distribution, Urgency: r.Urgency, Changes: r.Changes, At: r.At.UTC(),
	})
	if p.Releases == 0 {
		return m.Emit(e).Created()
	}
	return m.Emit(e).OK()
}
