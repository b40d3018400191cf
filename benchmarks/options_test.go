package main

import (
	"os"
	"strings"
	"testing"
)

func TestOptions(t *testing.T) {
	for args, want := range map[string]string{
		"-only durable,idle -stores sqlite -callers 1,8": "",
		"-only durables":             `no question "durables"`,
		"-stores oracle":             `no store "oracle"`,
		"-callers 1,x":               `"x" is not a number of callers`,
		"-for 1ms":                   "says nothing",
		"-payload 3":                 "at least 24 bytes",
		"-out results.txt":           "does not end in .md",
		"-dir /nowhere/at/all":       "not a directory",
		"durable":                    `"durable" is not a flag`,
		"-rounds 0 -only nothing":    "have to be positive",
		"-only growth -events -4000": "have to be positive",
	} {
		_, err := parseOptions(strings.Fields(args))
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", args, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, want %q", args, err, want)
		}
	}
}

func TestTreeCPU(t *testing.T) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("this system has no /proc/<pid>/stat: run it on Linux")
	}
	self, err := readStat(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if self.parent != os.Getppid() {
		t.Errorf("the parent is %d, want %d", self.parent, os.Getppid())
	}
	parent, err := treeCPU(os.Getppid())
	if err != nil {
		t.Fatal(err)
	}
	if own, err := treeCPU(os.Getpid()); err != nil || own < self.own || parent < self.own {
		t.Errorf("this process has %v, its tree %v, its parent's tree %v: %v", self.own, own, parent, err)
	}
}

func TestRefusesWithoutAServer(t *testing.T) {
	t.Setenv(postgresEnv, "postgres://nobody:secret@127.0.0.1:1/none?connect_timeout=2")
	b := &bench{options: options{dir: t.TempDir()}}
	_, err := b.postgres(t.Context())
	if err == nil || !strings.Contains(err.Error(), postgresEnv) || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v: want an error that names $%s and not the password", err, postgresEnv)
	}
}
