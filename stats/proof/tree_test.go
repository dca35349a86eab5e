package proof_test

import (
	"context"
	"encoding/hex"
	"fmt"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"manyi/stats/proof"
	"manyi/survey"
)

// The leaves and roots that implementations of RFC 6962 are tested by
// (google/certificate-transparency, merkletree/tree_hasher_test).
var vectorLeaves = []string{"", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"}

var vectorRoots = []string{
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
	"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
	"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
	"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
	"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
	"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
	"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
	"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
	"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}

// memory is a log's leaves in a slice.
type memory []survey.Leaf

func (m memory) Leaves(_ context.Context, _ survey.Log, from, to int64, yield func(survey.Leaf) error) error {
	for ; from < min(to, int64(len(m))); from++ {
		if err := yield(m[from]); err != nil {
			return err
		}
	}
	return nil
}

func TestRootsAreThoseOfRFC6962(t *testing.T) {
	var log memory
	var g proof.Growth
	for n, want := range vectorRoots {
		tree, err := proof.TreeAt(t.Context(), log, survey.DataLog, int64(n))
		if err != nil {
			t.Fatal(err)
		}
		if got := hex.EncodeToString(tree.Root[:]); got != want {
			t.Errorf("root of %d leaves: %s, want %s", n, got, want)
		}
		if g.Tree() != tree {
			t.Errorf("root of %d leaves, grown: %v, want %v", n, g.Tree(), tree)
		}
		if n == len(vectorLeaves) {
			break
		}
		data, err := hex.DecodeString(vectorLeaves[n])
		if err != nil {
			t.Fatal(err)
		}
		leaf := tlog.RecordHash(data)
		more, err := proof.Extend(t.Context(), log, survey.DataLog, int64(n), []survey.LeafHash{survey.LeafHash(leaf)})
		if err != nil {
			t.Fatal(err)
		}
		log = append(log, more...)
		done := g.Add(leaf)
		if len(done) != len(more[0].Hashes) {
			t.Errorf("leaf %d completes %d subtrees, grown %d", n, len(more[0].Hashes)-1, len(done)-1)
		}
	}
}

func TestProofsHoldForTheLogsOwnChecker(t *testing.T) {
	const size = 70
	var hashes []survey.LeafHash
	for i := range size {
		hashes = append(hashes, survey.LeafHash(tlog.RecordHash(fmt.Append(nil, i))))
	}
	var log memory
	var trees []proof.Tree
	for i := range size + 1 {
		tree, err := proof.TreeAt(t.Context(), log, survey.DataLog, int64(i))
		if err != nil {
			t.Fatal(err)
		}
		trees = append(trees, tree)
		if i%7 == 0 && i < size { // in batches
			more, err := proof.Extend(t.Context(), log, survey.DataLog, int64(i), hashes[i:i+7])
			if err != nil {
				t.Fatal(err)
			}
			log = append(log, more...)
		}
	}
	for later := int64(1); later <= size; later++ {
		for n := range later {
			p, err := proof.Include(t.Context(), log, survey.DataLog, later, n)
			if err != nil {
				t.Fatal(err)
			}
			if err := tlog.CheckRecord(p, later, trees[later].Root, n, tlog.Hash(hashes[n])); err != nil {
				t.Errorf("leaf %d of %d: %v", n, later, err)
			}
			if err := tlog.CheckRecord(p, later, trees[later].Root, n, tlog.Hash(hashes[(n+1)%size])); err == nil {
				t.Errorf("another leaf passes for %d of %d", n, later)
			}
			c, err := proof.Consist(t.Context(), log, survey.DataLog, later, n)
			if err != nil {
				t.Fatal(err)
			}
			if err := proof.CheckConsist(c, trees[later], trees[n]); err != nil {
				t.Errorf("%d to %d: %v", n, later, err)
			}
			if wrong := (proof.Tree{Size: n, Root: trees[later].Root}); n > 0 && proof.CheckConsist(c, trees[later], wrong) == nil {
				t.Errorf("%d to %d passes with another beginning", n, later)
			}
		}
	}
}

func TestReceiptLeafIsWhatStandardToolsCompute(t *testing.T) {
	// printf '\0manyi receipt 1\n%s' 7K3M-0Q9A-XW2D-51TZ | sha256sum
	const want = "eda2b58dcb2e1f0ba4c8de9aadfdabae581e871cd84f58179e16f876bcfd2aa6"
	got := proof.ReceiptLeaf("7K3M-0Q9A-XW2D-51TZ")
	if hex.EncodeToString(got[:]) != want {
		t.Errorf("leaf %x, want %s", got, want)
	}
}
