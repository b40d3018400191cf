package releases

import (
	"testing"
	"time"

	"github.com/ringhold/ringhold/aggregate/aggregatetest"
)

func at(day int) time.Time { return time.Date(2026, time.March, day, 12, 0, 0, 0, time.UTC) }

func releaseOf(version Version, day int) Release {
	return Release{Package: "bash", Version: version, Distribution: "unstable", Urgency: "medium", Changes: 2, At: at(day)}
}

func releasedAs(version Version, day int) Released {
	return Released{Version: version, Distribution: "unstable", Urgency: "medium", Changes: 2, At: at(day)}
}

func TestFirstRelease(t *testing.T) {
	aggregatetest.Given(t, Packages).ID("bash").
		When("release", releaseOf("5.3-1", 1)).
		Then(released(releasedAs("5.3-1", 1))).
		Created().
		State(Package{Version: "5.3-1", Distribution: "unstable", Releases: 1, Changes: 2, First: at(1), Latest: at(1)})
}

func TestNewerRelease(t *testing.T) {
	aggregatetest.Given(t, Packages, released(releasedAs("5.3~rc1-1", 1))).
		When("release", releaseOf("5.3-1", 2)).
		Then(released(releasedAs("5.3-1", 2))).
		OK().
		State(Package{Version: "5.3-1", Distribution: "unstable", Releases: 2, Changes: 4, First: at(1), Latest: at(2)})
}

func TestOlderAndEqualReleasesAreRefused(t *testing.T) {
	for _, version := range []Version{"5.3-1", "5.3-1~deb13u1", "5.2-9", "0:5.3-01"} {
		aggregatetest.Given(t, Packages, released(releasedAs("5.3-1", 1))).
			When("release", releaseOf(version, 2)).
			Then().
			Error(NotNewer, Order{Last: "5.3-1", Refused: version}).
			Version(0)
	}
}

func TestReleaseReportsAllFaults(t *testing.T) {
	aggregatetest.Given(t, Packages).
		When("release", Release{Package: "Bash", Version: "five", Distribution: "un stable", Urgency: "soon", Changes: -1}).
		Invalid("package", "version", "distribution", "urgency", "changes", "at")
}

func TestStoredEventsAreRead(t *testing.T) {
	aggregatetest.Samples(t, Packages, released(releasedAs("1:5.3~rc1-1", 1)))
}
