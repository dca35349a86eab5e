// Package tools names MongoDB's own backup tools, so that their version is fixed.
// They are built into .ci/mongo/bin for the test of a backup's round trip:
//
//	go build -C .ci/mongo/tools -o ../bin/mongodump github.com/mongodb/mongo-tools/mongodump/main
//	go build -C .ci/mongo/tools -o ../bin/mongorestore github.com/mongodb/mongo-tools/mongorestore/main
//
// It is a module of its own: nothing of it is part of the product.
package tools

import (
	_ "github.com/mongodb/mongo-tools/mongodump"
	_ "github.com/mongodb/mongo-tools/mongorestore"
)
