package mongostore

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"

	"go.mongodb.org/mongo-driver/bson"
	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/mongo/options"

	"manyi/survey"
)

type sheetDoc struct {
	ID  sheetID `bson:"_id"`
	Doc string  `bson:"doc"` // the sheet as JSON
}

type sheetID struct {
	Survey string      `bson:"survey"`
	AsOf   survey.Span `bson:"as_of"`
	No     int         `bson:"no"`
}

// PutCaseSheet implements survey.CaseSheetStore.
func (s *Store) PutCaseSheet(ctx context.Context, sheet survey.CaseSheet) error {
	return s.do(ctx, "store case sheet", func() error {
		doc, err := json.Marshal(sheet)
		if err == nil {
			_, err = s.db.Collection("case_sheets").InsertOne(ctx, sheetDoc{sheetID{sheet.Survey, sheet.AsOf, sheet.No}, string(doc)})
		}
		return err
	})
}

// CaseSheet implements survey.CaseSheetStore.
func (s *Store) CaseSheet(ctx context.Context, id string, day survey.Span) (sheet survey.CaseSheet, err error) {
	err = s.do(ctx, "read case sheet", func() error {
		filter := bson.D{{Key: "_id.survey", Value: id}}
		if day != 0 {
			filter = append(filter, bson.E{Key: "_id.as_of", Value: day})
		}
		d, err := one[sheetDoc](ctx, s.db.Collection("case_sheets"), filter, options.FindOne().SetSort(bson.D{{Key: "_id.as_of", Value: -1}, {Key: "_id.no", Value: -1}}))
		if err != nil {
			return err
		}
		return json.Unmarshal([]byte(d.Doc), &sheet)
	})
	return sheet, err
}

// CaseSheets implements survey.CaseSheetStore.
func (s *Store) CaseSheets(ctx context.Context, yield func(survey.CaseSheet) error) error {
	return s.do(ctx, "read case sheets", func() error {
		return eachSheet(ctx, s.db.Collection("case_sheets"), bson.D{}, sorted("_id.survey", "_id.as_of", "_id.no").SetBatchSize(10), yield)
	})
}

// eachSheet calls yield for the sheets that are kept as JSON in a field doc.
func eachSheet[T any](ctx context.Context, c *mongo.Collection, filter bson.D, order *options.FindOptions, yield func(T) error) error {
	cursor, err := c.Find(ctx, filter, order)
	if err != nil {
		return err
	}
	defer cursor.Close(ctx)
	for cursor.Next(ctx) {
		var d struct {
			Doc string `bson:"doc"`
		}
		var sheet T
		if err := cursor.Decode(&d); err != nil {
			return err
		}
		if err := json.Unmarshal([]byte(d.Doc), &sheet); err != nil {
			return err
		}
		if err := yield(sheet); err != nil {
			return err
		}
	}
	return cursor.Err()
}

// fileDoc is an attachment. One document holds any that is allowed, and is there
// whole or not at all.
type fileDoc struct {
	Hash []byte `bson:"_id"`
	Data []byte `bson:"data"`
}

// PutFile implements survey.FileStore.
func (s *Store) PutFile(ctx context.Context, hash [32]byte, data []byte) error {
	return s.do(ctx, "store file", func() error {
		_, err := s.db.Collection("files").InsertOne(ctx, fileDoc{hash[:], data})
		if mongo.IsDuplicateKeyError(err) {
			err = nil
		}
		return err
	})
}

// File implements survey.FileStore.
func (s *Store) File(ctx context.Context, hash [32]byte) (data []byte, err error) {
	err = s.do(ctx, "read file", func() error {
		d, err := one[fileDoc](ctx, s.db.Collection("files"), byID(hash[:]))
		data = d.Data
		return err
	})
	return data, err
}

// Files implements survey.FileStore.
func (s *Store) Files(ctx context.Context, yield func([32]byte, []byte) error) error {
	return s.do(ctx, "read files", func() error {
		cursor, err := s.db.Collection("files").Find(ctx, bson.D{}, sorted("_id").SetBatchSize(2))
		if err != nil {
			return err
		}
		defer cursor.Close(ctx)
		for cursor.Next(ctx) {
			var d fileDoc
			if err := cursor.Decode(&d); err != nil {
				return err
			}
			if err := yield([32]byte(d.Hash), d.Data); err != nil {
				return err
			}
		}
		return cursor.Err()
	})
}

// calendarDoc is one document, so that a list of days is taken in whole.
type calendarDoc struct {
	Days map[string]dayDoc `bson:"days"` // by the day's digits
}

type dayDoc struct {
	Work bool   `bson:"work"`
	Name string `bson:"name"`
}

// PutCalendar implements survey.CalendarStore.
func (s *Store) PutCalendar(ctx context.Context, days []survey.CalendarDay) error {
	return s.do(ctx, "store calendar", func() error {
		set := bson.D{}
		for _, d := range days {
			set = append(set, bson.E{Key: "days." + strconv.Itoa(int(d.Day)), Value: dayDoc{d.Work, d.Name}})
		}
		if len(set) == 0 {
			return nil
		}
		_, err := s.db.Collection("state").UpdateOne(ctx, byID("calendar"), bson.D{{Key: "$set", Value: set}}, options.Update().SetUpsert(true))
		return err
	})
}

// CalendarDays implements survey.CalendarStore.
func (s *Store) CalendarDays(ctx context.Context) (out []survey.CalendarDay, err error) {
	err = s.do(ctx, "read calendar", func() error {
		d, err := one[calendarDoc](ctx, s.db.Collection("state"), byID("calendar"))
		if errors.Is(err, mongo.ErrNoDocuments) {
			return nil
		}
		for _, day := range slices.Sorted(maps.Keys(d.Days)) {
			n, nerr := strconv.Atoi(day)
			if nerr != nil {
				return nerr
			}
			out = append(out, survey.CalendarDay{Day: survey.Span(n), Work: d.Days[day].Work, Name: d.Days[day].Name})
		}
		return err
	})
	return out, err
}
