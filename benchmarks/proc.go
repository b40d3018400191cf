package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// tick is the unit of CPU times in /proc on every Linux that Go runs on.
const tick = 10 * time.Millisecond

// procStat is a process as /proc/<pid>/stat has it.
type procStat struct {
	name   string
	parent int
	own    time.Duration // CPU of the process
	ended  time.Duration // CPU of its children that ended
}

func readStat(pid int) (s procStat, err error) {
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return s, err
	}
	// The name stands in parentheses and may hold anything, so the last one counts.
	open, end := strings.IndexByte(string(text), '('), strings.LastIndexByte(string(text), ')')
	if open < 0 || end < open {
		return s, fmt.Errorf("/proc/%d/stat is not understood", pid)
	}
	fields := strings.Fields(string(text[end+1:])) // from the state on, field 3 of proc(5)
	if len(fields) < 15 {
		return s, fmt.Errorf("/proc/%d/stat has only %d fields", pid, len(fields)+2)
	}
	n := make([]int64, 15)
	for _, at := range []int{1, 11, 12, 13, 14} { // ppid, utime, stime, cutime, cstime
		if n[at], err = strconv.ParseInt(fields[at], 10, 64); err != nil {
			return s, fmt.Errorf("/proc/%d/stat: %w", pid, err)
		}
	}
	return procStat{
		name: string(text[open+1 : end]), parent: int(n[1]),
		own: time.Duration(n[11]+n[12]) * tick, ended: time.Duration(n[13]+n[14]) * tick,
	}, nil
}

// treeCPU returns the CPU time of a process and of all its children, those
// that ended included.
func treeCPU(parent int) (time.Duration, error) {
	root, err := readStat(parent)
	if err != nil {
		return 0, fmt.Errorf("read the CPU time of process %d: %w", parent, err)
	}
	all, err := os.ReadDir("/proc")
	if err != nil {
		return 0, err
	}
	total := root.own + root.ended
	for _, entry := range all {
		pid, err := strconv.Atoi(entry.Name())
		if err != nil {
			continue // not a process
		}
		s, err := readStat(pid)
		if errors.Is(err, os.ErrNotExist) {
			continue // it ended meanwhile
		}
		if err == nil && s.parent == parent {
			total += s.own + s.ended
		}
	}
	return total, nil
}

// residentBytes returns what this process holds in memory, or -1 if it is not
// known.
func residentBytes() int64 {
	var kb int64
	if _, err := fmt.Sscanf(firstField("/proc/self/status", "VmRSS"), "%d kB", &kb); err != nil {
		return -1
	}
	return kb << 10
}

// writtenBytes returns what this process has had written to disk, or -1 if it is
// not known.
func writtenBytes() int64 {
	var n int64
	if _, err := fmt.Sscanf(firstField("/proc/self/io", "write_bytes"), "%d", &n); err != nil {
		return -1
	}
	return n
}
