package mongostore

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"go.mongodb.org/mongo-driver/mongo"
	"go.mongodb.org/mongo-driver/x/mongo/driver/topology"

	"manyi/survey"
)

// Codes of MongoDB's errors: https://www.mongodb.com/docs/manual/reference/error-codes/
const (
	commandNotFound      = 59
	outOfDiskSpace       = 14031
	tooLarge             = 10334 // BSONObjectTooLarge
	authenticationFailed = 18
	unauthorized         = 13
	atlasError           = 8000 // a wrong password, on Atlas
)

// translate turns the driver's errors into those of the contract, by code. What
// the server says about a single document is that it refuses it. Anything else
// that goes wrong between here and the server says nothing about the documents,
// only that the store cannot be used at the moment.
func translate(err error) error {
	var write mongo.WriteException
	var bulk mongo.BulkWriteException
	var command mongo.CommandError
	var selection topology.ServerSelectionError
	var connection topology.ConnectionError
	var queue topology.WaitQueueTimeoutError
	switch {
	case err == nil, errors.Is(err, survey.ErrUnavailable), errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, mongo.ErrNoDocuments):
		return survey.ErrNotFound
	case mongo.IsDuplicateKeyError(err):
		return survey.ErrExists
	case code(err) == outOfDiskSpace:
		return fmt.Errorf("%w: MongoDB is out of disk space", survey.ErrFull)
	case code(err) == tooLarge:
		return errors.New("MongoDB refuses a document: too large")
	case mongo.IsTimeout(err), mongo.IsNetworkError(err), errors.As(err, &selection), errors.As(err, &connection), errors.As(err, &queue),
		errors.Is(err, mongo.ErrClientDisconnected):
		return fmt.Errorf("%w: %w", survey.ErrUnavailable, err)
	case errors.As(err, &write):
		return refused(write.WriteErrors, write.WriteConcernError)
	case errors.As(err, &bulk):
		errs := make(mongo.WriteErrors, len(bulk.WriteErrors))
		for i, e := range bulk.WriteErrors {
			errs[i] = e.WriteError
		}
		return refused(errs, bulk.WriteConcernError)
	case errors.As(err, &command):
		return fmt.Errorf("%w: MongoDB answered %s (%d)", survey.ErrUnavailable, command.Name, command.Code)
	}
	return err
}

// refused tells a write that no majority acknowledged from a document that was
// refused. The message stays here: it may quote the document.
func refused(errs mongo.WriteErrors, concern *mongo.WriteConcernError) error {
	if concern != nil {
		return fmt.Errorf("%w: not acknowledged by a majority (%s, %d)", survey.ErrUnavailable, concern.Name, concern.Code)
	}
	for _, e := range errs {
		if !passing[e.Code] {
			return fmt.Errorf("MongoDB refuses a document: code %d", e.Code)
		}
	}
	return fmt.Errorf("%w: write interrupted", survey.ErrUnavailable)
}

// passing lists the codes that a single write may carry although nothing is wrong
// with its document: the server is changing its primary, shutting down or busy.
var passing = map[int]bool{
	6: true, 7: true, 24: true, 50: true, 64: true, 89: true, 91: true, 112: true, 133: true, 189: true, 262: true,
	9001: true, 10107: true, 11600: true, 11602: true, 13435: true, 13436: true, unauthorized: true,
}

// code is the code of a command's or the first write's error, 0 if it has none.
func code(err error) int {
	var command mongo.CommandError
	var write mongo.WriteException
	var bulk mongo.BulkWriteException
	switch {
	case errors.As(err, &command):
		return int(command.Code)
	case errors.As(err, &write) && len(write.WriteErrors) > 0:
		return write.WriteErrors[0].Code
	case errors.As(err, &bulk) && len(bulk.WriteErrors) > 0:
		return bulk.WriteErrors[0].Code
	}
	return 0
}

// explain says what is wrong when there is no contact, and what to do. Neither the
// driver's words nor the URI are part of it where they could hold a password.
func explain(err error) error {
	if err == nil || errors.Is(err, mongo.ErrNoDocuments) {
		return nil
	}
	if errors.Is(err, context.Canceled) {
		return err
	}
	var what string
	causes := causesOf(err)
	switch {
	case anyIs[*tls.CertificateVerificationError](causes), anyIs[x509.UnknownAuthorityError](causes), anyIs[x509.HostnameError](causes), anyIs[x509.CertificateInvalidError](causes):
		what = "its TLS certificate is not trusted here: name the authority with tlsCAFile=… in MONGODB_URI, and the host as the certificate does"
	case anyIs[tls.RecordHeaderError](causes), anyIs[tls.AlertError](causes):
		what = "it does not speak TLS as MONGODB_URI wants: leave tls=true out, or set TLS up on the server"
	case wrongPassword(err), anyOf(causes, wrongPassword):
		what = "it refuses the user or password in MONGODB_URI: check both, and authSource=…"
	case anyIs[*net.DNSError](causes):
		what = "its name is not known: check the host in MONGODB_URI"
	case anyOf(causes, func(e error) bool { return errors.Is(e, io.EOF) || strings.Contains(e.Error(), "connection reset") }):
		what = "it ends the connection at once: if it wants TLS, add tls=true to MONGODB_URI"
	default:
		what = "check that it runs, that a primary is elected, and host and port in MONGODB_URI"
	}
	return fmt.Errorf("%w: MongoDB cannot be used: %s", survey.ErrUnavailable, what)
}

func wrongPassword(err error) bool {
	switch code(err) {
	case authenticationFailed, unauthorized, atlasError:
		return true
	}
	return strings.Contains(err.Error(), "unable to authenticate") // the driver gives it no code of its own
}

// causesOf lists an error and what the driver noted about each server.
func causesOf(err error) []error {
	causes := []error{err}
	var selection topology.ServerSelectionError
	if errors.As(err, &selection) {
		for _, server := range selection.Desc.Servers {
			if server.LastError != nil {
				causes = append(causes, server.LastError)
			}
		}
	}
	return causes
}

func anyIs[T error](causes []error) bool {
	return anyOf(causes, func(e error) bool {
		var want T
		return errors.As(e, &want)
	})
}

func anyOf(causes []error, is func(error) bool) bool {
	for _, e := range causes {
		if is(e) {
			return true
		}
	}
	return false
}

// without takes words out of a message.
func without(message string, words ...string) string {
	for _, w := range words {
		if w != "" {
			message = strings.ReplaceAll(message, w, "…")
		}
	}
	return message
}
