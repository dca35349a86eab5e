package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"manyi/server/web"
	"manyi/survey"
	"manyi/survey/intake"
	"manyi/survey/keyring"
)

// member is this process among the nodes that share a MongoDB: it reports its
// spool, tells and learns how busy each source is, follows the database's clock,
// and copies what a start without the database needs.
type member struct {
	*base
	in  *intake.Intake
	log *slog.Logger
}

// How often a member does what.
const (
	shareEvery  = time.Second
	reportEvery = 10 * time.Second
	copyEvery   = time.Minute
)

// run goes on until ctx ends. An error means that this process must not go on:
// it turned out not to belong to the database.
func (m *member) run(ctx context.Context) error {
	tick := time.NewTicker(shareEvery)
	defer tick.Stop()
	var reported, copied time.Time
	away := false
	for {
		err := m.ready(ctx)
		if errors.Is(err, errForeign) {
			return err
		}
		if err == nil && time.Since(reported) >= reportEvery {
			if err = m.report(ctx); err == nil {
				reported = time.Now()
			}
		}
		if err == nil && time.Since(copied) >= copyEvery {
			if err = within10s(ctx, func(ctx context.Context) error { return web.KeepDirectory(ctx, m.store, m.spool) }); err == nil {
				copied = time.Now()
			}
		}
		if err == nil && !m.in.Away() {
			err = within10s(ctx, func(ctx context.Context) error { return m.in.ShareLimits(ctx, m.store, m.node) })
		}
		if was := away; err != nil && ctx.Err() == nil && !was {
			away = true
			m.log.Warn("the database does not answer; ratings are kept on this machine", "error", err)
		} else if err == nil && was {
			away = false
			m.log.Info("the database answers again")
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func within10s(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return do(ctx)
}

// report follows the database's clock and tells the other nodes what waits here.
func (m *member) report(ctx context.Context) error {
	return within10s(ctx, func(ctx context.Context) error {
		if err := m.clock.follow(ctx, m.store); err != nil {
			return err
		}
		now, err := m.store.Now(ctx)
		if err != nil {
			return err
		}
		state, err := m.spool.State(ctx)
		if err != nil {
			return err
		}
		return m.store.PutNode(ctx, survey.Node{Name: m.node, SeenAt: now, Spool: state, Version: version(), Keys: m.ring.IDs()})
	})
}

// errForeign means that this node's secrets are not those of the database.
var errForeign = errors.New("this node does not belong to the database")

// What is pinned of keys: their fingerprints from when they first sealed, and when they
// were dropped.
const (
	pinKey     = "key "
	pinFirst   = "first key"
	pinDropped = "dropped key "
)

// checkSecrets pins the fingerprints of the secrets in the database, or compares
// them with those pinned by the first node: with another secret printed codes
// would lead nowhere and ratings be counted twice, with other keys contacts could
// not be read. A key is pinned when a node seals with it: until then not every node
// needs it.
func checkSecrets(ctx context.Context, store survey.NodeStore, secret []byte, ring *keyring.Ring) error {
	kept, err := store.Pin(ctx, "secret", keyring.Fingerprint(secret))
	if err != nil {
		return err
	}
	if kept != keyring.Fingerprint(secret) {
		return fmt.Errorf("%w: MANYI_SECRET is not the one it was set up with; give every node the same", errForeign)
	}
	mine := ring.Fingerprints()
	active := ring.IDs()[0]
	pins, err := store.Pins(ctx)
	if err != nil {
		return err
	}
	known := false
	for name, print := range pins {
		id, isKey := strings.CutPrefix(name, pinKey)
		if !isKey || pins[pinDropped+id] != "" && id != active {
			continue
		}
		switch known = true; {
		case mine[id] == "":
			return missingKey(id)
		case mine[id] != print:
			return fmt.Errorf("%w: key %q in MANYI_KEYS_FILE is not the one it was set up with; give every node the same file", errForeign, id)
		case pins[pinDropped+id] != "":
			return fmt.Errorf("%w: key %q is active in MANYI_KEYS_FILE, but was dropped on %s; give every node the file as it is now", errForeign, id, pins[pinDropped+id])
		}
	}
	if !known { // of several first nodes one decides
		first, err := store.Pin(ctx, pinFirst, active)
		if err != nil {
			return err
		}
		if mine[first] == "" {
			return missingKey(first)
		}
	}
	_, err = store.Pin(ctx, pinKey+active, mine[active])
	return err
}

func missingKey(id string) error {
	return fmt.Errorf("%w: MANYI_KEYS_FILE is not the one it was set up with, key %q is missing; give every node the same file", errForeign, id)
}

// nodeName is the name this node reports under: the configured one, and something
// that stays with its spool. So two nodes configured alike do not hide each
// other's spools, and a spool that was lost with its disk is missed.
func nodeName(ctx context.Context, spool survey.Spool, configured string) (string, error) {
	id, err := spool.Recall(ctx, "node")
	if errors.Is(err, survey.ErrNotFound) {
		id = []byte(strings.ToLower(rand.Text()[:6]))
		err = spool.Remember(ctx, "node", id)
	}
	return configured + "." + string(id), err
}
