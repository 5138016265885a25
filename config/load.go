package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// maxFile is the most bytes that a configuration or a user list may have.
const maxFile = 16 << 20

// Load reads a configuration file and the user lists it names; it asks the process's environment for ${VAR}. The Config is
// nil when the findings hold an error. Relative paths of *File keys are joined to the folder of the file.
func Load(path string) (*Config, Findings) {
	src, err := readFile(path)
	if err != nil {
		return nil, Findings{{File: path, Message: err.Error()}}
	}
	c, d := parse(path, src, os.LookupEnv)
	if c != nil {
		d.readLists(c, filepath.Dir(path))
	}
	if d.found.Err() != nil {
		c = nil
	}
	return c, d.found.sorted()
}

// Parse reads a configuration from memory; name stands in the findings, env is asked for ${VAR} and the default of state.dir.
// It opens no file: user lists are left unread and paths as they are. The Config is nil when the findings hold an error.
func Parse(name string, src []byte, env func(string) (string, bool)) (*Config, Findings) {
	c, d := parse(name, src, env)
	if d.found.Err() != nil {
		c = nil
	}
	return c, d.found.sorted()
}

// parse returns nil only for what is no YAML; the caller looks for errors in d.found.
func parse(name string, src []byte, env func(string) (string, bool)) (*Config, *decoder) {
	d := newDecoder(name, env)
	root, finding := readYAML(name, src)
	if finding != nil {
		d.found = append(d.found, *finding)
		return nil, d
	}
	c := defaultConfig()
	c.Source = src
	d.config(value{node: root}, c)
	d.rules(c)
	if d.found.Err() == nil {
		d.warnings(c)
	}
	return c, d
}

// readFile reads a file of at most maxFile bytes.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, errors.New("there is no such file; check the path")
	}
	if err != nil {
		return nil, fmt.Errorf("can't be opened: %w; check its rights", unwrapPath(err))
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, errors.New("is a folder; name the file in it")
	}
	src, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("can't be read: %w", unwrapPath(err))
	}
	if len(src) > maxFile {
		return nil, fmt.Errorf("has more than %d MiB, the most that is read", maxFile>>20)
	}
	return src, nil
}

// unwrapPath leaves out the path, which the finding names already.
func unwrapPath(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
