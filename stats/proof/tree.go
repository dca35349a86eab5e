package proof

import (
	"context"
	"fmt"

	"golang.org/x/mod/sumdb/tlog"

	"manyi/survey"
)

// Leaves is the part of a store that a log is read from.
type Leaves interface {
	Leaves(ctx context.Context, log survey.Log, from, to int64, yield func(survey.Leaf) error) error
}

// Tree is how a log stands: its size, and the hash that stands for all its leaves.
type Tree struct {
	Size int64
	Root tlog.Hash
}

// stored reads a log's hashes by the leaf that completed them.
type stored struct {
	ctx   context.Context
	store Leaves
	log   survey.Log
	added []survey.Leaf // beyond what is stored
	first int64         // index of the first of them
}

// ReadHashes implements tlog.HashReader.
func (s *stored) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	out := make([]tlog.Hash, len(indexes))
	for i, index := range indexes {
		level, n := tlog.SplitStoredHashIndex(index)
		leaf := (n+1)<<level - 1
		found, err := s.leaf(leaf)
		if err != nil {
			return nil, err
		}
		if level >= len(found.Hashes) {
			return nil, fmt.Errorf("log %s: leaf %d is damaged", s.log, leaf)
		}
		out[i] = tlog.Hash(found.Hashes[level])
	}
	return out, nil
}

func (s *stored) leaf(n int64) (found survey.Leaf, err error) {
	if s.added != nil && n >= s.first {
		return s.added[n-s.first], nil
	}
	err = s.store.Leaves(s.ctx, s.log, n, n+1, func(l survey.Leaf) error { found = l; return nil })
	if err == nil && found.Hashes == nil {
		err = fmt.Errorf("log %s: leaf %d is missing", s.log, n)
	}
	return found, err
}

// TreeAt is how a log stood when it had a size. It reads a few leaves, and no more
// when the log is long.
func TreeAt(ctx context.Context, store Leaves, log survey.Log, size int64) (Tree, error) {
	root, err := tlog.TreeHash(size, &stored{ctx: ctx, store: store, log: log})
	return Tree{size, root}, err
}

// Extend makes the leaves that add hashes to a log of a size.
func Extend(ctx context.Context, store Leaves, log survey.Log, size int64, hashes []survey.LeafHash) ([]survey.Leaf, error) {
	r := &stored{ctx: ctx, store: store, log: log, first: size, added: []survey.Leaf{}}
	for i, h := range hashes {
		n := size + int64(i)
		list, err := tlog.StoredHashesForRecordHash(n, tlog.Hash(h), r)
		if err != nil {
			return nil, err
		}
		leaf := survey.Leaf{Log: log, Index: n}
		for _, h := range list {
			leaf.Hashes = append(leaf.Hashes, survey.LeafHash(h))
		}
		r.added = append(r.added, leaf)
	}
	return r.added, nil
}

// Include proves that a leaf is in a log of a size.
func Include(ctx context.Context, store Leaves, log survey.Log, size, index int64) (tlog.RecordProof, error) {
	return tlog.ProveRecord(size, index, &stored{ctx: ctx, store: store, log: log})
}

// Consist proves that a log of a size begins with what it was when it was shorter.
func Consist(ctx context.Context, store Leaves, log survey.Log, size, earlier int64) (tlog.TreeProof, error) {
	if earlier == 0 {
		return nil, nil
	}
	return tlog.ProveTree(size, earlier, &stored{ctx: ctx, store: store, log: log})
}

// CheckConsist checks what Consist proved.
func CheckConsist(p tlog.TreeProof, later, earlier Tree) error {
	if earlier.Size == 0 {
		if len(p) > 0 {
			return fmt.Errorf("nothing is to be proved about an empty log")
		}
		return nil
	}
	return tlog.CheckTree(p, later.Size, later.Root, earlier.Size, earlier.Root)
}

// Growth computes a log's root from its leaves alone, in their order. What it holds
// does not grow with them.
type Growth struct {
	size  int64
	peaks []tlog.Hash // of the complete subtrees so far, the largest first
}

// Add takes in the next leaf, and returns the hashes it completes.
func (g *Growth) Add(leaf tlog.Hash) []tlog.Hash {
	done := []tlog.Hash{leaf}
	for n := g.size; n&1 == 1; n >>= 1 {
		last := len(g.peaks) - 1
		leaf = tlog.NodeHash(g.peaks[last], leaf)
		g.peaks = g.peaks[:last]
		done = append(done, leaf)
	}
	g.peaks = append(g.peaks, leaf)
	g.size++
	return done
}

// Tree is how the log stands.
func (g *Growth) Tree() Tree {
	if g.size == 0 {
		root, _ := tlog.TreeHash(0, nil)
		return Tree{0, root}
	}
	root := g.peaks[len(g.peaks)-1]
	for i := len(g.peaks) - 2; i >= 0; i-- {
		root = tlog.NodeHash(g.peaks[i], root)
	}
	return Tree{g.size, root}
}
