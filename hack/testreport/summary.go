package main

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"github.com/ringhold/ringhold/hack/internal/testrun"
)

// summarise adds up the records of a run's stages.
func summarise(dir string, ci bool) (testrun.Record, error) {
	var sum testrun.Record
	records, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return sum, fmt.Errorf("list the records in %s: %w", dir, err)
	}
	for _, file := range records {
		r, err := testrun.Load(file)
		if err != nil {
			return sum, err
		}
		sum.Merge(r)
	}
	failed, err := filepath.Glob(filepath.Join(dir, "*.failed"))
	if err != nil {
		return sum, fmt.Errorf("list the failed stages in %s: %w", dir, err)
	}
	for _, file := range failed {
		explained, err := recordExplains(strings.TrimSuffix(file, ".failed")+".json", ci)
		if err != nil {
			return sum, err
		}
		if !explained {
			stage := strings.TrimSuffix(filepath.Base(file), ".failed")
			sum.Failures = append(sum.Failures, testrun.Failure{Stage: stage})
		}
	}
	return sum, nil
}

// recordExplains tells whether a failed stage's record says by itself why it failed: a failed test, or (in CI) a skipped
// one. A stage without tests has no record.
func recordExplains(file string, ci bool) (bool, error) {
	r, err := testrun.Load(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	default:
		return !r.OK(ci), nil
	}
}
