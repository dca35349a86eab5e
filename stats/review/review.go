// Package review is the receiving side (评审) of publications: it checks what others
// published, compares it with what was taken in from them before, and keeps it with
// their signature.
//
// Two things show here only, because a bundle cannot prove them by itself: that a
// source's logs go on from those it published before, and that a correction lists every
// number it changed. A checkpoint that a reviewer has kept cannot be left out any more.
package review

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/note"

	"manyi/stats/proof"
	"manyi/stats/proof/bundle"
	"manyi/survey"
)

// Options say what is accepted.
type Options struct {
	Keys     []string // public keys of the sources that are trusted
	Own      string   // the installation's own public key: what it published is no source
	Sample   bool     // a sample is wanted; else it is refused
	Progress func(leaves int)
}

// Offer is a publication that holds, and how it differs from what was taken in before.
type Offer struct {
	bundle.Report
	Signer string // name and hash of the key, see [Signer]
	// Taken is when this publication was taken in; zero if it was not. Taking it again changes nothing.
	Taken time.Time
	// Before is the last one before it that was taken in of the source, survey and period,
	// for the same audience; its No is 0 if there is none. Changes is every number that
	// differs from it.
	Before  survey.Publication
	Changes []bundle.Change
	// Later is the number of a later one that was taken in already; 0 if there is none.
	Later int
	// Seen is the digest of the document and of everything that was taken in of its source
	// before: what is shown under it is what is taken under it.
	Seen [sha256.Size]byte

	publication survey.Publication
}

// Refused is what is wrong with a bundle, in words for whoever brought it. Every other
// error is a fault on this side.
type Refused struct{ err error }

func (r Refused) Error() string { return r.err.Error() }

// Unwrap gives the cause.
func (r Refused) Unwrap() error { return r.err }

func refuse(format string, args ...any) error { return Refused{fmt.Errorf(format, args...)} }

// readerUntil ends when its context does: a bundle that unpacks to more than anybody
// reads is given up.
type readerUntil struct {
	ctx context.Context
	io.ReaderAt
}

func (r readerUntil) ReadAt(p []byte, off int64) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.ReaderAt.ReadAt(p, off)
}

// Signer is the name and hash of a public key, as signatures show them.
func Signer(key string) string {
	v, err := note.NewVerifier(key)
	if err != nil {
		return fmt.Sprintf("%.40q", key)
	}
	return fmt.Sprintf("%s+%08x", v.Name(), v.KeyHash())
}

// CheckKey reports whether a text is a public key.
func CheckKey(key string) error {
	if _, err := note.NewVerifier(key); err != nil {
		return fmt.Errorf("%.80q is no public key: want the one that the source's publish prints, such as manyi+1234abcd+AZ…", key)
	}
	return nil
}

// Open checks a bundle and compares it. It changes nothing. What does not hold, or may
// not be taken in, is a [Refused] that says what to do.
func Open(ctx context.Context, store survey.PublicationStore, r io.ReaderAt, size int64, o Options) (Offer, error) {
	offer := Offer{}
	var err error
	if offer.Report, err = bundle.Verify(readerUntil{ctx, r}, size, bundle.Options{Progress: o.Progress}); err != nil {
		var disk *fs.PathError
		if ctx.Err() != nil || errors.As(err, &disk) {
			return offer, err
		}
		return offer, refuse("the bundle does not hold: %w", err)
	}
	d := offer.Document
	offer.Signer = Signer(d.Key)
	switch {
	case d.Key == o.Own:
		return offer, refuse("%s was published by this installation; there is nothing to take in", d.ID)
	case !slices.Contains(o.Keys, d.Key):
		return offer, refuse("%s is signed by %q, whose key is not among those you trust: the bundle is whole, but anybody could have made it. "+
			"Ask the source for its key by another way than the bundle. If it is %q, name it with --key or in MANYI_REVIEW_KEYS, and import again", d.ID, offer.Signer, d.Key)
	case d.Sample && !o.Sample:
		return offer, refuse("%s is a sample 示例数据, made of demo data; add --sample to take it in, with its mark, or in the API sample=true", d.ID)
	case !d.Sample && o.Sample:
		return offer, refuse("%s is no sample; leave --sample out, or in the API sample=true", d.ID)
	}
	if offer.publication, err = publicationOf(offer.Report); err != nil {
		return offer, Refused{err}
	}
	if err := offer.compare(ctx, store); err != nil {
		return offer, err
	}
	return offer, nil
}

// publicationOf is a publication as it is kept, but for who takes it in and when.
func publicationOf(r bundle.Report) (survey.Publication, error) {
	d := r.Document
	p := survey.Publication{PublicationID: survey.PublicationID{Source: d.Key, Survey: d.Survey.ID, Period: string(d.Period), No: d.No},
		At: d.AsOf, Sample: d.Sample, By: "review", Taken: d.AsOf}
	for _, u := range d.Units {
		for _, c := range u.Counted {
			p.N += c.N
		}
	}
	if d.Corrects != "" {
		id, err := survey.ParsePublicationID(d.Corrects)
		if err != nil || id.Survey != p.Survey || id.Period != p.Period {
			return p, fmt.Errorf("%s says that it corrects %q, which is none of its survey and period", d.ID, d.Corrects)
		}
		p.Corrects = id.No
	}
	body, err := d.Encode()
	if err != nil {
		return p, err
	}
	*document(&p, d.Audience) = survey.NewDocument(body, r.Signature)
	return p, p.Check()
}

func document(p *survey.Publication, a bundle.Audience) *survey.Document {
	if a == bundle.Auditor {
		return &p.Auditor
	}
	return &p.Public
}

// compare holds a publication against all that was taken in from its source.
func (o *Offer) compare(ctx context.Context, store survey.PublicationStore) error {
	d, p := o.Document, &o.publication
	var known []survey.Publication
	if err := store.Publications(ctx, survey.PublicationQuery{Taken: true}, func(head survey.Publication) error {
		if head.Source == p.Source {
			known = append(known, head)
		}
		return nil
	}); err != nil {
		return err
	}
	if err := o.see(known); err != nil {
		return err
	}
	for _, head := range known {
		if head.PublicationID == p.PublicationID {
			if err := o.same(head); err != nil {
				return err
			}
		}
		if head.Survey != p.Survey || head.Period != p.Period || !document(&head, d.Audience).There() {
			continue
		}
		if head.No < p.No {
			o.Before = head // they come in the order of their numbers
		}
		if head.No > p.No {
			o.Later = head.No
		}
	}
	for _, head := range known {
		whole, err := store.Publication(ctx, head.PublicationID)
		if err != nil {
			return err
		}
		if err := o.follows(whole); err != nil {
			return err
		}
		if head.PublicationID != o.Before.PublicationID {
			continue
		}
		was, err := bundle.Decode(document(&whole, d.Audience).Body)
		if err != nil {
			return fmt.Errorf("publication %s, as it was taken in: %w", head.PublicationID, err)
		}
		o.Changes = bundle.Changes(was, d)
		if head.No == p.Corrects {
			if err := bundle.CheckChanges(was, d); err != nil {
				return refuse("%s does not say truly what it corrects in %s: %w", d.ID, head.PublicationID, err)
			}
			o.Changes = d.Changes // the same, and why
		}
	}
	return nil
}

// see makes the digest of what is shown.
func (o *Offer) see(known []survey.Publication) error {
	seen := sha256.New()
	enc := json.NewEncoder(seen)
	for _, p := range append([]survey.Publication{o.publication}, known...) {
		if err := enc.Encode([]any{p.PublicationID, p.Public.SHA256, p.Auditor.SHA256}); err != nil {
			return err
		}
	}
	seen.Sum(o.Seen[:0])
	return nil
}

// same compares with a publication of the same number.
func (o *Offer) same(head survey.Publication) error {
	there, is := document(&head, o.Document.Audience), document(&o.publication, o.Document.Audience)
	switch {
	case !there.There():
		return nil // it has the document for the other audience only
	case there.SHA256 != is.SHA256:
		return refuse("%s was taken in on %s with other content: the source signed two publications under one number. Ask it why, and keep this bundle",
			o.Document.ID, head.Taken.UTC().Format(time.DateOnly))
	}
	o.Taken = head.Taken
	return nil
}

// follows reports whether the logs of the bundle and those of a publication taken in
// before are the same ones, as far as both tell.
func (o *Offer) follows(p survey.Publication) error {
	body := p.Public.Body
	if len(body) == 0 {
		body = p.Auditor.Body
	}
	// Only this field is needed, so that a form of the document that this program no longer reads does no harm.
	var kept struct {
		Checkpoint string    `json:"checkpoint"`
		AsOf       time.Time `json:"as_of"`
	}
	if err := json.Unmarshal(body, &kept); err != nil {
		return fmt.Errorf("publication %s, as it was taken in: %w", p.PublicationID, err)
	}
	if p.PublicationID == o.publication.PublicationID && (kept.Checkpoint != o.Document.Checkpoint || !kept.AsOf.Equal(o.Document.AsOf)) {
		return refuse("%s is of another time than the document for the other audience, which was taken in before: the source signed two publications under one number. Ask it why, and keep this bundle", o.Document.ID)
	}
	key, err := note.NewVerifier(p.Source)
	if err != nil {
		return err
	}
	before, err := proof.OpenState([]byte(kept.Checkpoint), key)
	if err != nil {
		return fmt.Errorf("publication %s, as it was taken in: %w", p.PublicationID, err)
	}
	if err := continues(o.States, before); err != nil {
		return refuse("the logs of %s are not those of %s, which was taken in before: %w. "+
			"Ask the source: its database was restored from a backup, or changed", o.Document.ID, p.PublicationID, err)
	}
	return nil
}

// continues holds the states a bundle lists against another one of the same logs.
func continues(states []proof.State, other proof.State) error {
	last, listed := states[len(states)-1], false
	for _, log := range proof.Logs {
		for _, s := range states {
			if s.Of(log).Size == other.Of(log).Size && s.Of(log).Root != other.Of(log).Root {
				return fmt.Errorf("of %d entries of the log %s the content differs", other.Of(log).Size, log)
			}
			listed = listed || log == survey.DataLog && s.Data == other.Data
		}
		early, late := other, last
		if early.At.After(late.At) {
			early, late = late, early
		}
		if early.Of(log).Size > late.Of(log).Size {
			return fmt.Errorf("the log %s had %d entries once and %d later", log, early.Of(log).Size, late.Of(log).Size)
		}
	}
	if !listed && 0 < other.Data.Size && other.Data.Size < last.Data.Size {
		return fmt.Errorf("the checkpoint at %d entries is left out", other.Data.Size)
	}
	return nil
}

// SHA256 is that of the document.
func (o Offer) SHA256() [sha256.Size]byte {
	return document(&o.publication, o.Document.Audience).SHA256
}

// Take takes a publication in, all or nothing, or its document beside the one for the
// other audience. It returns false if it was there.
func (o Offer) Take(ctx context.Context, store survey.PublicationStore, by string, now time.Time) (bool, error) {
	if !o.Taken.IsZero() {
		return false, nil
	}
	p := o.publication
	p.By, p.Taken = by, now.UTC().Truncate(time.Second)
	err := store.PutPublication(ctx, p)
	if errors.Is(err, survey.ErrExists) { // perhaps with the document for the other audience only
		err = store.CompletePublication(ctx, p)
	}
	if !errors.Is(err, survey.ErrExists) {
		return err == nil, err
	}
	there, err := store.Publication(ctx, p.PublicationID) // somebody was faster
	if err == nil {
		err = o.same(there)
	}
	return false, err
}
