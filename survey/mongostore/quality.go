package mongostore

import (
	"context"
	"encoding/json"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo/options"

	"manyi/survey"
)

type qualityDoc struct {
	ID  qualityID `bson:"_id"`
	Doc string    `bson:"doc"` // the sheet as JSON
}

type qualityID struct {
	Day    survey.Span `bson:"day"`
	Bureau string      `bson:"bureau"`
	Survey string      `bson:"survey"`
}

// PutQuality implements survey.QualityStore.
func (s *Store) PutQuality(ctx context.Context, sheet survey.QualitySheet) error {
	return s.do(ctx, "store quality sheet", func() error {
		doc, err := json.Marshal(sheet)
		if err == nil {
			id := qualityID{sheet.Day, sheet.Bureau, sheet.Survey}
			_, err = s.db.Collection("quality").ReplaceOne(ctx, byID(id), qualityDoc{id, string(doc)}, options.Replace().SetUpsert(true))
		}
		return err
	})
}

// Quality implements survey.QualityStore.
func (s *Store) Quality(ctx context.Context, id, bureau string, from, to survey.Span, yield func(survey.QualitySheet) error) error {
	return s.do(ctx, "read quality sheets", func() error {
		filter := bson.D{{Key: "_id.day", Value: bson.D{{Key: "$gte", Value: from}, {Key: "$lte", Value: to}}}}
		if id != "" {
			filter = append(filter, bson.E{Key: "_id.survey", Value: id})
		}
		if bureau != "" {
			filter = append(filter, bson.E{Key: "_id.bureau", Value: bureau})
		}
		return eachSheet(ctx, s.db.Collection("quality"), filter, sorted("_id.day", "_id.bureau", "_id.survey").SetBatchSize(100), yield)
	})
}
