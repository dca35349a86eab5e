package bundle

import (
	"archive/zip"
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"

	"manyi/stats/export"
	"manyi/stats/proof"
	"manyi/stats/sheet"
	"manyi/survey"
)

// The files of a bundle, in their order.
const (
	documentFile    = "publication.json"
	documentSigFile = "publication.sig"
	leavesFile      = "leaves.tsv"
	checkpointsFile = "checkpoints.txt"
	figuresFile     = "figures.csv"
	summaryCSVFile  = "summary.csv"
	summaryXLSXFile = "summary.xlsx"
	reportFile      = "report.html"
	signatureFile   = "signature.txt"
)

var files = []string{documentFile, documentSigFile, leavesFile, checkpointsFile, figuresFile, summaryCSVFile, summaryXLSXFile, reportFile, signatureFile}

// derived are the files that follow from the document alone.
var derived = []struct {
	name  string
	write func(io.Writer, Document) error
}{
	{figuresFile, writeFigures},
	{summaryCSVFile, func(w io.Writer, d Document) error { return writeSummary(w, d, export.CSV) }},
	{summaryXLSXFile, func(w io.Writer, d Document) error { return writeSummary(w, d, export.XLSX) }},
	{reportFile, writeReport},
}

// ErrNoFile means that no file of that name follows from a document alone.
var ErrNoFile = errors.New("no such file follows from a document")

// WriteFile writes one of the files of a bundle that follow from the document alone:
// figures.csv, summary.csv, summary.xlsx or report.html. ErrNoFile for another name,
// before anything is written.
func WriteFile(w io.Writer, d Document, name string) error {
	for _, f := range derived {
		if f.name == name {
			return f.write(w, d)
		}
	}
	return ErrNoFile
}

// Write writes the bundle of a publication: the same bytes for the same document and
// store, but for what was erased since. So only the document has to be kept.
func Write(ctx context.Context, w io.Writer, store Store, d Document, signer proof.Signer) error {
	body, err := d.Encode()
	if err != nil {
		return err
	}
	sig, err := SignDocument(d, body, signer)
	if err != nil {
		return err
	}
	a := newArchive(w, d)
	text := func(b []byte) func(io.Writer) error {
		return func(w io.Writer) error { _, err := w.Write(b); return err }
	}
	type file struct {
		name  string
		write func(io.Writer) error
	}
	list := []file{
		{documentFile, text(body)},
		{documentSigFile, text(sig)},
		{leavesFile, func(w io.Writer) error { return writeLeaves(ctx, w, store, d) }},
		{checkpointsFile, func(w io.Writer) error { return writeCheckpoints(ctx, w, store, d, signer.Verifier()) }},
	}
	for _, f := range derived {
		list = append(list, file{f.name, func(w io.Writer) error { return f.write(w, d) }})
	}
	for _, f := range list {
		if err := a.file(f.name, f.write); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
	}
	signed, err := note.Sign(&note.Note{Text: a.list.String()}, signer)
	if err == nil {
		err = a.file(signatureFile, text(signed))
	}
	if err != nil {
		return err
	}
	return a.zip.Close()
}

// archive is a bundle being written, and the list of its files that is signed.
type archive struct {
	zip  *zip.Writer
	list strings.Builder
}

const bundleHead = "manyi bundle 1\n"

func newArchive(w io.Writer, d Document) *archive {
	a := &archive{zip: zip.NewWriter(w)}
	a.list.WriteString(bundleHead + d.ID + " " + string(d.Audience) + "\n")
	return a
}

// file adds a file, stored as it is: hashes and salts hardly get smaller, and the bytes
// follow from the content alone.
func (a *archive) file(name string, write func(io.Writer) error) error {
	entry, err := a.zip.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
	if err != nil {
		return err
	}
	sum, size := sha256.New(), int64(0)
	buffered := bufio.NewWriterSize(writerFunc(func(b []byte) (int, error) {
		size += int64(len(b))
		sum.Write(b)
		return entry.Write(b)
	}), 1<<18)
	if err := errors.Join(write(buffered), buffered.Flush()); err != nil {
		return err
	}
	fmt.Fprintf(&a.list, "%s %d %s\n", name, size, hex.EncodeToString(sum.Sum(nil)))
	return nil
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

func writeLeaves(ctx context.Context, w io.Writer, store survey.LogStore, d Document) error {
	s := shapeOf(&d)
	of := map[string]*unitShape{} // by bureau
	for _, u := range s.units {
		of[u.Place] = u
		for _, bureau := range u.Pooled {
			of[bureau] = u
		}
	}
	cases := map[string]bool{} // that a leaf is superseded for
	for _, index := range d.Superseded {
		if d.Audience == Auditor {
			break
		}
		err := store.Openings(ctx, index, index+1, func(o survey.FactOpening) error {
			r, err := proof.ReadOpening(o)
			name, _ := r.Value("case")
			cases[name] = true
			return err
		})
		if err != nil {
			return err
		}
	}
	var line []byte
	return eachRecord(ctx, store, 0, d.Leaves, func(o survey.FactOpening, r proof.Record) error {
		if id, _ := r.Value("survey"); id != d.Survey.ID {
			r = r.Show("survey")
		} else if d.Audience == Public {
			r = r.Show(s.opened(r, o.Index, of, cases).Names(r.Kind)...)
		} else if o.Kind == survey.FactEvaluation {
			r = r.Erase("photos") // which stand for what is in no bundle
		}
		line = append(r.AppendLine(line[:0]), '\n')
		_, err := w.Write(line)
		return err
	})
}

// opened is what a record of the survey opens to the public.
func (s *shape) opened(r proof.Record, index int64, of map[string]*unitShape, cases map[string]bool) proof.Fields {
	value := func(name string) string { v, _ := r.Value(name); return v }
	switch r.Kind {
	case survey.FactStep:
		return stepFields(value("step"))
	case survey.FactVisits:
		return publicVisits
	case survey.FactEvaluation:
		return publicEvaluation
	}
	if s.within != "" && value(s.periodName) != s.within {
		return s.survey | s.period
	}
	if apart(s.rules, value("channel")) {
		return s.survey | s.period | response("channel")
	}
	u := of[value("bureau")]
	if u == nil {
		return s.survey | s.period
	}
	if s.isSuperseded(index) {
		return s.beaten(u)
	}
	return s.counted(u, cases[value("case")], value("good") == "true")
}

// signedState is a line of the checkpoints' file.
type signedState struct {
	Note string `json:"note"`
	// Receipts proves that the log of receipts begins with what it was at the line before.
	Receipts []string `json:"receipts,omitempty"`
}

func writeCheckpoints(ctx context.Context, w io.Writer, store survey.LogStore, d Document, verifier note.Verifier) error {
	var last proof.State
	return listed(ctx, store, d.Checkpoint, verifier, func(text []byte, state proof.State) error {
		line := signedState{Note: string(text)}
		grown, err := proof.Consist(ctx, store, survey.ReceiptLog, state.Receipts.Size, last.Receipts.Size)
		if err != nil {
			return err
		}
		for _, h := range grown {
			line.Receipts = append(line.Receipts, h.String())
		}
		last = state
		doc, err := json.Marshal(line)
		if err == nil {
			_, err = w.Write(append(doc, '\n'))
		}
		return err
	})
}

// listed calls yield for the checkpoints a bundle lists: those at which the data log
// had grown, up to the one with a note, and that one.
func listed(ctx context.Context, store survey.LogStore, note string, verifier note.Verifier, yield func(text []byte, s proof.State) error) error {
	var last proof.State
	done := false
	err := store.Checkpoints(ctx, func(c survey.Checkpoint) error {
		if done {
			return nil
		}
		state, err := proof.OpenState(c.Note, verifier)
		if err != nil {
			return err
		}
		done = string(c.Note) == note
		if !done && state.Data == last.Data {
			return nil
		}
		last = state
		return yield(c.Note, state)
	})
	if err == nil && !done {
		err = errors.New("the document's checkpoint is not stored: restore it from a backup")
	}
	return err
}

// readCheckpoint reads a line of the checkpoints' file, which has one form.
func readCheckpoint(text []byte) (line signedState, receipts tlog.TreeProof, err error) {
	if err := json.Unmarshal(text, &line); err != nil {
		return line, nil, err
	}
	if again, err := json.Marshal(line); err != nil || !bytes.Equal(again, text) {
		return line, nil, errors.New("it is not in the form it was written in")
	}
	for _, one := range line.Receipts {
		h, err := tlog.ParseHash(one)
		if err != nil || h.String() != one {
			return line, nil, fmt.Errorf("%q is no hash", one)
		}
		receipts = append(receipts, h)
	}
	return line, receipts, nil
}

// writeFigures writes what was counted from the log as a table.
func writeFigures(w io.Writer, d Document) error {
	x := csv.NewWriter(w)
	head := []string{"publication", "sample", "place", "pooled", "merged", "row", "channel", "n", "good"}
	for _, l := range survey.Levels {
		head = append(head, l.String())
	}
	if err := x.Write(head); err != nil {
		return err
	}
	number := func(n int64) string { return strconv.FormatInt(n, 10) }
	for _, u := range d.Units {
		merged := make([]string, len(u.Merged))
		for i, m := range u.Merged {
			merged[i] = string(m)
		}
		base := []string{d.ID, strconv.FormatBool(d.Sample), u.Place, strings.Join(u.Pooled, " "), strings.Join(merged, " ")}
		row := func(what, channel string, n int64, more ...string) {
			x.Write(append(slices.Concat(base, []string{what, channel, number(n)}, more), make([]string, 6-len(more))...)) // Error says it
		}
		counts := func(what string, channels map[string]sheet.Counts) {
			for _, channel := range sortedKeys(channels) {
				c := channels[channel]
				more := []string{number(c.Good)}
				if c.Levels != nil {
					for _, n := range c.Levels {
						more = append(more, number(n))
					}
				}
				row(what, channel, c.N, more...)
			}
		}
		counts("counted", u.Counted)
		counts("not_adopted", u.NotAdopted)
		row("superseded", "", u.Superseded)
	}
	x.Flush()
	return x.Error()
}
