package main

import (
	"errors"
	"time"
)

// processCPU is not known here.
func processCPU() time.Duration { return -1 }

// freeSpace is not known here.
func freeSpace(string) (int64, error) {
	return 0, errors.New("free space is not known on Windows")
}
