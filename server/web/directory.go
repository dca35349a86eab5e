package web

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"manyi/qrcodes"
	"manyi/survey"
)

// freshFor is how old the remembered places, surveys and codes may be: what a
// command changes beside a running server takes effect within it.
const freshFor = 3 * time.Second

// directory tells what stands behind a window's code without asking the store
// for every scan. If the store does not answer, what is remembered serves on.
type directory struct {
	store  survey.Store
	signer *qrcodes.Signer
	now    func() time.Time
	log    *slog.Logger

	mu     sync.Mutex
	loaded time.Time
	world  *world
	codes  map[uint32]knownCode
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

func newDirectory(store survey.Store, signer *qrcodes.Signer, now func() time.Time, log *slog.Logger) *directory {
	return &directory{store: store, signer: signer, now: now, log: log, codes: map[uint32]knownCode{}}
}

// look returns the places and surveys.
func (d *directory) look(ctx context.Context) (*world, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.world != nil && d.now().Sub(d.loaded) < freshFor {
		return d.world, nil
	}
	w, err := d.load(ctx)
	if err != nil {
		if d.world == nil {
			return nil, err
		}
		d.log.Warn("places and surveys could not be read again; serving those remembered", "error", err)
		w = d.world
	}
	d.world, d.loaded = w, d.now()
	return w, nil
}

func (d *directory) load(ctx context.Context) (*world, error) {
	places, err := d.store.Places(ctx)
	if err != nil {
		return nil, err
	}
	tree, faults := survey.NewTree(places)
	if len(faults) > 0 {
		return nil, errors.Join(errors.New("stored places do not make a tree"), faults)
	}
	surveys, err := d.store.Surveys(ctx)
	return &world{tree: tree, surveys: surveys}, err
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
	d.mu.Unlock()
	if ok && d.now().Sub(known.at) < freshFor {
		return known.code, nil
	}
	code, err := d.store.Code(ctx, serial)
	if err != nil {
		if ok && !errors.Is(err, survey.ErrNotFound) {
			d.log.Warn("a window code could not be read again; serving the one remembered", "error", err)
			return known.code, nil
		}
		return code, err
	}
	d.mu.Lock()
	d.codes[serial] = knownCode{code, d.now()} // only signed codes come here, so it holds at most as many as were printed
	d.mu.Unlock()
	return code, nil
}

// forget makes the next look read the store, after this process changed it.
func (d *directory) forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.loaded = time.Time{}
	clear(d.codes)
}
