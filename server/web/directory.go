package web

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"time"

	"manyi/qrcodes"
	"manyi/survey"
)

const (
	// freshFor is how old the remembered places, surveys and codes may be: what a
	// command changes beside a running server takes effect within it. A store that
	// did not answer is left alone for as long.
	freshFor = 3 * time.Second
	// patience is how long a scan waits for the store when there is something
	// remembered to show instead.
	patience = time.Second
)

// directory tells what stands behind a window's code without asking the store
// for every scan. If the store does not answer, what is remembered serves on.
type directory struct {
	store  survey.Store
	signer *qrcodes.Signer
	spool  survey.Spool // nil: nothing outlives the process
	now    func() time.Time
	log    *slog.Logger

	mu      sync.Mutex
	world   *world
	loaded  time.Time
	loading bool
	quiet   time.Time // the store is not asked before then
	codes   map[uint32]knownCode
}

// world is the places and surveys at one moment.
type world struct {
	tree    *survey.Tree
	surveys []survey.Survey // the latest opening first
}

type knownCode struct {
	code survey.WindowCode
	at   time.Time
}

// stand is what a scanned code leads to.
type stand struct {
	Code                 survey.WindowCode
	Survey               survey.Survey
	Path                 survey.Path
	Window, Hall, Bureau string
}

func newDirectory(store survey.Store, signer *qrcodes.Signer, spool survey.Spool, now func() time.Time, log *slog.Logger) *directory {
	return &directory{store: store, signer: signer, spool: spool, now: now, log: log, codes: map[uint32]knownCode{}}
}

// look returns the places and surveys. One caller reads them anew when they are
// due; the others go on with those remembered meanwhile.
func (d *directory) look(ctx context.Context) (*world, error) {
	d.mu.Lock()
	old := d.world
	if old != nil && (d.loading || d.now().Sub(d.loaded) < freshFor || d.now().Before(d.quiet)) {
		d.mu.Unlock()
		return old, nil
	}
	d.loading = true
	d.mu.Unlock()

	w, err := d.load(ctx, old != nil)

	d.mu.Lock()
	defer d.mu.Unlock()
	d.loading = false
	if err == nil {
		d.world, d.loaded = w, d.now()
		return w, nil
	}
	d.quiet = d.now().Add(freshFor)
	if old == nil {
		if old = d.recall(); old == nil {
			return nil, err
		}
		d.world = old
	}
	d.log.Warn("places and surveys could not be read; serving those remembered", "error", err)
	return old, nil
}

func (d *directory) load(ctx context.Context, hurried bool) (*world, error) {
	if hurried || d.spool != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, patience)
		defer cancel()
	}
	places, err := d.store.Places(ctx)
	if err != nil {
		return nil, err
	}
	surveys, err := d.store.Surveys(ctx)
	if err != nil {
		return nil, err
	}
	return newWorld(places, surveys)
}

func newWorld(places []survey.Place, surveys []survey.Survey) (*world, error) {
	tree, faults := survey.NewTree(places)
	if len(faults) > 0 {
		return nil, errors.Join(errors.New("stored places do not make a tree"), faults)
	}
	return &world{tree: tree, surveys: surveys}, nil
}

// resolve reads a code. Errors: qrcodes.ErrCode and survey.ErrNotFound for a code
// that leads nowhere, survey.ErrRevoked for one out of use.
func (d *directory) resolve(ctx context.Context, text string) (stand, error) {
	serial, err := d.signer.Serial(text)
	if err != nil {
		return stand{}, err
	}
	w, err := d.look(ctx)
	if err != nil {
		return stand{}, err
	}
	code, err := d.code(ctx, serial)
	if err != nil {
		return stand{}, err
	}
	s := stand{Code: code, Path: w.tree.Path(code.Window)}
	found := false
	for _, v := range w.surveys {
		if v.ID == code.Survey {
			s.Survey, found = v, true
		}
	}
	window, ok := w.tree.Place(code.Window)
	switch {
	case !found || !ok:
		return stand{}, survey.ErrNotFound
	case code.Revoked() || !window.Active || !s.Survey.Candidate(code.Window):
		return s, survey.ErrRevoked
	}
	s.Window = window.Name
	s.Hall = w.name(survey.HallOf(code.Window))
	s.Bureau = w.name(survey.BureauOf(code.Window))
	return s, nil
}

func (w *world) name(code string) string {
	p, _ := w.tree.Place(code)
	return p.Name
}

// survey finds a survey by id; empty finds the one opened last.
func (w *world) survey(id string) (survey.Survey, error) {
	for _, s := range w.surveys {
		if id == "" || s.ID == id {
			return s, nil
		}
	}
	return survey.Survey{}, survey.ErrNotFound
}

func (d *directory) code(ctx context.Context, serial uint32) (survey.WindowCode, error) {
	d.mu.Lock()
	known, ok := d.codes[serial]
	quiet := d.now().Before(d.quiet)
	d.mu.Unlock()
	if ok && (quiet || d.now().Sub(known.at) < freshFor) {
		return known.code, nil
	}
	if ok || d.spool != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, patience)
		defer cancel()
	}
	code, err := d.store.Code(ctx, serial)
	d.mu.Lock()
	defer d.mu.Unlock()
	if err == nil {
		d.codes[serial] = knownCode{code, d.now()} // only signed codes come here, so it holds at most as many as were printed
		return code, nil
	}
	if errors.Is(err, survey.ErrNotFound) {
		return code, err
	}
	d.quiet = d.now().Add(freshFor)
	if !ok {
		d.recall()
		if known, ok = d.codes[serial]; !ok {
			return code, err
		}
	}
	d.log.Warn("a window code could not be read; serving the one remembered", "error", err)
	return known.code, nil
}

// forget makes the next look read the store, after this process changed it.
func (d *directory) forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.loaded = time.Time{}
	clear(d.codes)
}

// copied is the directory as it is kept on this machine's disk, for a process
// that has to start while the store is away.
type copied struct {
	Places  []survey.Place
	Surveys []survey.Survey
	Codes   []survey.WindowCode
}

const copyName = "directory"

// KeepDirectory copies the places, surveys and codes to the spool.
func KeepDirectory(ctx context.Context, store survey.Store, spool survey.Spool) error {
	var c copied
	var err error
	if c.Places, err = store.Places(ctx); err != nil {
		return err
	}
	if c.Surveys, err = store.Surveys(ctx); err != nil {
		return err
	}
	for _, s := range c.Surveys {
		codes, err := store.Codes(ctx, s.ID, "")
		if err != nil {
			return err
		}
		c.Codes = append(c.Codes, codes...)
	}
	doc, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return spool.Remember(ctx, copyName, doc)
}

// recall fills in what was copied before, without replacing what is known
// better, and returns its world; nil if there is none. The caller holds mu.
func (d *directory) recall() *world {
	if d.spool == nil {
		return nil
	}
	doc, err := d.spool.Recall(context.Background(), copyName)
	if err != nil {
		return nil
	}
	var c copied
	if err := json.Unmarshal(doc, &c); err != nil {
		d.log.Error("the copy of the directory on this machine is damaged", "error", err)
		return nil
	}
	for _, code := range c.Codes {
		if _, known := d.codes[code.Serial]; !known {
			d.codes[code.Serial] = knownCode{code: code}
		}
	}
	w, err := newWorld(c.Places, c.Surveys)
	if err != nil {
		d.log.Error("the copy of the directory on this machine is damaged", "error", err)
		return nil
	}
	return w
}
