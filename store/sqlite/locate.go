package sqlite

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// maxLinks bounds how many symbolic links are followed, one to the next.
const maxLinks = 40

// locate returns the path of the file itself, behind all symbolic links: the
// lock has to be the same one by whatever name the file is opened. The file
// need not be there yet, nor that to which a link leads; its directory has to.
func locate(path string) (string, error) {
	for range maxLinks {
		file, err := filepath.EvalSymlinks(path)
		if !errors.Is(err, fs.ErrNotExist) {
			return file, err
		}
		dir, err := filepath.EvalSymlinks(filepath.Dir(path))
		if err != nil {
			return "", err
		}
		path = filepath.Join(dir, filepath.Base(path))
		target, err := os.Readlink(path)
		if err != nil {
			return path, nil //nolint:nilerr // it is no link: the file is not there yet
		}
		if !filepath.IsAbs(target) {
			target = filepath.Join(dir, target)
		}
		path = target
	}
	return "", errors.New("too many symbolic links")
}
