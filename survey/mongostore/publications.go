package mongostore

import (
	"context"
	"encoding/json"
	"errors"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"manyi/survey"
)

// publicationDoc is a publication: the head as JSON without the bodies of its
// documents, which lie beside it.
type publicationDoc struct {
	ID      publicationID `bson:"_id"`
	Doc     string        `bson:"doc"`
	Public  []byte        `bson:"public,omitempty"`
	Auditor []byte        `bson:"auditor,omitempty"`
}

type publicationID struct {
	Source string `bson:"source"`
	Survey string `bson:"survey"`
	Period string `bson:"period"`
	No     int    `bson:"no"`
}

// withoutBodies leaves out the bodies of documents.
var withoutBodies = bson.D{{Key: "public", Value: 0}, {Key: "auditor", Value: 0}}

// PutPublication implements survey.PublicationStore. One made here needs the one
// before it: as none is ever removed, of two with one number one finds the _id taken.
func (s *Store) PutPublication(ctx context.Context, p survey.Publication) error {
	if err := p.Check(); err != nil {
		return err
	}
	return s.do(ctx, "store publication", func() error {
		c := s.db.Collection("publications")
		d := publicationDoc{ID: publicationID(p.PublicationID), Public: p.Public.Body, Auditor: p.Auditor.Body}
		if before := d.ID; p.Source == "" && p.No > 1 {
			before.No--
			if _, err := one[publicationDoc](ctx, c, byID(before), options.FindOne().SetProjection(withoutBodies)); err != nil {
				if errors.Is(err, mongo.ErrNoDocuments) {
					err = survey.ErrExists
				}
				return err
			}
		}
		p.Public.Body, p.Auditor.Body = nil, nil
		head, err := json.Marshal(p)
		if err == nil {
			d.Doc = string(head)
			_, err = c.InsertOne(ctx, d)
		}
		return err
	})
}

// CompletePublication implements survey.PublicationStore. The head says which documents
// there are, so whoever finds it changed was not the first.
func (s *Store) CompletePublication(ctx context.Context, p survey.Publication) error {
	return s.do(ctx, "complete publication", func() error {
		c := s.db.Collection("publications")
		d, there, err := s.publication(ctx, p.PublicationID)
		if err == nil {
			there, err = there.Completed(p)
		}
		if err != nil {
			return err
		}
		before := d.Doc
		d.Public, d.Auditor = there.Public.Body, there.Auditor.Body
		there.Public.Body, there.Auditor.Body = nil, nil
		head, err := json.Marshal(there)
		if err != nil {
			return err
		}
		d.Doc = string(head)
		done, err := c.ReplaceOne(ctx, append(byID(d.ID), bson.E{Key: "doc", Value: before}), d)
		if err == nil && done.MatchedCount == 0 {
			err = survey.ErrExists
		}
		return err
	})
}

// Publication implements survey.PublicationStore.
func (s *Store) Publication(ctx context.Context, id survey.PublicationID) (p survey.Publication, err error) {
	err = s.do(ctx, "read publication", func() error {
		_, p, err = s.publication(ctx, id)
		return err
	})
	return p, err
}

func (s *Store) publication(ctx context.Context, id survey.PublicationID) (d publicationDoc, p survey.Publication, err error) {
	if d, err = one[publicationDoc](ctx, s.db.Collection("publications"), byID(publicationID(id))); err == nil {
		err = json.Unmarshal([]byte(d.Doc), &p)
	}
	p.Public.Body, p.Auditor.Body = d.Public, d.Auditor
	return d, p, err
}

// Publications implements survey.PublicationStore.
func (s *Store) Publications(ctx context.Context, q survey.PublicationQuery, yield func(survey.Publication) error) error {
	return s.do(ctx, "list publications", func() error {
		filter := bson.D{}
		for name, value := range map[string]string{"_id.survey": q.Survey, "_id.period": q.Period} {
			if value != "" {
				filter = append(filter, bson.E{Key: name, Value: value})
			}
		}
		if q.Here {
			filter = append(filter, bson.E{Key: "_id.source", Value: ""})
		}
		if q.Taken {
			filter = append(filter, bson.E{Key: "_id.source", Value: bson.D{{Key: "$gt", Value: ""}}})
		}
		order := sorted("_id.source", "_id.survey", "_id.period", "_id.no").SetProjection(withoutBodies).SetBatchSize(100)
		return eachSheet(ctx, s.db.Collection("publications"), filter, order, yield)
	})
}
