package main

import (
	"os"
	"testing"

	"github.com/ringhold/ringhold/internal/pgtest"
)

func TestMain(m *testing.M) { os.Exit(pgtest.Main(m)) }
