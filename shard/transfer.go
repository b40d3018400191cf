package shard

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ringhold/ringhold/api/manifest"
	"github.com/ringhold/ringhold/api/v1alpha1"
	"github.com/ringhold/ringhold/ring"
	"github.com/ringhold/ringhold/store"
	"github.com/ringhold/ringhold/transfer"
)

// transferOptions are the flags that export and import share.
type transferOptions struct {
	manifest string
	group    string
	data     string
	store    string
	quiet    bool
}

func (o *transferOptions) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVarP(&o.manifest, "file", "f", "aggregateservice.yaml", "manifest of the AggregateService")
	f.StringVar(&o.group, "group", "", "group in the store (default that of the manifest, which is not needed then)")
	f.StringVar(&o.data, "data", "", "directory of the embedded store (default .ringhold/NAME of the manifest)")
	f.StringVar(&o.store, "store", "", "store to use instead: postgres://USER@HOST:PORT/DATABASE or sqlite:PATH (default $"+storeEnv+")")
	f.BoolVarP(&o.quiet, "quiet", "q", false, "show no progress")
}

// place is a group in a store.
type place struct {
	group   string
	slots   int // by the manifest; 0: no manifest was read
	address string
	service *v1alpha1.AggregateService // nil: no manifest was read
}

// resolve says which group of which store is meant.
func (o *transferOptions) resolve(cmd *cobra.Command) (place, error) {
	if o.store != "" && o.data != "" {
		return place{}, usagef("--data is the directory of the embedded store: leave it out with --store")
	}
	run := runOptions{data: o.data, store: o.store}
	p := place{group: o.group}
	if o.group == "" || cmd.Flags().Changed("file") {
		m, err := manifest.Load(o.manifest)
		if err != nil {
			return place{}, err
		}
		if p.group == "" {
			p.group = m.Group()
		}
		p.slots, p.address, p.service = int(m.Spec.Slots), storeAddress(run, m.Name), m
	} else if p.address = storeAddress(run, ""); o.data == "" && o.store == "" && os.Getenv(storeEnv) == "" {
		return place{}, usagef("--group without -f leaves open where the group is kept: give --store or --data")
	}
	if err := checkStore(p.address); err != nil {
		return place{}, err
	}
	if inMemory(p.address) {
		return place{}, usagef("--store: a store in memory is gone with its process: give postgres://USER@HOST:PORT/DATABASE or sqlite:PATH")
	}
	return p, nil
}

// movable is a store that a group can be moved from and to.
type movable interface {
	store.Store
	store.Exporter
}

// open opens the store; fresh lets it make one that is not there.
func (p place) open(ctx context.Context, doing string, fresh bool) (movable, error) {
	nothing := fmt.Errorf("there is no store at %s: look at --store, --data and the manifest's name", redacted(p.address))
	if file, ok := strings.CutPrefix(p.address, "sqlite:"); ok && !fresh {
		if _, err := os.Stat(strings.TrimPrefix(file, "//")); errors.Is(err, os.ErrNotExist) {
			return nil, nothing
		}
	}
	where := opening{address: p.address, group: p.group, owner: selfDescription(doing), migrate: fresh, reads: doing == "export"}
	s, err := openStore(ctx, where)
	var behind *store.SchemaError
	if errors.As(err, &behind) && behind.Version == 0 {
		return nil, nothing
	}
	if err != nil {
		return nil, where.explain(err)
	}
	m, ok := s.(movable)
	if !ok {
		return nil, errors.Join(fmt.Errorf("%s: a store of this kind cannot be moved", redacted(p.address)), s.Close())
	}
	return m, nil
}

// selfDescription is what another process is told of this one.
func selfDescription(doing string) string {
	host, _ := os.Hostname() // without it the text only says less
	return fmt.Sprintf("ringhold %s, pid %d on %s", doing, os.Getpid(), host)
}

// storedRing returns the newest ring of a group, nil if it has none.
func storedRing(ctx context.Context, s store.Store) (*ring.Ring, error) {
	stored, err := s.LoadRing(ctx)
	if err != nil || stored.Empty() {
		return nil, err
	}
	r := &ring.Ring{}
	if err := json.Unmarshal(stored.Body, r); err != nil {
		return nil, fmt.Errorf("read ring %d of the store: %w", stored.Version, err)
	}
	return r, nil
}

// fileFault names the file in an error of reading it. What is wrong with a line
// ends the process as a command line that is wrong does.
func fileFault(name string, err error) error {
	if err == nil {
		return nil
	}
	if name == "-" {
		name = "the standard input"
	} else {
		name = filepath.Clean(name)
	}
	var line *transfer.LineError
	if errors.As(err, &line) {
		return usagef("%s: %w", name, err)
	}
	return fmt.Errorf("%s: %w", name, err)
}

// summaryText is what a file or a log holds, in words.
func summaryText(s transfer.Summary) string {
	return fmt.Sprintf("%d events, %d snapshots, %d states, %d alarms", s.Events, s.Snapshots, s.States, s.Alarms)
}
