package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
)

// machine is where the figures come from.
type machine struct {
	CPU      string
	CPUs     int
	Memory   string
	System   string
	Go       string
	SQLite   string // version of the driver
	Driver   string // version of pgx
	Postgres string // of the server, once it is known
}

func thisMachine() machine {
	m := machine{
		CPU: firstField("/proc/cpuinfo", "model name"), CPUs: runtime.GOMAXPROCS(0),
		Memory: firstField("/proc/meminfo", "MemTotal"),
		System: runtime.GOOS + "/" + runtime.GOARCH, Go: runtime.Version(),
	}
	var kb int64
	if _, err := fmt.Sscanf(m.Memory, "%d kB", &kb); err == nil {
		m.Memory = fmt.Sprintf("%d GiB", (kb+1<<19)>>20)
	}
	if kernel, err := os.ReadFile("/proc/sys/kernel/osrelease"); err == nil {
		m.System += " " + strings.TrimSpace(string(kernel))
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, dep := range info.Deps {
			switch dep.Path {
			case "modernc.org/sqlite":
				m.SQLite = dep.Version
			case "github.com/jackc/pgx/v5":
				m.Driver = dep.Version
			}
		}
	}
	return m
}

// firstField returns the value of the first "name: value" line of a file of
// /proc, or "unknown" where there is none.
func firstField(path, name string) string {
	f, err := os.Open(path)
	if err != nil {
		return "unknown"
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if key, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

func (m machine) String() string {
	text := fmt.Sprintf("%s, GOMAXPROCS %d, %s, %s, %s, modernc.org/sqlite %s, pgx %s", m.CPU, m.CPUs, m.Memory, m.System, m.Go, m.SQLite, m.Driver)
	if m.Postgres != "" {
		text += ", PostgreSQL " + m.Postgres
	}
	return text
}
