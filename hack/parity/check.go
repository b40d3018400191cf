package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ringhold/ringhold/hack/internal/testrun"
)

// check holds the rows against a run and returns what is wrong, each fault with the line of its row. That the machine
// lacks PostgreSQL's server is no fault unless the run has to be complete, as in CI: the record lists what was skipped.
func check(rows []row, packages []*testrun.Package, stores []string, complete bool) (faults []string) {
	ran, faults := index(packages)
	named := map[string]bool{}
	for _, r := range rows {
		for _, name := range r.tests {
			named[name] = true
			for _, fault := range checkTest(ran, name, r, stores, complete) {
				faults = append(faults, fmt.Sprintf("line %d: %s: %s", r.line, r.behaviour, fault))
			}
		}
	}
	var unnamed []string
	for name, test := range ran {
		if !strings.Contains(name, "/") && !named[name] {
			unnamed = append(unnamed, fmt.Sprintf("%s (%s) is named by no row", name, testrun.Short(test.Package)))
		}
	}
	slices.Sort(unnamed)
	return append(faults, unnamed...)
}

// index finds tests by name. A row names a test without its package, so a name may stand in one package only.
func index(packages []*testrun.Package) (ran map[string]*testrun.Test, faults []string) {
	ran = map[string]*testrun.Test{}
	for _, p := range packages {
		for _, test := range p.Tests {
			if !strings.HasPrefix(test.Name, "Test") {
				continue
			}
			if other, ok := ran[test.Name]; ok && !strings.Contains(test.Name, "/") {
				faults = append(faults, fmt.Sprintf("%s stands in %s and in %s; a row could not tell which",
					test.Name, testrun.Short(other.Package), testrun.Short(test.Package)))
			}
			ran[test.Name] = test
		}
	}
	return ran, faults
}

// serverStore is the store that a machine may lack: the others are in the binary.
const serverStore = "postgres"

// checkTest returns what keeps a row's test from proving its behaviour.
func checkTest(ran map[string]*testrun.Test, name string, r row, stores []string, complete bool) (faults []string) {
	test, ok := ran[name]
	if !ok {
		return []string{name + " did not run"}
	}
	if test.Result != testrun.Passed {
		return []string{name + " " + ended(test.Result)}
	}
	if !r.noStore {
		for _, store := range stores {
			sub, ok := ran[name+"/"+store]
			switch {
			case !ok:
				faults = append(faults, fmt.Sprintf("%s did not run on %s (a test that needs no store is marked %s)", name, store, noStoreSuffix))
			case sub.Result == testrun.Skipped && store == serverStore && !complete:
			case sub.Result != testrun.Passed:
				faults = append(faults, fmt.Sprintf("%s %s on %s", name, ended(sub.Result), store))
			}
		}
	}
	// Go lets a test pass of which a part was skipped; here that part proves nothing.
	for _, other := range ran {
		if strings.HasPrefix(other.Name, name+"/") && other.Result == testrun.Skipped && !isStore(other.Name, name, stores) {
			faults = append(faults, fmt.Sprintf("%s was skipped: %s", other.Name, other.Reason()))
		}
	}
	slices.Sort(faults)
	return faults
}

// isStore tells whether the subtest is the one of a store, which checkTest has judged already.
func isStore(subtest, test string, stores []string) bool {
	return slices.Contains(stores, strings.TrimPrefix(subtest, test+"/"))
}

func ended(r testrun.Result) string {
	if r == testrun.Skipped {
		return "was skipped"
	}
	return "failed"
}
