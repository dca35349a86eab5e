package web

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"io"
	"mime/multipart"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gofiber/fiber/v2"

	"manyi/survey"
	"manyi/survey/imports"
)

// scoresPath is where scores made elsewhere are taken in.
const scoresPath = "/console/evaluations/import"

// Limits of a file of scores in the console; the command takes any that can be read. The
// page shows every row, and carries the file until it is confirmed: no node keeps it.
const (
	maxTable     = 2 << 20
	maxScoreRows = 20_000
	// maxShownFaults of a file are listed. One row too few for each of many bureaus makes
	// more faults than anybody reads.
	maxShownFaults = 500
)

// tableField is the part of a form that brings a table: a file that was chosen, or the
// one that was shown, in base64.
const tableField = "table"

// Why a file was refused.
const (
	WhyNoTable       survey.Why = "no_table"
	WhyNotTable      survey.Why = "not_table"
	WhyTableTooLarge survey.Why = "table_too_large"
)

// table is a file that came with a form, whole.
type table struct {
	name string // none if it was shown before
	data []byte
	cut  bool // it was larger than maxTable
}

// readTable reads a part of a form that holds a table.
func readTable(part *multipart.Part) (t table, err error) {
	var from io.Reader = part
	if t.name = part.FileName(); t.name == "" {
		from = base64.NewDecoder(base64.StdEncoding, part)
	}
	t.data, err = io.ReadAll(io.LimitReader(from, maxTable+1))
	if err != nil {
		return t, fiber.ErrBadRequest
	}
	if t.cut = len(t.data) > maxTable; t.cut {
		t.data = nil
	}
	return t, nil
}

// ScoresView is the page that takes in scores made elsewhere: a file is chosen, what is
// wrong with it or what it changes is shown, and what was shown is taken.
type ScoresView struct {
	Console
	Source, Reason string
	Faults         survey.Faults // the first of them
	MoreFaults     int           // that are not listed
	Import         *survey.EvaluationImport
	Parts          []ScorePart // of Import
	File           string      // that was checked, in base64
	Stale          bool        // what is stored changed since it was shown
	// What was just taken; Taken is false if nothing was.
	Taken                     bool
	Added, Changed, Unchanged int
}

// ScorePart is the rows of a file that change what is stored in one way.
type ScorePart struct {
	Kind string // changed, added or unchanged
	Rows []ScoreRow
}

// ScoreRow is what a row of a file says.
type ScoreRow struct {
	survey.EvaluationChange
	survey.Item
	Name string // of the bureau
}

// Before is what was said of the item.
func (r ScoreRow) Before() JudgedScore { return JudgedScore{EvaluateItem{Item: r.Item}, r.Was} }

// After is what the row says.
func (r ScoreRow) After() JudgedScore { return JudgedScore{EvaluateItem{Item: r.Item}, r.Will} }

// JudgedScore is a finding of an item.
type JudgedScore struct {
	item EvaluateItem
	survey.Judgement
}

// Word is the key of the words for the finding.
func (j JudgedScore) Word(f survey.Finding) string { return j.item.Word(f) }

// By is who judged, as the file names them.
func (r ScoreRow) By() string { return strings.TrimPrefix(r.Evaluator, survey.ImportedBy) }

// scoreFields are the columns of a file and the fields of the form that have words.
var scoreFields = []string{"bureau", "evaluator", "item", "finding", "values", "note", tableField, "source", "reason", "survey"}

// Column is what people call a column, or a field of the form.
func (ScoresView) Column(field string) survey.Text {
	if slices.Contains(scoreFields, field) {
		return textOf("column." + field)
	}
	return survey.Text{Zh: field, En: field}
}

// Seen names what is shown, so that nothing else is taken.
func (v ScoresView) Seen() string { return hex.EncodeToString(v.Import.Seen[:]) }

// Nothing reports whether there is nothing to take.
func (v ScoresView) Nothing() bool { return len(v.Import.Groups) == 0 }

func (a *app) showScores(c *fiber.Ctx) error {
	w, s, err := a.chosen(c)
	if err != nil {
		return err
	}
	v := ScoresView{Console: a.console(c, s, w), Taken: c.Query("added") != ""}
	for name, n := range map[string]*int{"added": &v.Added, "changed": &v.Changed, "unchanged": &v.Unchanged} {
		if *n, err = strconv.Atoi(c.Query(name, "0")); err != nil || *n < 0 {
			v.Taken = false // an address can say anything
		}
	}
	return a.page(c, fiber.StatusOK, "scores", v)
}

// importScores checks a file of scores made elsewhere and shows what it changes; with the
// digest of what was shown it takes it. All is checked before anything is stored.
func (a *app) importScores(c *fiber.Ctx) error {
	w, s, err := a.inForm(c)
	if err != nil {
		return err
	}
	i, err := s.Instrument(c.UserContext(), a.Store)
	if err != nil {
		return err
	}
	v := ScoresView{Console: a.console(c, s, w), Source: strings.TrimSpace(c.FormValue("source")), Reason: strings.TrimSpace(c.FormValue("reason"))}
	status, seen := fiber.StatusOK, c.FormValue("seen")
	if err := a.checkScores(c, i, &v); err != nil {
		return err
	}
	switch {
	case v.Import == nil, seen == "", v.Nothing():
	case seen != v.Seen():
		v.Stale = true
	case v.Reason == "":
		v.Faults = survey.Faults{{Field: "reason", Why: survey.WhyReason}}
	default:
		err := v.Import.Add(c.UserContext(), a.Store, v.Reason)
		if err == nil {
			return a.scoresTaken(c, v)
		}
		if !errors.Is(err, survey.ErrExists) {
			return err
		}
		v.Stale = true // somebody was faster
		if err := a.checkScores(c, i, &v); err != nil {
			return err
		}
	}
	if v.Stale {
		status = fiber.StatusConflict
	}
	if len(v.Faults) > 0 {
		status = fiber.StatusUnprocessableEntity
	}
	if most := min(len(v.Faults), maxShownFaults); most < len(v.Faults) {
		v.Faults, v.MoreFaults = v.Faults[:most], len(v.Faults)-most
	}
	if v.Import != nil {
		v.File = base64.StdEncoding.EncodeToString(uploaded(c).table.data)
		v.Parts = scoreParts(w, i, v.Import.Rows)
	}
	return a.page(c, status, "scores", v)
}

func (a *app) scoresTaken(c *fiber.Ctx, v ScoresView) error {
	a.Log.Info("scores imported", "by", actor(c).Name, "survey", v.Survey.ID, "source", v.Source, "evaluations", len(v.Import.Groups),
		"added", v.Import.Added, "changed", v.Import.Changed)
	done := url.Values{"survey": {v.Survey.ID}}
	for name, n := range map[string]int{"added": v.Import.Added, "changed": v.Import.Changed, "unchanged": v.Import.Unchanged} {
		done.Set(name, strconv.Itoa(n))
	}
	return c.Redirect(scoresPath+"?"+done.Encode(), fiber.StatusSeeOther)
}

// scoreParts sorts the rows of a file by what they change, what is another answer first.
func scoreParts(w *world, i survey.Instrument, rows []survey.EvaluationChange) []ScorePart {
	parts := []ScorePart{{Kind: "changed"}, {Kind: "added"}, {Kind: "unchanged"}}
	for _, change := range rows {
		part := &parts[0]
		switch {
		case change.Same():
			part = &parts[2]
		case change.New():
			part = &parts[1]
		}
		item, _ := i.Item(change.Item)
		part.Rows = append(part.Rows, ScoreRow{change, item, w.name(change.Bureau)})
	}
	return parts
}

// checkScores reads the file of a form and checks it against what is stored. With any
// fault there is no import.
func (a *app) checkScores(c *fiber.Ctx, i survey.Instrument, v *ScoresView) (err error) {
	v.Import, v.Faults = nil, nil
	rows, faults := a.scoreRows(uploaded(c).table)
	if len(faults) > 0 {
		v.Faults = faults
		return nil
	}
	list, faults, err := v.Survey.CheckEvaluations(c.UserContext(), a.Store, i, rows, v.Source, v.Reason, a.Now())
	switch {
	case errors.Is(err, survey.ErrNotOpen):
		v.Faults = survey.Faults{{Field: "survey", Value: v.Survey.ID, Why: WhyEvaluationEarly}}
		return nil
	case len(faults) > 0:
		v.Faults = faults
		return nil
	}
	v.Import = &list
	return err
}

func (a *app) scoreRows(file table) ([]survey.EvaluationRow, survey.Faults) {
	refuse := func(why survey.Why) ([]survey.EvaluationRow, survey.Faults) {
		return nil, survey.Faults{{Field: tableField, Value: file.name, Why: why}}
	}
	switch {
	case file.cut:
		return refuse(WhyTableTooLarge)
	case len(file.data) == 0:
		return refuse(WhyNoTable)
	}
	a.cleaning.Lock() // a small file can hold a large sheet: one at a time
	t, err := imports.Read(bytes.NewReader(file.data), file.name)
	a.cleaning.Unlock()
	switch {
	case errors.Is(err, imports.ErrTooLarge) || err == nil && len(t.Rows) > maxScoreRows:
		return refuse(WhyTableTooLarge)
	case err != nil:
		return refuse(WhyNotTable)
	case len(t.Rows) == 0:
		return refuse(WhyNoTable)
	}
	return imports.Evaluations(t)
}
