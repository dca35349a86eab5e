// Package photos turns a picture as a phone sends it into the one that is kept
// with a case.
//
// Nothing of the file survives but what is to be seen: the picture is decoded, set
// upright, scaled down and written anew as JPEG. Where and when it was taken, with
// what, the thumbnail of before it was cropped, and whatever else was hidden in the
// file are gone. The same bytes always give the same picture, so that it can be
// kept under the hash of its content (by one version of Go: another may write JPEG
// a little differently, and then the same photo is kept twice).
//
// What is sent is not trusted. The type is told from the content. How large a
// picture will become is read before any of it is decoded, and its scans are
// counted, so that a small file cannot cost much time. Most memory goes to a JPEG in
// layers, 16 bytes a pixel: 400 MB for the largest. Whoever takes pictures from many
// cleans them one after the other.
package photos

import (
	"bytes"
	"errors"
	"image/jpeg"
	"image/png"
)

// The limits.
const (
	MaxBytes  = 5 << 20    // of a file as it is sent, and of a picture as it is kept
	MaxPixels = 25_000_000 // of a picture as it is sent: one of 24 megapixels fits
	MaxEdge   = 2048       // pixels of the longer edge as it is kept; print that fills the picture stays readable
	maxScans  = 100        // of a JPEG that comes in layers; usual ones have about ten
	quality   = 85         // of the JPEG, in hundred
)

// Why a picture is refused. What to do is: send a smaller one, or another.
var (
	ErrTooLarge   = errors.New("the file is larger than 5 MB")
	ErrNotPicture = errors.New("not a whole JPEG or PNG picture")
	ErrTooMany    = errors.New("the picture has more than 25 million pixels")
)

// Clean returns the picture to keep for a file: an upright JPEG without any
// metadata, neither edge above [MaxEdge]. Only JPEG and PNG are taken.
func Clean(file []byte) ([]byte, error) {
	if len(file) > MaxBytes {
		return nil, ErrTooLarge
	}
	read, config, turn := png.Decode, png.DecodeConfig, upright
	switch {
	case bytes.HasPrefix(file, []byte("\x89PNG\r\n\x1a\n")):
	case bytes.HasPrefix(file, []byte("\xff\xd8\xff")):
		var scans int
		if turn, scans = look(file); scans > maxScans {
			return nil, ErrNotPicture
		}
		read, config = jpeg.Decode, jpeg.DecodeConfig
	default:
		return nil, ErrNotPicture
	}
	size, err := config(bytes.NewReader(file))
	switch {
	case err != nil || size.Width < 1 || size.Height < 1:
		return nil, ErrNotPicture
	case int64(size.Width)*int64(size.Height) > MaxPixels:
		return nil, ErrTooMany
	}
	picture, err := read(bytes.NewReader(file))
	if err != nil {
		return nil, ErrNotPicture
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, turn.apply(scale(picture)), &jpeg.Options{Quality: quality}); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}
