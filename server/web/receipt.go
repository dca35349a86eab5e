package web

import (
	"context"
	"errors"
	"time"

	"github.com/gofiber/fiber/v2"
	"golang.org/x/mod/sumdb/tlog"

	logs "manyi/stats/proof"
	"manyi/survey"
	"manyi/survey/intake"
)

// ReceiptView is the page that proves that a submission is in the receipt log. It
// is the same for every level, as the log knows none: nobody can be made to show, or
// can sell, how they rated.
type ReceiptView struct {
	Elder    bool
	Receipt  string
	Notice   string // empty, or the end of its text's key
	Proof    *ReceiptProof
	Size     int64
	SignedAt string
}

// The notices.
const (
	receiptThere   = "there"
	receiptUnknown = "unknown" // not in the log, or not signed yet
)

// ReceiptProof is what anybody can check with standard tools and the public key.
type ReceiptProof struct {
	Log        survey.Log  `json:"log"`
	Index      int64       `json:"index"`
	Leaf       tlog.Hash   `json:"leaf"`       // SHA-256 of a zero byte, "manyi receipt 1\n" and the receipt
	Proof      []tlog.Hash `json:"proof"`      // as RFC 6962 has it
	Checkpoint string      `json:"checkpoint"` // signed note with the log's size and root
	Key        string      `json:"key"`        // of the signature, as golang.org/x/mod/sumdb/note reads it
}

func (a *app) showReceipt(c *fiber.Ctx) error {
	return a.page(c, fiber.StatusOK, "receipt", ReceiptView{Elder: elder(c)})
}

// receipt looks for a receipt in the log. It travels in the body, so that no history or
// access log keeps it.
func (a *app) receipt(c *fiber.Ctx) error {
	view := ReceiptView{Elder: elder(c), Receipt: c.FormValue("receipt"), Notice: receiptUnknown}
	p, signed, err := a.proveReceipt(c.UserContext(), view.Receipt)
	if err != nil && !errors.Is(err, survey.ErrNotFound) {
		return err
	}
	if err == nil {
		view.Notice, view.Proof, view.Size = receiptThere, &p, signed.Receipts.Size
		view.SignedAt = signed.At.UTC().Format(time.RFC3339)
		if c.FormValue("do") == "json" {
			c.Set(fiber.HeaderContentDisposition, `attachment; filename="receipt-proof.json"`)
			return c.JSON(p)
		}
	}
	return a.page(c, fiber.StatusOK, "receipt", view)
}

// proveReceipt is the proof against the latest checkpoint; survey.ErrNotFound if the
// receipt is not among what was signed.
func (a *app) proveReceipt(ctx context.Context, typed string) (p ReceiptProof, signed logs.State, err error) {
	receipt := intake.PlainReceipt(typed)
	if receipt == "" {
		return p, signed, survey.ErrNotFound
	}
	point, signed, err := logs.Last(ctx, a.Store, a.logKey.Verifier())
	if err != nil {
		return p, signed, err
	}
	leaf := logs.ReceiptLeaf(receipt)
	found, err := a.Store.FindLeaf(ctx, survey.ReceiptLog, leaf)
	if err == nil && found.Index >= signed.Receipts.Size {
		err = survey.ErrNotFound
	}
	if err != nil {
		return p, signed, err
	}
	p = ReceiptProof{Log: survey.ReceiptLog, Index: found.Index, Leaf: tlog.Hash(leaf), Checkpoint: string(point.Note), Key: a.logKey.Key}
	p.Proof, err = logs.Include(ctx, a.Store, survey.ReceiptLog, signed.Receipts.Size, found.Index)
	return p, signed, err
}
