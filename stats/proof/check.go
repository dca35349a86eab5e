package proof

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"manyi/survey"
)

// ErrChanged means that a log is not what was signed: it is shorter, or something in
// it was changed. Nothing may be added before somebody has found out why.
var ErrChanged = errors.New("the log is not what was signed: restore the database from a backup, and find out who changed it")

// Store is the part of a store that the logs are checked by.
type Store interface {
	Leaves
	LogSize(ctx context.Context, log survey.Log) (int64, error)
	LastCheckpoint(ctx context.Context) (survey.Checkpoint, error)
}

// Logs lists the logs.
var Logs = [...]survey.Log{survey.ReceiptLog, survey.DataLog}

// Last is the latest checkpoint and what it says; survey.ErrNotFound before the first.
func Last(ctx context.Context, store Store, verifier note.Verifier) (survey.Checkpoint, State, error) {
	c, err := store.LastCheckpoint(ctx)
	if err != nil {
		return c, State{}, err
	}
	s, err := OpenState(c.Note, verifier)
	if err != nil {
		return c, s, fmt.Errorf("checkpoint %d: %w: %w", c.No, err, ErrChanged)
	}
	return c, s, nil
}

// Of is the tree of one log.
func (s State) Of(log survey.Log) Tree {
	if log == survey.ReceiptLog {
		return s.Receipts
	}
	return s.Data
}

// Check reports whether both logs still begin with what the latest checkpoint says.
// It reads a few leaves only: ErrChanged for one that is shorter or whose signed root
// is another. A leaf changed without its subtrees is found by Audit.
func Check(ctx context.Context, store Store, verifier note.Verifier) error {
	_, signed, err := Last(ctx, store, verifier)
	if errors.Is(err, survey.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, log := range Logs {
		want := signed.Of(log)
		size, err := store.LogSize(ctx, log)
		if err != nil {
			return err
		}
		if size < want.Size {
			return fmt.Errorf("log %s has %d entries where %d were signed: %w", log, size, want.Size, ErrChanged)
		}
		got, err := TreeAt(ctx, store, log, want.Size)
		if err != nil {
			return err
		}
		if got != want {
			return fmt.Errorf("log %s does not begin with the %d entries that were signed: %w", log, want.Size, ErrChanged)
		}
	}
	return nil
}

// Audit reads both logs from end to end: every leaf, and every hash that follows from
// it. It returns how many leaves it read.
func Audit(ctx context.Context, store Store, verifier note.Verifier) (read int, err error) {
	_, signed, err := Last(ctx, store, verifier)
	if errors.Is(err, survey.ErrNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	for _, log := range Logs {
		var g Growth
		want := signed.Of(log)
		err := store.Leaves(ctx, log, 0, want.Size, func(l survey.Leaf) error {
			if l.Index != g.size || len(l.Hashes) == 0 {
				return fmt.Errorf("log %s: leaf %d is missing: %w", log, g.size, ErrChanged)
			}
			for i, h := range g.Add(tlog.Hash(l.Hashes[0])) {
				if i >= len(l.Hashes) || h != tlog.Hash(l.Hashes[i]) {
					return fmt.Errorf("log %s: the hashes of leaf %d do not follow from it: %w", log, l.Index, ErrChanged)
				}
			}
			read++
			return nil
		})
		if err != nil {
			return read, err
		}
		if g.Tree() != want {
			return read, fmt.Errorf("log %s is not the %d entries that were signed: %w", log, want.Size, ErrChanged)
		}
	}
	return read, nil
}
