package releases

import (
	"bufio"
	"os"
	"strings"
	"testing"
)

// lines returns the lines of a file under testdata, without comments.
func lines(t *testing.T, name string) (all []string) {
	t.Helper()
	file, err := os.Open("testdata/" + name)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	scan := bufio.NewScanner(file)
	for scan.Scan() {
		if line := scan.Text(); line != "" && !strings.HasPrefix(line, "#") {
			all = append(all, line)
		}
	}
	if err := scan.Err(); err != nil || len(all) == 0 {
		t.Fatalf("%s has %d lines: %v", name, len(all), err)
	}
	return all
}

func TestVersionsHaveDebiansOrder(t *testing.T) {
	for _, line := range lines(t, "versions.txt") {
		fields := strings.Fields(line)
		if len(fields) != 3 {
			t.Fatalf("not a pair of versions: %q", line)
		}
		a, sign, b := Version(fields[0]), fields[1], Version(fields[2])
		if a.Check() != nil || b.Check() != nil {
			t.Errorf("%s: Check refuses %v, %v", line, a.Check(), b.Check())
		}
		if a.After(b) != (sign == ">") || b.After(a) != (sign == "<") {
			t.Errorf("%s: but After says %v, and the other way round %v", line, a.After(b), b.After(a))
		}
	}
}

func TestWhatDpkgRefusesIsNoVersion(t *testing.T) {
	refused := append(lines(t, "refused.txt"), "", " 1.0", "1.0\n", strings.Repeat("1", MaxVersion+1))
	for _, v := range refused {
		if Version(v).Check() == nil {
			t.Errorf("%q is taken", v)
		}
	}
}

func FuzzVersion(f *testing.F) {
	f.Add("1:1.0~rc1-1", "1.0")
	f.Add("1.0-", "-1")
	f.Fuzz(func(t *testing.T, a, b string) {
		v, w := Version(a), Version(b)
		if v.Check() != nil || w.Check() != nil {
			return
		}
		if v.After(v) || v.After(w) && w.After(v) {
			t.Errorf("%q and %q are in no order", a, b)
		}
	})
}
