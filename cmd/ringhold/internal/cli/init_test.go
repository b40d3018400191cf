package cli

import (
	"strings"
	"testing"
)

// What init prints can be pasted into a shell, whatever the directory is called.
func TestChangeTo(t *testing.T) {
	for dir, want := range map[string]string{
		"shop": "cd shop", "./services/shop-2": "cd ./services/shop-2", "../a_b": "cd ../a_b",
		"my shop ü": "cd -- 'my shop ü'", "-shop": "cd -- '-shop'", "~shop": "cd -- '~shop'", "it's": `cd -- 'it'\''s'`, "a\nb": "cd -- 'a\nb'",
	} {
		if got := changeTo(dir); got != want {
			t.Errorf("%q: %s, want %s", dir, got, want)
		}
	}
}

func TestInitIntoWhatIsThere(t *testing.T) {
	for dir, want := range map[string]string{"testdata": "is not empty", "9": `the directory "9"`} {
		r := ringhold(t, "", "init", dir, "--source", "v1.0.0")
		if r.code != exitUsage || !strings.Contains(r.errOut, want) {
			t.Errorf("%s: exit %d: %s", dir, r.code, r.errOut)
		}
	}
}
