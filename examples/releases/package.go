package releases

import (
	"time"

	"github.com/ringhold/ringhold/aggregate"
)

// Package is the state of a source package.
type Package struct {
	Version      Version   `json:"version"`      // the last one that was taken
	Distribution string    `json:"distribution"` // for which it was
	Releases     int       `json:"releases"`     // how many were taken
	Changes      int       `json:"changes"`      // in all of them together
	First        time.Time `json:"first"`        // when the first was made, UTC
	Latest       time.Time `json:"latest"`       // when the last was made, UTC
}

// Packages defines the aggregate. Its id is the package's name.
var Packages = aggregate.New[Package]("packages")

// Released says that a version was taken.
type Released struct {
	Version      Version   `json:"version"`
	Distribution string    `json:"distribution"`
	Urgency      string    `json:"urgency"`
	Changes      int       `json:"changes"`
	At           time.Time `json:"at"`
}

var released = aggregate.Event(Packages, "released", func(p *Package, e Released) {
	if p.Releases == 0 {
		p.First = e.At
	}
	p.Version, p.Distribution, p.Latest = e.Version, e.Distribution, e.At
	p.Releases++
	p.Changes += e.Changes
})
