package e2e

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ringhold/ringhold/internal/pgtest"
)

const (
	chaosTime     = 30 * time.Second
	chaosCallers  = 50
	chaosAccounts = 10
	chaosPace     = 250 * time.Millisecond // of one caller: 200 deposits a second in all
)

// attempt is a deposit of 1 and what its caller was told.
type attempt struct {
	id, account string
	status      int // of the last answer; 0: there was none
	body        string
	version     int64 // of an answer with ok
	tries       int
}

// chaos is callers, and what is done to the process, its connections and its
// server meanwhile.
type chaos struct {
	t        *testing.T
	random   *rand.Rand // of the faults
	server   *pgtest.Server
	proxy    *pgtest.Proxy
	dev      *dev
	over     chan struct{} // closed when the faults are over
	mu       sync.Mutex
	attempts []attempt
	faults   map[string]int
}

// Deposits go on while connections are cut and stalled at random, PostgreSQL is
// killed and the process is killed: in the end the log has each deposit that was
// answered with ok once, none that was refused, and no hole.
func TestPostgresChaos(t *testing.T) {
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	c := &chaos{t: t, random: rand.New(rand.NewPCG(seed, 0)), over: make(chan struct{}), faults: map[string]int{}}
	c.server = pgtest.Start(t, pgtest.Options{})
	c.proxy = pgtest.NewProxy(t, c.server.Addr())
	store := c.server.URL(t)
	c.dev = startOn(t, c.proxy.URL(store))
	for i := range chaosAccounts {
		if r := c.dev.cli("dispatch", "open_account", fmt.Sprintf(`{"id":"acc-%d","owner":"Ada"}`, i)); r.code != 0 {
			t.Fatal(r.out)
		}
	}
	var callers sync.WaitGroup
	for i := range chaosCallers {
		callers.Go(func() { c.call(i) })
	}
	for end := time.Now().Add(chaosTime); time.Now().Before(end); {
		c.fault()
		<-time.After(time.Duration(200+c.random.IntN(1000)) * time.Millisecond)
	}
	c.proxy.Heal()
	close(c.over)
	callers.Wait()
	http.DefaultClient.CloseIdleConnections()
	c.check(store)
	c.dev.stop()
}

// fault does one thing at random.
func (c *chaos) fault() {
	var name string
	switch n := c.random.IntN(20); {
	case n < 4:
		name = "all connections dropped"
		c.proxy.Drop()
	case n < 9:
		name = "connection cut"
		c.proxy.CutAfter(c.random.IntN(4000))
	case n < 13:
		name = "answer cut"
		c.proxy.CutAnswerAfter(c.random.IntN(200))
	case n < 16:
		name = "connection stalled"
		c.proxy.StallAfter(c.random.IntN(4000))
		<-time.After(500 * time.Millisecond)
		c.proxy.Heal()
	case n < 18:
		name = "server killed"
		c.server.Kill()
		c.server.Restart(c.t)
	default:
		name = "dev killed"
		c.dev.kill()
		c.dev.start()
	}
	c.faults[name]++
}

// call deposits at its pace. Every other deposit is repeated until it is
// answered with ok; the others are sent once.
func (c *chaos) call(caller int) {
	pace := time.NewTicker(chaosPace)
	defer pace.Stop()
	for n := 0; ; n++ {
		a := attempt{id: fmt.Sprintf("caller-%d-%d", caller, n), account: fmt.Sprintf("acc-%d", (caller+n)%chaosAccounts)}
		over := false
		for last := time.Now().Add(chaosTime + time.Minute); a.status != http.StatusOK && (a.tries == 0 || n%2 == 0) && time.Now().Before(last); {
			<-pace.C
			c.deposit(&a)
		}
		c.mu.Lock()
		c.attempts = append(c.attempts, a)
		c.mu.Unlock()
		select {
		case <-c.over:
			over = true
		default:
		}
		if over {
			return
		}
	}
}

func (c *chaos) deposit(a *attempt) {
	a.tries++
	a.status, a.body = c.dev.send("deposit", fmt.Sprintf(`{"account_id":%q,"amount":1}`, a.account), a.id)
	if a.status == http.StatusOK {
		var answer struct {
			Version int64 `json:"version"`
		}
		if err := json.Unmarshal([]byte(a.body), &answer); err != nil {
			c.t.Errorf("%s is answered %s", a.id, a.body)
		}
		a.version = answer.Version
	}
}

// check holds what each caller was told against the log.
func (c *chaos) check(store string) {
	c.t.Helper()
	stored, deposits := map[string]logged{}, map[string]int{}
	for _, e := range readLog(c.t, store) {
		if e.kind == "deposited" {
			stored[e.messageID] = e
			deposits[strings.TrimPrefix(e.stream, "accounts-")]++
		}
	}
	told := map[int]int{}
	for _, a := range c.attempts {
		told[a.status]++
		e, is := stored[a.id]
		delete(stored, a.id)
		switch {
		case a.status == http.StatusOK && (!is || e.version != a.version || e.stream != "accounts-"+a.account):
			c.t.Errorf("%s was answered with version %d; stored: %v, %+v", a.id, a.version, is, e)
		case a.status == http.StatusServiceUnavailable && a.tries == 1 && is:
			c.t.Errorf("%s was refused, and is stored: %s", a.id, a.body)
		case a.status != http.StatusOK && a.tries > 1:
			c.t.Errorf("%s is not answered after %d tries: %d %s", a.id, a.tries, a.status, a.body)
		case a.status != http.StatusOK && a.status != http.StatusServiceUnavailable && a.status != http.StatusGatewayTimeout && a.status != 0:
			c.t.Errorf("%s is answered %d %s", a.id, a.status, a.body)
		case a.status != http.StatusOK && is: // nobody knew: a repeat tells
			again := a
			if c.deposit(&again); again.status != http.StatusOK || again.version != e.version {
				c.t.Errorf("%s is stored at version %d, a repeat is answered %d %s", a.id, e.version, again.status, again.body)
			}
		}
	}
	for id := range stored {
		c.t.Errorf("%s is stored, and nobody sent it", id)
	}
	for i := range chaosAccounts {
		id := fmt.Sprintf("acc-%d", i)
		want := fmt.Sprintf(`"balance":%d,`, deposits[id])
		if _, body := c.dev.curl("/v1/streams/accounts/" + id + "/state"); !strings.Contains(strings.ReplaceAll(body, " ", ""), want) {
			c.t.Errorf("%s has %d deposits, its state is %s", id, deposits[id], body)
		}
	}
	c.t.Logf("%v; answers by status: %v", c.faults, told)
}
