package survey

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Publication (发布) is what was said of a period of a survey, signed. It never
// changes: a correction (更正) is a publication of its own that names the one it
// corrects. One that was made elsewhere and taken in, as reviewers do, is kept in the
// same way beside those made here.
type Publication struct {
	PublicationID
	Corrects   int       // number of the publication that this one corrects; 0 for none
	At         time.Time // everything stored until then is in it
	Sample     bool      // made of demonstration data
	N          int64     // responses in it
	By         string    // account that closed the period, or took the publication in
	Taken      time.Time // when it was taken in; zero if it was made here
	Checkpoint int64     // number of the checkpoint it stands on
	// Public is the document for everybody who sees figures, Auditor the one for
	// auditors. What is taken in may have one of them only.
	Public, Auditor Document
}

// PublicationID names a publication.
type PublicationID struct {
	Source string // the public key it is signed by if it was made elsewhere; empty if here
	Survey string
	Period string // such as "whole", "2026" or "2026-03"; who publishes names it
	No     int    // from 1 within survey and period
}

// String is the id as it is published: "survey/period/no".
func (id PublicationID) String() string {
	return id.Survey + "/" + id.Period + "/" + strconv.Itoa(id.No)
}

// Document is one document of a publication.
type Document struct {
	Body      []byte // canonical JSON; empty if there is no such document
	Signature []byte
	SHA256    [sha256.Size]byte // of Body
}

// NewDocument is a document with its hash.
func NewDocument(body, signature []byte) Document {
	return Document{body, signature, sha256.Sum256(body)}
}

// There reports whether there is such a document, also where its body was not read.
func (d Document) There() bool { return len(d.Signature) > 0 }

// MaxPublication is how many bytes both documents of a publication may have together,
// so that every engine keeps it in one piece. A thousand bureaus take less than half.
const MaxPublication = 15 << 20

// ErrPublicationSize means that a publication is larger than a store keeps.
var ErrPublicationSize = fmt.Errorf("the documents of a publication are larger than %d MB together: publish a shorter period, or fewer bureaus", MaxPublication>>20)

var publicationWord = regexp.MustCompile(`^[0-9A-Za-z][0-9A-Za-z._-]{0,63}$`)

// ParsePublicationID reads what String wrote, of a publication made here.
func ParsePublicationID(text string) (id PublicationID, err error) {
	words := strings.Split(text, "/")
	if len(words) == 3 {
		id = PublicationID{Survey: words[0], Period: words[1]}
		id.No, err = strconv.Atoi(words[2])
	}
	if err != nil || id.String() != text || id.Check() != nil {
		return PublicationID{}, fmt.Errorf("%q is no publication: want survey/period/number", text)
	}
	return id, nil
}

// Check reports what is wrong with an id.
func (id PublicationID) Check() error {
	if !publicationWord.MatchString(id.Survey) || !publicationWord.MatchString(id.Period) || id.No < 1 {
		return fmt.Errorf("%q is no publication: survey and period have letters, digits, dots, underscores and hyphens, and the number is from 1", id)
	}
	return nil
}

// Check reports what is wrong with a publication before it is stored: with any error
// it cannot be, and trying again does not help.
func (p Publication) Check() error {
	if err := p.PublicationID.Check(); err != nil {
		return err
	}
	switch {
	case p.Corrects < 0 || p.Corrects >= p.No:
		return fmt.Errorf("publication %s cannot correct number %d", p.PublicationID, p.Corrects)
	case p.At.IsZero() || p.By == "":
		return fmt.Errorf("publication %s does not say when and by whom it was made", p.PublicationID)
	case p.Taken.IsZero() != (p.Source == ""):
		return fmt.Errorf("publication %s was made elsewhere and not taken in, or the other way round", p.PublicationID)
	case !p.Public.There() && !p.Auditor.There():
		return fmt.Errorf("publication %s has no document", p.PublicationID)
	case len(p.Public.Body)+len(p.Auditor.Body) > MaxPublication:
		return ErrPublicationSize
	}
	for _, d := range []Document{p.Public, p.Auditor} {
		if d.There() != (len(d.Body) > 0) || d.There() && d.SHA256 != sha256.Sum256(d.Body) {
			return errors.New("publication " + p.String() + ": a document is not the one that was hashed, or is not signed")
		}
	}
	return nil
}

// Why a period was not published.
const (
	WhyPublishEarly     Why = "publish_early"     // the survey has not opened
	WhyPublishPeriod    Why = "publish_period"    // it is none of the survey that has begun
	WhyPublishUnmarked  Why = "publish_unmarked"  // demo data that is not marked as a sample
	WhyPublishNoSample  Why = "publish_no_sample" // real data that is marked as a sample
	WhyPublishUnsettled Why = "publish_unsettled" // a node may hold ratings that are not stored
	WhyPublishNothing   Why = "publish_nothing"   // nothing stored is of the period
	WhyPublishTooLarge  Why = "publish_too_large" // see ErrPublicationSize
	WhyPublishMeanwhile Why = "publish_meanwhile" // somebody else was faster
	WhyPublishDeadlines Why = "publish_deadlines" // the log holds deadlines that the rules do not give
)

// Completed is a publication made elsewhere with the document that it lacks and another
// taking in of it has. ErrExists if it lacks none of those.
func (p Publication) Completed(by Publication) (Publication, error) {
	if p.PublicationID != by.PublicationID || p.Source == "" {
		return p, fmt.Errorf("publication %s is made whole here, or was made elsewhere under another number", p.PublicationID)
	}
	switch {
	case !p.Public.There() && by.Public.There():
		p.Public = by.Public
	case !p.Auditor.There() && by.Auditor.There():
		p.Auditor = by.Auditor
	default:
		return p, ErrExists
	}
	return p, p.Check()
}

// PublicationQuery selects publications. Zero fields select everything.
type PublicationQuery struct {
	Survey string
	Period string // of a survey
	Here   bool   // only those made here
	Taken  bool   // only those made elsewhere
}

// PublicationStore keeps publications. Nothing that is in it is ever changed or removed.
type PublicationStore interface {
	// PutPublication adds a publication that passes Check. ErrExists if its id is
	// taken, or if it was made here and its number is not the next of its period:
	// somebody was faster. Those made elsewhere may come in any order.
	PutPublication(ctx context.Context, p Publication) error
	// CompletePublication adds the document that one made elsewhere lacks and p has, see
	// [Publication.Completed]; all else stays as it was. ErrNotFound; ErrExists if it
	// lacks none, or somebody was faster.
	CompletePublication(ctx context.Context, p Publication) error
	// Publication returns a publication whole; ErrNotFound.
	Publication(ctx context.Context, id PublicationID) (Publication, error)
	// Publications calls yield for each publication without the bodies of its
	// documents: by source, those made here first, then survey, period and number.
	// It stops at yield's first error.
	Publications(ctx context.Context, q PublicationQuery, yield func(Publication) error) error
}
