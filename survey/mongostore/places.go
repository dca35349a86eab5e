package mongostore

import (
	"context"
	"crypto/rand"
	"errors"
	"maps"
	"slices"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"

	"manyi/survey"
)

// The tree of places is read as a whole and written as a whole. "places" holds one
// head, which names a revision, and the revision's places in chunks that never
// change. Taking up a new revision is one compare-and-set of the head.
type placesHead struct {
	ID       string `bson:"_id"` // headID
	Revision string `bson:"revision"`
	Chunks   int    `bson:"chunks"`
}

type placesChunk struct {
	ID     chunkID    `bson:"_id"`
	Places []placeDoc `bson:"places"`
}

type chunkID struct {
	Revision string `bson:"revision"`
	No       int    `bson:"no"`
}

type placeDoc struct {
	Code   string      `bson:"code"`
	Name   string      `bson:"name"`
	Kind   survey.Kind `bson:"kind"`
	Parent string      `bson:"parent,omitempty"`
	Active bool        `bson:"active"`
}

const (
	headID     = "head"
	chunkItems = 500 // some hundred kilobytes, of the 16 MB a document may have
)

var errMoved = errors.New("another revision of the places was taken up meanwhile")

// Places implements survey.PlaceStore.
func (s *Store) Places(ctx context.Context) (out []survey.Place, err error) {
	err = s.do(ctx, "read places", func() error {
		out, _, err = s.places(ctx)
		return err
	})
	return out, err
}

// places reads the revision in force. If it is replaced and cleared away between
// the two reads, the next one is read.
func (s *Store) places(ctx context.Context) ([]survey.Place, placesHead, error) {
	c := s.db.Collection("places")
	for {
		head, err := one[placesHead](ctx, c, byID(headID))
		if errors.Is(err, mongo.ErrNoDocuments) {
			return nil, placesHead{}, nil
		}
		if err != nil {
			return nil, head, err
		}
		chunks, err := all[placesChunk](ctx, c, field("_id.revision", head.Revision))
		if err != nil {
			return nil, head, err
		}
		if len(chunks) != head.Chunks {
			continue
		}
		var out []survey.Place
		for _, chunk := range chunks {
			for _, d := range chunk.Places {
				out = append(out, survey.Place(d))
			}
		}
		slices.SortFunc(out, byCode)
		return out, head, nil
	}
}

func byCode(a, b survey.Place) int {
	if a.Code < b.Code {
		return -1
	} else if a.Code > b.Code {
		return 1
	}
	return 0
}

// PutPlaces implements survey.PlaceStore.
func (s *Store) PutPlaces(ctx context.Context, places []survey.Place) error {
	return s.do(ctx, "store places", func() error {
		for {
			if err := s.putPlaces(ctx, places); !errors.Is(err, errMoved) {
				return err
			}
		}
	})
}

func (s *Store) putPlaces(ctx context.Context, places []survey.Place) error {
	c := s.db.Collection("places")
	stored, head, err := s.places(ctx)
	if err != nil {
		return err
	}
	merged := map[string]survey.Place{}
	for _, p := range slices.Concat(stored, places) {
		merged[p.Code] = p
	}
	next := placesHead{ID: headID, Revision: rand.Text()}
	for chunk := range slices.Chunk(slices.SortedFunc(maps.Values(merged), byCode), chunkItems) {
		doc := placesChunk{ID: chunkID{next.Revision, next.Chunks}}
		for _, p := range chunk {
			doc.Places = append(doc.Places, placeDoc(p))
		}
		if _, err := c.InsertOne(ctx, doc); err != nil {
			return err
		}
		next.Chunks++
	}
	if head.Revision == "" {
		_, err = c.InsertOne(ctx, next)
		if mongo.IsDuplicateKeyError(err) {
			err = errMoved
		}
	} else {
		var done *mongo.UpdateResult
		done, err = c.ReplaceOne(ctx, bson.D{{Key: "_id", Value: headID}, {Key: "revision", Value: head.Revision}}, next)
		if err == nil && done.MatchedCount == 0 {
			err = errMoved
		}
	}
	drop := next.Revision // what was not taken up
	if err == nil {
		drop = head.Revision
	}
	if err == nil || errors.Is(err, errMoved) {
		// Chunks left behind are garbage, never a wrong answer.
		if _, derr := c.DeleteMany(ctx, field("_id.revision", drop)); err == nil {
			err = derr
		}
	}
	return err
}
